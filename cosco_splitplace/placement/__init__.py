"""Step 4: which host does a fragment get? `PLACERS` is the open registry."""
from __future__ import annotations

from ..registry import Registry
from .gradient import DasoPlacer, GobiPlacer, PricedDasoPlacer
from .heuristics import FirstFitPlacer, LeastLoadedPlacer, RandomPlacer
from .port import WAIT, PlacementProblem, Placer, PlacerSetup
from .set_placer import DasoSetPlacer

PLACERS: Registry[Placer] = Registry("placer")
PLACERS.register("random", RandomPlacer, "a random host that has room")
PLACERS.register("first-fit", FirstFitPlacer, "the first host that has room")
PLACERS.register("least-loaded", LeastLoadedPlacer, "the host whose CPU is asked for least")
PLACERS.register("gobi", GobiPlacer, "gradient search through a surrogate of state and placement")
PLACERS.register("daso", DasoPlacer, "the paper's: gradient search through a decision-aware surrogate")
PLACERS.register("daso-priced", PricedDasoPlacer, "daso with a price on contention in its surrogate")
PLACERS.register("daso-set", DasoSetPlacer, "ours: search through a surrogate of pairs, for any number of hosts")

__all__ = ["PLACERS", "WAIT", "PlacementProblem", "Placer", "PlacerSetup"]
