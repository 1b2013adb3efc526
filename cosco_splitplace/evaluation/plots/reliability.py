"""Whether the probabilities of keeping a deadline came true: a reliability diagram for each split."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ...records import FloatArray, RunResult
from . import style

CLASSES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
Z95 = 1.959964  # of the standard normal distribution


def plot_reliability(result: RunResult) -> Figure:
    """Observed share against predicted probability, and how often each probability was given, by split."""
    kept = {one.task.task_id: not one.violated for one in result.outcomes}
    rows = [
        (one.split, one.p_deadline, kept[task.task_id])
        for task, one in zip(result.tasks, result.decisions)
        if task.task_id in kept and np.isfinite(one.p_deadline)
    ]
    splits = style.ordered_splits([split for split, _, _ in rows])
    figure = style.figure(5.2)
    curve, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], "--", color=style.GREY, linewidth=1.0)
    for split in splits:
        predicted, observed = np.array([row[1:] for row in rows if row[0] == split], dtype=float).T
        colour = style.split_colour(split, splits)
        mean, share, low, high = reliability(predicted, observed)
        curve.errorbar(
            mean, share, yerr=[share - low, high - share], color=colour, marker=style.split_marker(split, splits),
            markersize=4, linestyle="none", elinewidth=1.0, capsize=2,
            label=f"{split}: {len(predicted):,} tasks,\npredicted {predicted.mean():.1%}, kept {observed.mean():.1%}",
        )  # fmt: skip
        histogram.hist(predicted, bins=np.linspace(0, 1, 41), color=colour, alpha=0.6, label=split)
    curve.set(title="Deadlines kept", ylabel="share of tasks", ylim=(-0.03, 1.03))
    histogram.set_yscale("log")
    histogram.set(title="Predictions given", ylabel="tasks", xlabel="predicted probability of keeping the deadline")
    curve.yaxis.set_major_formatter(PercentFormatter(1.0))
    histogram.xaxis.set_major_formatter(PercentFormatter(1.0))
    style.outside_legend(curve)
    style.outside_legend(histogram)
    return figure


def reliability(predicted: FloatArray, observed: FloatArray) -> "tuple[FloatArray, FloatArray, FloatArray, FloatArray]":
    """By class of the prediction: its mean, the observed share, and the share's interval.

    Parameters
    ----------
    predicted : (n_tasks,) probabilities.
    observed : (n_tasks,) 1 where it came true.

    Returns
    -------
    Four arrays (n_classes,), in order of the prediction; of the classes between the edges `CLASSES` those that have
    a task. The last two are Wilson's 95 % limits.
    """
    of = np.searchsorted(CLASSES[1:-1], predicted, side="right")
    parts = [np.flatnonzero(of == one) for one in np.unique(of)]
    mean = np.array([predicted[one].mean() for one in parts])
    share = np.array([observed[one].mean() for one in parts])
    n = np.array([len(one) for one in parts], dtype=float)
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    return mean, share, np.minimum(centre - half, share), np.maximum(centre + half, share)
