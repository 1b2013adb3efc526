class RAM:
    def __init__(self, Size, Read, Write):
        self.size, self.read, self.write = Size, Read, Write
