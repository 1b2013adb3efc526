from .RM import RM


class RMConstant(RM):
    def __init__(self, constant_size, constant_read, constant_write):
        super().__init__()
        self.amounts = constant_size, constant_read, constant_write

    def ram(self):
        return self.amounts
