"""``cosco-splitplace inspect``: what was learned."""
from __future__ import annotations

import click
from rich.table import Table

from ..arrivals.catalogue import load_catalogue
from ..datafiles import read_json
from ..deciders.bandit_state import REMEDY, read_state, state_path
from ..regimes import DEFAULT
from ..rewards.objective import ARMS, CONTEXTS
from .common import output, print_json


@click.group()
def inspect() -> None:
    """Show what a trained part has learned."""


@inspect.command("mab")
@click.option("--state", "state_file", default="", help="A bandit's JSON file.  [default: the regime's]")
@click.option("--regime", default=DEFAULT, show_default=True, help="Whose shipped bandit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect_mab(state_file: str, regime: str, as_json: bool) -> None:
    """Show the bandit: layer-time estimates R, reward estimates Q and decision counts N by context."""
    path = state_path(state_file, regime)
    estimates = read_json(path, REMEDY).get("layer_estimates_intervals", {})
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
