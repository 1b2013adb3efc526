class DM:
    def __init__(self):
        self.container = None

    def allocContainer(self, container):
        self.container = container
