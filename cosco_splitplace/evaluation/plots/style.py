"""How every plot looks: one style, colours that colour-blind readers tell apart, PNGs that are the same bytes twice."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence, Tuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...records import COMPRESSED, LAYER, SEMANTIC, FloatArray

# Okabe and Ito's palette (2008), made to be told apart with any colour vision
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#7A7A7A"
CYCLE: Sequence[str] = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, BLACK, YELLOW)
MARKERS: Sequence[str] = ("o", "^", "s", "D", "v", "P", "X", "*")
WIDTH_IN = 8.0
DPI = 150

_SPLIT_COLOURS = {LAYER: BLUE, SEMANTIC: ORANGE, COMPRESSED: GREEN}
_SPLIT_MARKERS = {LAYER: "o", SEMANTIC: "^", COMPRESSED: "s"}

# Every setting that the plots depend on, so that a user's own (or COSCO's text.usetex) does not change them.
_STYLE: Any = {
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "savefig.bbox": None,
    "path.simplify": True,
    "pdf.fonttype": 42,  # letters as letters, which readers can search
}

_NO_DATES: Any = {
    "png": {"Software": None, "Creation Time": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None},
}  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """A finished picture: its file name, what it shows (title and caption for the report), and the PNG itself."""

    name: str
    title: str
    caption: str
    png: bytes


def figure(height_in: float) -> Figure:
    """An empty figure of the report's width that lays itself out."""
    return Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, layout="constrained")


def styled(draw: Callable[[], Figure], kind: str = "png") -> bytes:
    """The PNG or SVG of the figure that `draw` makes, in the house's style; the same figure gives the same bytes."""
    return styled_as(draw, (kind,))[kind]


def styled_as(draw: Callable[[], Figure], formats: Sequence[str]) -> Dict[str, bytes]:
    """The figure that `draw` makes, in the house's style, as "png", "svg" or "pdf"; the same figure, the same bytes."""
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": "cosco-splitplace"}):
        made, found = draw(), {}
        for name in formats:
            buffer = io.BytesIO()
            made.savefig(buffer, format=name, dpi=DPI, metadata=_NO_DATES[name])
            found[name] = buffer.getvalue()
    return found


def split_colour(split: str, splits: Sequence[str]) -> str:
    """The colour of a split: fixed for those of the paper, else by its place among `splits`."""
    others = [one for one in splits if one not in _SPLIT_COLOURS]
    return _SPLIT_COLOURS.get(split) or CYCLE[3 + others.index(split) % (len(CYCLE) - 3)]


def split_marker(split: str, splits: Sequence[str]) -> str:
    """The marker of a split, so that it is told apart without colour too."""
    others = [one for one in splits if one not in _SPLIT_MARKERS]
    return _SPLIT_MARKERS.get(split) or MARKERS[3 + others.index(split) % (len(MARKERS) - 3)]


def ordered_splits(splits: Sequence[str]) -> List[str]:
    """The distinct `splits`, those of the paper first."""
    return sorted(
        set(splits), key=lambda one: (list(_SPLIT_COLOURS).index(one) if one in _SPLIT_COLOURS else 9, one)
    )


def whole_numbers(axes: Axes, which: str = "x") -> None:
    """Ticks at whole numbers only."""
    for axis in ([axes.xaxis] if "x" in which else []) + ([axes.yaxis] if "y" in which else []):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))


def outside_legend(axes: Axes, **more: Any) -> None:
    """A legend right of the axes, where it hides no data."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.02), borderaxespad=0.0, **more)


def moving_mean(sums: FloatArray, counts: FloatArray, window: int) -> FloatArray:
    """Mean of the last `window` entries: ``sums`` over ``counts``, both (n,); NaN where nothing was counted."""
    return _ratio(_trailing(sums, window), _trailing(counts, window))


def running_mean(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean of all entries so far, (n,)."""
    return _ratio(np.cumsum(sums), np.cumsum(counts))


def _trailing(values: FloatArray, window: int) -> FloatArray:
    total = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    trailing: FloatArray = total[ends] - total[np.maximum(ends - window, 0)]
    return trailing


def _ratio(sums: FloatArray, counts: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return ratio


def window_of(intervals: int) -> int:
    """A window wide enough to smooth and short enough to show change: a tenth of the run, 3 to 20 intervals."""
    return int(np.clip(intervals // 10, 3, 20))


def percent_limits(low: float) -> Tuple[float, float]:
    """Limits for an axis in percent that ends at 100 and starts just below the lowest value."""
    return (max(0.0, 10.0 * np.floor(low / 10.0 - 0.2)) if np.isfinite(low) else 0.0), 101.0
