"""A picture of a split: a row for each fragment, its operators in the order in which they run, and what crosses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Arc
from numpy.typing import NDArray

from ...errors import ConfigurationError
from ...evaluation.plots import style
from .artifact import GraphArtifact
from .graph import Graph, TensorSpec, Value, references
from .inspection import FragmentRow

__all__ = ["draw_split"]

_KINDS = {  # colour: the beginnings of operators' names
    "convolution, linear": (style.BLUE, ("conv", "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "embedding")),
    "attention": (style.VERMILLION, ("scaled_dot", "softmax", "_softmax")),
    "normalisation": (style.GREEN, ("batch_norm", "layer_norm", "group_norm", "native_", "rms_norm", "instance_norm")),
    "activation": (style.ORANGE, ("relu", "gelu", "hard", "silu", "sigmoid", "tanh", "elu", "leaky", "mish", "clamp")),
    "addition, concatenation": (style.PURPLE, ("add", "cat", "mul", "sub", "div")),
    "other": (style.GREY, ("",)),
}
_ROW_IN, _WIDTH_IN = 1.55, 13.0


def draw_split(split: GraphArtifact, rows: Sequence[FragmentRow], suffix: str) -> bytes:
    """The picture as the content of an ``.svg`` or ``.png`` file; raises ConfigurationError for another suffix."""
    if suffix not in (".svg", ".png"):
        raise ConfigurationError(f"a picture is written as .svg or .png, got {suffix or 'no suffix'}")
    return style.styled(lambda: _figure(split, rows), suffix[1:])


def _figure(split: GraphArtifact, rows: Sequence[FragmentRow]) -> Figure:
    """Bars: multiply-adds, on one scale for all fragments. Arcs: tensors that skip operators."""
    figure = Figure(figsize=(_WIDTH_IN, 1.1 + _ROW_IN * len(rows)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True, sharey=True))
    most_work = max(max(one.operator_multiply_adds) for one in rows) or 1
    longest = max(len(one.graph.nodes) for one in split.fragments)
    for index, (axes, fragment, row) in enumerate(zip(panels, split.fragments, rows)):
        _draw_fragment(axes, fragment.graph, np.array(row.operator_multiply_adds) / most_work)
        axes.set_title(f"fragment {index}: {row.multiply_adds:,} multiply-adds an input, "
                       f"{row.parameters:,} parameters; in: {_crossing(fragment.graph.inputs)}; "
                       f"out: {_crossing(fragment.graph.outputs)}")
        axes.set_xlim(-2.5, longest + 1.5)
        axes.set_ylim(-1.15, 1.3)
    handles = [Line2D([], [], linestyle="", marker="o", color=colour, label=label)
               for label, (colour, _) in _KINDS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles),
                  title="a dot: one operator; bars: its multiply-adds; arcs: tensors that skip operators; "
                        "squares: how many tensors go in and out")
    figure.suptitle(f"{split.model}, {len(rows)} fragments, {split.precision} across cuts", x=0.01, ha="left")
    return figure


def _draw_fragment(axes: Axes, graph: Graph, work: NDArray[np.float64]) -> None:
    axes.set_axis_off()
    place = {one.name: -1 for one in graph.inputs}
    place.update({node.name: at for at, node in enumerate(graph.nodes)})
    axes.plot([-1.6, len(graph.nodes) + 0.6], [0, 0], color="#C8C8C8", linewidth=0.8, zorder=1)
    axes.bar(np.arange(len(work)), -work, bottom=-0.12, width=0.8, color=style.SKY, zorder=2)
    for at, node in enumerate(graph.nodes):
        for one in references(node):
            if isinstance(one, Value) and at - place[one.name] > 1:
                _arc(axes, place[one.name], at)
    for spec in graph.outputs:
        if len(graph.nodes) - place[spec.name] > 1:
            _arc(axes, place[spec.name], len(graph.nodes))
    colours = [_colour(node.operator) for node in graph.nodes]
    axes.scatter(np.arange(len(colours)), np.zeros(len(colours)), c=colours, s=22, zorder=3)
    for end, specs in ((-1, graph.inputs), (len(graph.nodes), graph.outputs)):
        axes.scatter([end], [0], marker="s", s=30, color="white", edgecolor=style.BLACK, zorder=3)
        axes.text(end, 0.12, str(len(specs)), ha="center", va="bottom")


def _arc(axes: Axes, start: int, end: int) -> None:
    height = min(2.2, 0.35 + 0.09 * (end - start))
    axes.add_patch(Arc(((start + end) / 2, 0.0), end - start, height, theta1=0, theta2=180, color=style.BLACK,
                       linewidth=0.7, alpha=0.55, zorder=1))


def _colour(operator: str) -> str:
    return next(colour for colour, names in _KINDS.values() if operator.startswith(names))


def _crossing(specs: Sequence[TensorSpec]) -> str:
    total = sum(one.bytes_per_image for one in specs)
    return f"{len(specs)} tensor{'s' if len(specs) > 1 else ''}, {total:,} bytes"
