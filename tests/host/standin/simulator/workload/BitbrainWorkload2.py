"""Like COSCO's: downloads its data set if the folder is not there, and takes an empty folder for the data set."""
import os

import wget

from .Workload import Workload


class BWGD2(Workload):
    def __init__(self, meanNumContainers, sigmaNumContainers):
        super().__init__()
        folder = "simulator/workload/datasets/bitbrain/"
        if not os.path.exists(folder):
            os.makedirs(folder)
            wget.download("http://example.invalid/rnd.zip")
        with open(folder + "rnd/1.csv") as stream:
            self.first = stream.readline()
