import os

import matplotlib.pyplot as plt
import numpy as np
import scienceplots
import torch
from src.constants import *

plt.style.use(["science", "ieee"])
plt.rcParams["text.usetex"] = True


def largest_ips():
    return float(np.array([1500], dtype=np.float).max())
