"""A decider of your own: layer split for patient tasks, semantic split for the others.

python examples/own_decider.py
cosco-splitplace run --decider own_decider:PatientDecider      (with examples/ on PYTHONPATH)
COSCO_SPLITPLACE_DECIDERS=own_decider:PatientDecider pytest --pyargs cosco_splitplace.contract
"""
from typing import List, Sequence

from cosco_splitplace.config import Settings
from cosco_splitplace.deciders import Decider, DeciderSetup
from cosco_splitplace.records import LAYER, SEMANTIC, Decision, Task
from cosco_splitplace.simulation import simulate


class PatientDecider(Decider):
    """Layer split where the deadline is at least `patience` intervals away."""

    patience = 12

    def __init__(self, setup: DeciderSetup) -> None:
        """`setup` holds the settings, the applications and a random generator."""

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [
            Decision(LAYER, "patient") if task.deadline_intervals >= self.patience else Decision(SEMANTIC, "in a hurry")
            for task in tasks
        ]


if __name__ == "__main__":
    world = Settings().replace(cluster={"hosts": 10}, arrivals={"rate": 1.2}, run={"intervals": 20, "seed": 1})
    for decider in ("own_decider:PatientDecider", "layer", "semantic"):
        metrics = simulate(world.replace(run={"decider": decider, "placer": "least-loaded"})).metrics
        print(f"{decider:27} layer {metrics['layer_fraction']:4.0%}  reward {metrics['reward']:.3f}")
