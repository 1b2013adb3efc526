"""A world that changes: every link loses half its bandwidth at interval 50. ``python benchmarks/change_point.py``.

Prints a Markdown table over the tuning seeds: the drained reward of the tasks that arrived before and after the change,
and, of the layer splits that the deadline decider chose after it, how many it expected to keep their deadline and how
many did.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict

import numpy as np
from joblib import Parallel, delayed

from cosco_splitplace.evaluation.models import resolve_model
from cosco_splitplace.mobility.trace import MobilityTrace, read_trace, write_trace
from cosco_splitplace.records import LAYER
from cosco_splitplace.regimes import load_regime
from cosco_splitplace.simulation import simulate

REGIMES = ("contended", "slack", "tight-ram")
MODELS = ("SplitPlace+", "S+daso-set", "M+daso-set", "S+least-loaded")
CHANGE = 50
SHOWN = ("before", "after", "layer_after", "expected", "kept")


def halved_links(path: Path) -> None:
    """Write the shipped trace with half the bandwidth from the change on."""
    trace = read_trace()
    share = trace.bandwidth_share.copy()
    share[CHANGE:] /= 2
    write_trace(MobilityTrace(trace.latency_factor, share), path)


def measured(regime: str, model: str, seed: int, trace: str) -> Dict[str, float]:
    """One run's figures, named as in `SHOWN`."""
    named = resolve_model(model)
    settings = load_regime(regime).settings().replace(
        run={"decider": named.decider, "placer": named.placer, "seed": seed}, cluster={"mobility_file": trace}
    )
    result = simulate(settings)
    late = [one for one in result.outcomes if one.task.arrival_interval >= CHANGE]
    layer = [one for one in late if one.split == LAYER]
    expected = [result.decisions[one.task.task_id].p_deadline for one in layer]
    return {
        "before": float(np.mean([one.reward for one in result.outcomes if one.task.arrival_interval < CHANGE])),
        "after": float(np.mean([one.reward for one in late])),
        "layer_after": len(layer) / len(late),
        "expected": float(np.mean(expected)) if layer else float("nan"),
        "kept": float(np.mean([not one.violated for one in layer])) if layer else float("nan"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="tuning seeds, from 0")
    seeds = parser.parse_args().seeds
    with TemporaryDirectory() as folder:
        trace = str(Path(folder) / "halved.csv")
        halved_links(Path(trace))
        cases = [(regime, model) for regime in REGIMES for model in MODELS]
        work = [(regime, model, seed, trace) for regime, model in cases for seed in range(seeds)]
        found = Parallel(n_jobs=os.cpu_count())(delayed(measured)(*one) for one in work)
    heads = ("regime", "model", "reward before", "after", "layer splits after", "expected to keep it", "kept it")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for number, (regime, model) in enumerate(cases):
        rows = found[number * seeds : (number + 1) * seeds]
        means = [np.mean([one[name] for one in rows]) for name in SHOWN]
        print(f"| {regime} | {model} | " + " | ".join(f"{one:.4f}" if one == one else "-" for one in means) + " |")


if __name__ == "__main__":
    main()
