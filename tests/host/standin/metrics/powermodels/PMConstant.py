from .PM import PM


class PMConstant(PM):
    def __init__(self, constant):
        super().__init__()
        self.powerlist = [constant] * 11
