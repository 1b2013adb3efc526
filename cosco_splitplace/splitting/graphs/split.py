"""A layer split of any model from beginning to end: traced, measured, cut, checked, written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError, ResultExistsError, SplitPlaceError, unknown_name
from .artifact import GraphArtifact, save_graph_artifact
from .chain import chain_difference
from .costs import GraphCosts, graph_costs
from .cuts import MEGABYTE, TOLERANCE, FragmentTable, balanced_cuts, fewest_fragments
from .fragmenting import PRECISIONS, cut_graph, with_precision
from .graph import DTYPES
from .host_files import read_hosts
from .makespan import HostTypes, Plan, best_plan, host_types
from .memory import measured_memory
from .models import traced
from .module import GraphModule
from .tracing import TracedModel

__all__ = ["MOST_AUTO", "LayerSplit", "SplitRequest", "fragment_modules", "measured_costs", "split_model"]

MOST_AUTO = 8  # fragments that are tried for --fragments auto with hosts; our choice
_ALLOWED_DIFFERENCE = 1e-6  # of the largest output, where float32 crosses

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True)
class SplitRequest:
    """What is asked for.

    Parameters
    ----------
    model, input_shape, dtype, seed : as `models.traced`.
    fragments : how many; None: with hosts as many as the makespan wants, else the fewest that keep the RAM limit.
    hosts : a file of hosts, whose makespan is minimised; None: balanced work.
    ram_mb : the most that a fragment's process may take, torch included; None: no limit but the hosts'.
    batch : images that a fragment works on at once.
    batches : that stream through the chain; what the makespan is of.
    precision : of activations that cross a cut.
    tolerance : of balance, for fewer crossing bytes.
    instructions_per_multiply_add : makes multiply-adds of the hosts' MIPS; 1 is our assumption.
    """

    model: str
    fragments: int | None
    input_shape: tuple[int, ...] | None = None
    dtype: str | None = None
    hosts: Path | None = None
    ram_mb: float | None = None
    batch: int = 16
    batches: int = 1
    precision: str = "float32"
    tolerance: float = TOLERANCE
    instructions_per_multiply_add: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        positive = {"--batch": self.batch, "--batches": self.batches, "--ram-mb": self.ram_mb,
                    "--instructions-per-multiply-add": self.instructions_per_multiply_add}
        for name, value in positive.items():
            if value is not None and value <= 0:
                raise ConfigurationError(f"{name} is {value}; give a positive number")
        if self.fragments is None and self.hosts is None and self.ram_mb is None:
            raise ConfigurationError("--fragments auto needs something to aim at: --hosts FILE (least makespan) or "
                                     "--ram-mb N (fewest fragments that fit)")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown_name("type of input", self.dtype, DTYPES)


@dataclass(frozen=True, eq=False)
class LayerSplit:
    """A split that was written."""

    folder: Path
    cuts: tuple[int, ...]
    plan: Plan | None  # where there were hosts
    difference: float  # of the chain's output from the whole's, as a share of the largest output; 0: the same bits


def split_model(request: SplitRequest, folder: Path, progress: Progress | None = None) -> LayerSplit:
    """Make what is asked for, in `folder`.

    Raises
    ------
    ResultExistsError
        `folder` holds something.
    ConfigurationError
        The model can't be traced, or there is no such cut; nothing is written then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ResultExistsError(f"{folder} exists and is not empty; choose another folder")
    hosts = None if request.hosts is None else host_types(read_hosts(request.hosts),
                                                          request.instructions_per_multiply_add)
    report = progress or (lambda _what, _done, _total: None)
    report("tracing", 0, 1)
    model = traced(request.model, request.input_shape, request.dtype, request.seed)
    report("tracing", 1, 1)
    report("measuring the whole model", 0, 1)
    costs, runtime_bytes = measured_costs(model, request.batch)
    report("measuring the whole model", 1, 1)
    report("cutting", 0, 1)
    cuts, plan = choose_cuts(FragmentTable(costs, runtime_bytes), request, hosts)
    fragments = fragment_modules(model, costs, cuts, request.precision)
    parameters = tuple(sum(costs.trained[name] for name in one.graph.weight_names() if name in costs.trained)
                       for one in fragments)
    difference = chain_difference(GraphModule(model.graph, model.weights), fragments, request.seed)
    if request.precision == "float32" and difference > _ALLOWED_DIFFERENCE:
        raise SplitPlaceError(f"the chain of fragments differs from the whole model by {difference:.1e} of its largest "
                              f"output; {_ALLOWED_DIFFERENCE:.0e} is allowed. Nothing was written; please report it")
    save_graph_artifact(GraphArtifact(request.model, request.precision, _settings(request, cuts, plan), fragments,
                                      parameters), folder)
    report("cutting", 1, 1)
    return LayerSplit(folder, cuts, plan, difference)


def measured_costs(model: TracedModel, images: int) -> tuple[GraphCosts, float]:
    """The costs of the whole model with torch's workspaces, and what torch itself takes, in bytes; from a real run."""
    whole = GraphModule(model.graph, model.weights)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "whole"
        save_graph_artifact(GraphArtifact("whole", "float32", {}, (whole,), (0,)), folder)
        measured = measured_memory(folder, 0, images, images, operators=True)
    return graph_costs(model, images, measured.workspace_bytes), measured.runtime_mb * MEGABYTE


def choose_cuts(
    table: FragmentTable, request: SplitRequest, hosts: HostTypes | None
) -> tuple[tuple[int, ...], Plan | None]:
    """The cuts, and with hosts the whole plan."""
    if hosts is not None:
        plan = best_plan(table, hosts, request.fragments, MOST_AUTO, request.batches, request.ram_mb)
        return plan.cuts, plan
    fragments = request.fragments
    if fragments is None:
        assert request.ram_mb is not None  # noqa: S101  (the request has checked it)
        fragments = fewest_fragments(table, request.ram_mb)
    return balanced_cuts(table, fragments, request.ram_mb, request.tolerance), None


def fragment_modules(
    model: TracedModel, costs: GraphCosts, cuts: Sequence[int], precision: str = "float32"
) -> tuple[GraphModule, ...]:
    """The fragments between `cuts`, ready to run."""
    return tuple(GraphModule(graph, model.weights) for graph in with_precision(cut_graph(costs, cuts), precision))


def _settings(request: SplitRequest, cuts: Sequence[int], plan: Plan | None) -> Mapping[str, Any]:
    chosen = {key: value for key, value in vars(request).items() if key not in ("model", "precision")}
    chosen["hosts"] = None if request.hosts is None else request.hosts.name
    return {**chosen, "cuts": list(cuts), "planned_hosts": None if plan is None else list(plan.hosts)}


