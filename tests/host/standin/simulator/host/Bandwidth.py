class Bandwidth:
    def __init__(self, Downlink, Uplink):
        self.downlink, self.uplink = Downlink, Uplink
