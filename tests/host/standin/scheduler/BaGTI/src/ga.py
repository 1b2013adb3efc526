import torch


class Individual:
    def __init__(self, dataset, f, bounds, data_type, hosts, chromosome=[]):
        self.chromosome = torch.tensor(chromosome if chromosome != [] else dataset[0], dtype=torch.float)
        self.fitness = f(self.chromosome)
