"""``cosco-splitplace inspect``: what was learned."""
from __future__ import annotations

from typing import Sequence

import click
import numpy as np
from rich.table import Table

from ..arrivals.catalogue import load_catalogue
from ..datafiles import read_json
from ..deciders import bandit_state, deadline_state, gillis_state
from ..deciders.bandit_state import read_state
from ..deciders.deadline_state import read_deadline_state
from ..deciders.gillis_state import ACTIONS, read_gillis_state
from ..deciders.outlook import FEATURES
from ..regimes import DEFAULT, trained_file
from ..rewards.objective import ARMS, CONTEXTS
from .common import print_json
from .console import output


@click.group()
def inspect() -> None:
    """Show what a trained part has learned."""


@inspect.command("mab")
@click.option("--state", "state_file", default="", help="A bandit's JSON file.  [default: the regime's]")
@click.option("--regime", default=DEFAULT, show_default=True, help="Whose shipped bandit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect_mab(state_file: str, regime: str, as_json: bool) -> None:
    """Show the bandit: layer-time estimates R, reward estimates Q and decision counts N by context."""
    path = trained_file(state_file, regime, bandit_state.SHIPPED)
    estimates = read_json(path, bandit_state.REMEDY).get("layer_estimates_intervals", {})
    state = read_state(path, list(estimates) or list(load_catalogue()))
    if as_json:
        print_json({"file": str(path), "intervals": state.intervals, **state.named()})
        return
    times = Table(title="R: estimated response of a layer split (intervals)", title_justify="left")
    for name in state.layer_estimates:
        times.add_column(name, justify="right")
    times.add_row(*(f"{one:.2f}" for one in state.layer_estimates.values()))
    arms = Table(title="Q: estimated reward; N: decisions", title_justify="left")
    for column in ("deadline", "split", "Q", "N"):
        arms.add_column(column, justify="left" if column in ("deadline", "split") else "right")
    for c, context in enumerate(CONTEXTS):
        meaning = "at least R" if context == "high" else "below R"
        for d, arm in enumerate(ARMS):
            arms.add_row(f"{context} ({meaning})", arm, f"{state.rewards[c, d]:.4f}", str(int(state.counts[c, d])))
    output().print(times)
    output().print(arms)
    output().print(
        f"epsilon {state.epsilon:.4f}, rho {state.threshold:.4f} after {state.intervals} intervals; {path}",
        highlight=False, soft_wrap=True,
    )


@inspect.command("gillis")
@click.option("--state", "state_file", default="", help="A trained policy's JSON file.  [default: the regime's]")
@click.option("--regime", default=DEFAULT, show_default=True, help="Whose shipped policy.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect_gillis(state_file: str, regime: str, as_json: bool) -> None:
    """Show what Gillis learned: the value of each action by application, deadline and batch."""
    path = trained_file(state_file, regime, gillis_state.SHIPPED)
    state = read_gillis_state(path)
    if as_json:
        print_json({"file": str(path), "intervals": state.intervals, **state.named()})
        return
    table = Table(title="Q: estimated reward (and how often it was tried)", title_justify="left")
    for column in ("application", "deadline", "images", *ACTIONS, "best"):
        table.add_column(column, justify="left" if column in ("application", "best") else "right")
    for a, d, b in np.ndindex(state.values.shape[:-1]):
        counts = state.counts[a, d, b]
        if counts.any():
            values = state.values[a, d, b]
            table.add_row(
                state.applications[a], _class(state.deadline_edges, d), _class(state.batch_edges, b),
                *(f"{value:.3f} ({count})" for value, count in zip(values, counts)), ACTIONS[int(values.argmax())],
            )
    output().print(table)
    output().print(
        f"epsilon {state.epsilon:.4f} after {state.intervals} intervals; contexts that never came are left out; {path}",
        highlight=False, soft_wrap=True,
    )


@inspect.command("deadline")
@click.option("--state", "state_file", default="", help="A trained belief's JSON file.  [default: the regime's]")
@click.option("--regime", default=DEFAULT, show_default=True, help="Whose shipped belief.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect_deadline(state_file: str, regime: str, as_json: bool) -> None:
    """Show what the deadline decider believes: how the odds of keeping a deadline depend on what it sees."""
    path = trained_file(state_file, regime, deadline_state.SHIPPED)
    state = read_deadline_state(path)
    if as_json:
        print_json({"file": str(path), **state.named()})
        return
    table = Table(title="log-odds of keeping the deadline: weight (standard deviation)", title_justify="left")
    table.add_column("feature")
    for split, count in state.outcomes.items():
        table.add_column(f"{split}, {count:,} outcomes", justify="right")
    for i, name in enumerate(FEATURES):
        table.add_row(
            name, *(f"{one.mean[i]:.2f} ({one.covariance[i, i] ** 0.5:.2f})" for one in state.beliefs.values())
        )
    output().print(table)
    output().print(path, highlight=False, soft_wrap=True)


def _class(edges: Sequence[float], index: int) -> str:
    """The numbers that belong to class `index`: "below 3", "3 to <5", "from 21"."""
    if index == 0:
        return f"below {edges[0]:,g}" if edges else "any"
    return f"from {edges[-1]:,g}" if index == len(edges) else f"{edges[index - 1]:,g} to <{edges[index]:,g}"
