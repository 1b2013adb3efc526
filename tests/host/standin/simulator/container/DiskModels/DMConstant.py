from .DM import DM


class DMConstant(DM):
    def __init__(self, constant_size, constant_read, constant_write):
        super().__init__()
        self.amounts = constant_size, constant_read, constant_write

    def disk(self):
        return self.amounts
