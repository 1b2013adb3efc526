"""What an experiment is: models in worlds, a figure, and what is claimed of it. All data, run by ``running``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import pandas as pd
from matplotlib.figure import Figure

from ...config import Settings
from ...regimes import load_regime
from ..measures import ALL, RunMeasures
from ..models import resolve_model
from ..sweep import Run

Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Variant:
    """A world: what it changes of the settings that all runs begin with.

    ``x`` is where it stands on an axis; ``models`` are those that run in it, where not all do; ``regime`` is the
    calibrated world that it begins with instead of the one that was asked for.
    """

    label: str
    changes: Changes = field(default_factory=dict)
    x: float = math.nan
    models: Sequence[str] = ()
    regime: str = ""

    def settings(self, base: Settings) -> Settings:
        """The settings of its runs, without model and seed."""
        start = load_regime(self.regime).settings() if self.regime else base
        return start.replace(**{name: dict(values) for name, values in self.changes.items()})


NORMAL = Variant("normal")


@dataclass(frozen=True)
class Finding:
    """What was claimed, what was found, and the verdict, all in words that were made from the data."""

    claim: str
    found: str
    verdict: str


@dataclass(frozen=True)
class Experiment:
    """One experiment of the paper or of ours.

    Parameters
    ----------
    name : what ``reproduce`` calls it.
    title, source : for people; the source is the paper's section and figure, or "ours".
    models, variants : every model runs in every world.
    metrics : what its tables show.
    draw : its figure; None for a table.
    caption : what the figure shows and how to read it.
    claims : what the paper says of it, each judged by the data.
    expected : the same of what we expect ourselves.
    how : how it is done here, where that needs a word.
    why : why what the paper claims may not hold here; told where something does not.
    by_application : whether its tables tell the applications apart.
    curves : whether its data hold what happened interval by interval.
    """

    name: str
    title: str
    source: str
    models: Sequence[str]
    metrics: Sequence[str]
    claims: Sequence["Claim"] = ()
    expected: Sequence["Claim"] = ()
    variants: Sequence[Variant] = (NORMAL,)
    draw: "Draw | None" = None
    caption: str = ""
    how: str = ""
    why: str = ""
    by_application: bool = False
    curves: bool = False

    def plan(self, seeds: Sequence[int], base: Settings) -> "List[Planned]":
        """Every run that the experiment needs."""
        planned = []
        for variant in self.variants:
            world = variant.settings(base)
            for name in variant.models or self.models:
                model = resolve_model(name)
                for seed in seeds:
                    own = world.replace(run={"decider": model.decider, "placer": model.placer, "seed": seed})
                    planned.append(Planned(variant, Run(model.name, own)))
        return planned


@dataclass(frozen=True)
class Planned:
    """A run in the world that an experiment runs it in."""

    variant: Variant
    run: Run


class Data:
    """What was measured for an experiment.

    Parameters
    ----------
    experiment : whose.
    measured : every planned run that was done, with what was kept of it.

    Attributes
    ----------
    frame : one row a run and application, with columns ``variant``, ``x``, ``content``, ``model``, ``seed``,
        ``application`` and one a metric.
    sources : where each application's images come from.
    """

    def __init__(self, experiment: Experiment, measured: Sequence[Tuple[Planned, RunMeasures]]) -> None:
        self.experiment = experiment
        self.measured = measured
        self.frame = pd.DataFrame(
            [
                {"variant": planned.variant.label, "x": planned.variant.x, **row}
                for planned, measures in measured
                for row in measures.rows()
            ]
        )
        self.sources: Dict[str, str] = {}
        for _, measures in measured:
            self.sources.update(measures.data_sources)

    @property
    def models(self) -> List[str]:
        """The models that ran, in order."""
        return list(dict.fromkeys(self.frame["model"]))

    @property
    def variants(self) -> List[str]:
        """The worlds in which something ran, in order."""
        return list(dict.fromkeys(self.frame["variant"]))

    @property
    def applications(self) -> List[str]:
        """The applications, in order."""
        return [one for one in dict.fromkeys(self.frame["application"]) if one != ALL]

    def part(self, application: str = ALL, **columns: Any) -> pd.DataFrame:
        """The rows of an application, and of what else is named: ``part(model="L+G")``, ``part(seed=[0, 1])``."""
        chosen = self.frame[self.frame["application"] == application]
        for name, value in columns.items():
            chosen = chosen[chosen[name].isin(value) if isinstance(value, list) else chosen[name] == value]
        return chosen

    def values(self, metric: str, model: str, variant: str = "", application: str = ALL) -> "pd.Series[float]":
        """A metric by seed; empty where the model did not run there. No `variant` is the first one."""
        part = self.part(application, model=resolve_model(model).name, variant=variant or self.variants[0])
        return part.set_index("seed")[metric].astype(float)

    def mean(self, metric: str, model: str, variant: str = "", application: str = ALL) -> float:
        """The mean of `values`; NaN where there is none."""
        return float(self.values(metric, model, variant, application).mean())


Claim = Callable[[Data], Finding]
Draw = Callable[[Data], Figure]
