class Workload:
    def __init__(self):
        self.creation_id = 0
        self.createdContainers = []
        self.deployedContainers = []

    def getUndeployedContainers(self):
        return [one for one, deployed in zip(self.createdContainers, self.deployedContainers) if not deployed]

    def updateDeployedContainers(self, creationIDs):
        for one in creationIDs:
            assert not self.deployedContainers[one]
            self.deployedContainers[one] = True
