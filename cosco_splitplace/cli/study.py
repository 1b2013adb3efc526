"""``cosco-splitplace study``: what splitting by classes and pruning give and cost, over seeds."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence

import click

from ..errors import ConfigurationError, require
from ..evaluation.result_folder import result_folder
from ..evaluation.seeds import parse_seeds
from ..evaluation.studies import compression, semantic
from ..evaluation.studies.reports import StudyResult, write_compression_study, write_semantic_study
from ..evaluation.studies.units import Unit, run_units
from ..splitting.application_settings import application_names
from .common import F, command_line, print_json, progress_bar
from .console import INTERRUPTED, errors, output


def study_options(command: F) -> F:
    """The options that all studies have."""
    options: Sequence[Callable[[Any], Any]] = (
        click.option("--applications", metavar="NAMES", help="Comma-separated.  [default: all that are known]"),
        click.option("--seeds", default="5", show_default=True, help="A count (5: seeds 0 to 4) or a list: 3,7,10-14."),
        click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of published image files."),
        click.option("--jobs", type=int, default=os.cpu_count() or 1, show_default="cores", help="Worker processes."),
        click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/study-001]"),
        click.option("--resume", type=click.Path(path_type=Path), help="Go on with this folder's interrupted study."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object; no progress bar."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def study() -> None:
    """Train and measure many splits: is grouping by likeness worth it, what does pruning cost?

    Each study writes its tables (CSV), a plot, and a paragraph made from the numbers. What is finished is kept after
    Ctrl-C; --resume goes on.
    """


@study.command("semantic")
@click.option("--branches", default="2,5,10", show_default=True, help="Numbers of branches, comma-separated.")
@click.option("--distill", is_flag=True, help="Also train branches that learn from the whole network's answers.")
@study_options
def semantic_command(
    branches: str, distill: bool, applications: Optional[str], seeds: str, data_dir: Optional[Path], jobs: int,
    out: Optional[Path], resume: Optional[Path], as_json: bool,
) -> None:  # fmt: skip
    """Groups of similar classes against random groups, paired by seed, and what 2, 5, 10 branches give and cost.

    Minutes a seed and application on one core (Digits: one minute).
    """
    counts, numbers, names = _numbers(branches, int, "--branches"), parse_seeds(seeds), _names(applications)
    data = None if data_dir is None else str(data_dir)
    training = [one for name in names for one in semantic.semantic_units(name, counts, numbers, distill, data)]
    memory = [one for name in names for one in semantic.memory_units(name, counts)]
    _study(training, memory, write_semantic_study, jobs, out, resume, as_json)


@study.command("compression")
@click.option("--work", default="0.75,0.5,0.3,0.15", show_default=True, help="Shares of the multiply-adds to leave.")
@study_options
def compression_command(
    work: str, applications: Optional[str], seeds: str, data_dir: Optional[Path], jobs: int, out: Optional[Path],
    resume: Optional[Path], as_json: bool,
) -> None:  # fmt: skip
    """Accuracy, work and memory of the network pruned to shares of its work, before and after fine-tuning."""
    works, numbers, names = _numbers(work, float, "--work"), parse_seeds(seeds), _names(applications)
    data = None if data_dir is None else str(data_dir)
    training = [one for name in names for one in compression.compression_units(name, works, numbers, data)]
    memory = [one for name in names for one in compression.memory_units(name, works)]
    _study(training, memory, write_compression_study, jobs, out, resume, as_json)


def _study(
    training: List[Unit], memory: List[Unit], write: Callable[..., StudyResult], jobs: int, out: Optional[Path],
    resume: Optional[Path], as_json: bool,
) -> None:  # fmt: skip
    with _folder(out, resume) as folder, progress_bar(as_json) as report:
        try:
            trained = run_units(training, folder, jobs, "training", report)
            measured = run_units(memory, folder, 1, "measuring memory", report)  # one alone at a time
        except KeyboardInterrupt:
            kept = len(list((folder / "units").glob("*.json")))
            errors().print(
                f"interrupted; {kept} of {len(training) + len(memory)} parts are kept, repeat the command with "
                f"--resume {folder} to go on", highlight=False, soft_wrap=True,
            )  # fmt: skip
            sys.exit(INTERRUPTED)
        found = write(trained, measured, folder, command_line())
    if as_json:
        print_json(found.as_object())
        return
    output().print(found.paragraph, highlight=False, soft_wrap=True)
    output().print(f"\ntables and plot in {folder}", highlight=False, soft_wrap=True)


@contextmanager
def _folder(out: Optional[Path], resume: Optional[Path]) -> Iterator[Path]:
    require(out is None or resume is None, "--out begins a study and --resume goes on with one; give one of them")
    if resume is None:
        with result_folder(out, "study") as folder:
            yield folder
        return
    require((resume / "units").is_dir(), f"{resume} holds no study (no folder 'units' in it)")
    yield resume


def _names(text: Optional[str]) -> Sequence[str]:
    return [one.strip() for one in text.split(",")] if text else application_names(shipped=False)


def _numbers(text: str, kind: Callable[[str], Any], option: str) -> List[Any]:
    try:
        return [kind(one) for one in text.split(",")]
    except ValueError:
        raise ConfigurationError(f"{option} is {text!r}; give numbers with commas between") from None
