"""What hosts draw at a share of their CPU."""
from __future__ import annotations

import numpy as np

from .cluster import Cluster
from .records import FloatArray


def power_at(cluster: Cluster, share: FloatArray) -> FloatArray:
    """The hosts' power in watts at a share of their CPU, (n_hosts,)."""
    steps = np.linspace(0.0, 1.0, cluster.power_w.shape[1])
    powers: FloatArray = np.array([np.interp(one, steps, curve) for one, curve in zip(share, cluster.power_w)])
    return powers
