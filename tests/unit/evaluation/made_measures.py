"""Made-up measurements for the tests of experiments: whole runs that were drawn, and runs with chosen metrics."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Tuple

import made_results

from cosco_splitplace.config import Settings
from cosco_splitplace.evaluation.measures import RunMeasures, measures_of
from cosco_splitplace.evaluation.reproduction.experiment import Data, Experiment, Planned, Variant
from cosco_splitplace.evaluation.sweep import Run
from cosco_splitplace.rewards.metrics import METRICS

Values = Mapping[Tuple[str, str], Mapping[str, Sequence[float]]]  # (model, variant): metric: one value a seed


def drawn_measures(one: Run) -> RunMeasures:
    """Stands in for ``measured_run``: a drawn run of a few intervals; importable by worker processes."""
    run = {"intervals": 24, "drain_intervals": 0}
    few = one.settings.replace(run=run, cluster={"hosts": 4}, arrivals={"rate": 3.0})
    return measures_of(made_results.made_result(few, one.model), one)


def crashing_measures(one: Run) -> RunMeasures:
    """Crashes for seed 1 of L+least-loaded."""
    if one.model == "L+least-loaded" and one.seed == 1:
        raise RuntimeError("the engine lost a byte")
    return drawn_measures(one)


def chosen_data(values: Values, application: str = "MNIST") -> Data:
    """Data whose metrics are those of `values`, over all tasks and for one application; every other metric is 0."""
    variants = list(dict.fromkeys(variant for _, variant in values))
    measured: List[Tuple[Planned, RunMeasures]] = []
    for (model, variant), metrics in values.items():
        for seed in range(len(next(iter(metrics.values())))):
            run = Run(model, Settings().replace(run={"seed": seed}))
            own: Dict[str, float] = {one.name: 0.0 for one in METRICS}
            own.update({name: float(series[seed]) for name, series in metrics.items()})
            measured.append((
                Planned(Variant(variant, x=float(variants.index(variant))), run),
                RunMeasures(run, {application: "synthetic"}, own, {application: own}, {}),
            ))  # fmt: skip
    experiment = Experiment("made", "Made up", "ours", (), ("reward",), variants=[Variant(one) for one in variants])
    return Data(experiment, measured)
