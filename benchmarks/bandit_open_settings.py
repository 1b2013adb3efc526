"""What the settings change that the paper leaves open: ``python benchmarks/bandit_open_settings.py [--seeds 10]``.

For each regime and each setting, the bandit is trained as ``train mab`` does, and then runs with least-loaded placement
on the tuning seeds. Prints a Markdown table: drained reward and share of layer splits, mean over the seeds.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Tuple

import numpy as np
from joblib import Parallel, delayed

from cosco_splitplace.regimes import load_regime
from cosco_splitplace.simulation import simulate
from cosco_splitplace.training import TRAINING_SEED, train_bandit, training_origin

REGIMES = ("contended", "slack", "tight-ram")
PLACERS = ("random", "least-loaded", "daso")  # during training
OPEN: Dict[str, Tuple[Any, ...]] = {
    "step_size": (0.02, 0.1, 0.5),
    "ema_weight": (0.1, 0.9),
    "estimate_start": (0.0, 0.5, 1.0),
    "threshold_start": (0.01, 0.1, 0.5),
    "empty_cell": ("keep", "zero"),
}


def effect(regime: str, placer: str, changes: Dict[str, Any], seeds: int) -> Tuple[float, float]:
    """Mean drained reward and layer fraction of a bandit with `changes` that was trained with `placer`."""
    world = load_regime(regime).settings()
    training = world.replace(run={"placer": placer, "seed": TRAINING_SEED}, bandit=changes)
    state, run = train_bandit(training)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bandit.json"
        state.write(path, training_origin(run.settings))
        found = [
            simulate(
                world.replace(
                    run={"decider": "mab", "placer": "least-loaded", "seed": seed},
                    bandit={**changes, "state_file": str(path)},
                )
            ).metrics
            for seed in range(seeds)
        ]
    return tuple(float(np.mean([one[name] for one in found])) for name in ("drained_reward", "layer_fraction"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="tuning seeds, from 0")
    seeds = parser.parse_args().seeds
    cases = [("trained with", one, one, {}) for one in PLACERS]
    cases += [(name, value, "random", {name: value}) for name, values in OPEN.items() for value in values]
    work = [(regime, placer, changes, seeds) for _, _, placer, changes in cases for regime in REGIMES]
    found = Parallel(n_jobs=os.cpu_count())(delayed(effect)(*one) for one in work)
    print("| setting | value | " + " | ".join(REGIMES) + " |\n|" + "---|" * (2 + len(REGIMES)))
    for number, (name, value, _, _) in enumerate(cases):
        cells = found[number * len(REGIMES) : (number + 1) * len(REGIMES)]
        print(f"| {name} | {value} | " + " | ".join(f"{reward:.4f} ({layer:.0%})" for reward, layer in cells) + " |")


if __name__ == "__main__":
    main()
