"""Placers that learn nothing and never move a running fragment."""
from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ..records import IntArray
from .feasibility import assign_by_score, assign_least_loaded
from .port import PlacementProblem, Placer, PlacerSetup


class HeuristicPlacer(Placer):
    """Places the queue, in order; running fragments stay."""

    def __init__(self, setup: PlacerSetup) -> None:
        self._setup = setup

    def place(self, problem: PlacementProblem) -> IntArray:
        hosts = problem.current.copy()
        queued = problem.queued
        if queued.any():
            hosts[queued] = self.place_queue(problem)
        return hosts

    @abstractmethod
    def place_queue(self, problem: PlacementProblem) -> IntArray:
        """Hosts for the queued fragments, in order, (n_queued,)."""


class RandomPlacer(HeuristicPlacer):
    """A uniformly random host among those that have room."""

    def place_queue(self, problem: PlacementProblem) -> IntArray:
        scores = self._setup.generator.random((int(problem.queued.sum()), problem.cluster.n_hosts))
        hosts: IntArray = assign_by_score(scores, problem.ram_mb[problem.queued], problem.free_ram_mb)
        return hosts


class FirstFitPlacer(HeuristicPlacer):
    """The first host, in Table 3's order, that has room."""

    def place_queue(self, problem: PlacementProblem) -> IntArray:
        scores = np.zeros((int(problem.queued.sum()), problem.cluster.n_hosts))
        hosts: IntArray = assign_by_score(scores, problem.ram_mb[problem.queued], problem.free_ram_mb)
        return hosts


class LeastLoadedPlacer(HeuristicPlacer):
    """The host whose CPU is asked for least, counting the fragments that are placed there."""

    def place_queue(self, problem: PlacementProblem) -> IntArray:
        cluster = problem.cluster
        placed = np.bincount(problem.current[~problem.queued], minlength=cluster.n_hosts)
        demand = cluster.fragment_mips(self._setup.settings.fragments.cores) / cluster.mips
        hosts: IntArray = assign_least_loaded(
            placed, demand, problem.ram_mb[problem.queued], problem.free_ram_mb
        )
        return hosts
