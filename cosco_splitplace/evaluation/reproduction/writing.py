"""What reproduced experiments are written as: CSV, PNG, PDF and a text each; a page of all for the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence

from ... import __version__
from ...config import Settings
from ...regimes import DEFAULT
from ..files import write_bytes, write_csv, write_json, write_text
from ..measures import ALL
from ..plots.sweeps import drawn
from ..result_folder import WALL_CLOCK_METRIC
from ..sweep import RunFailure
from ..versions import versions
from .documents import Document, markdown, written_document
from .experiment import Data
from .folder import ReproductionFolder

SHOWN_IN_DOCS = ("fig7", "worlds")  # the two figures that the README and the results page show


@dataclass(frozen=True)
class Circumstances:
    """What results were made with."""

    command: str
    settings: Settings
    seeds: Sequence[int]
    failures: Sequence[RunFailure] = ()

    def as_json(self) -> Dict[str, Any]:
        """What is kept of it beside the results."""
        return {
            "command": self.command, "settings": self.settings.to_mapping(), "seeds": list(self.seeds),
            "failures": [one.as_row() for one in self.failures], "versions": versions(),
        }  # fmt: skip


@dataclass(frozen=True)
class Written:
    """An experiment as it was written: its document, and its figure as PNG (empty where there is none)."""

    document: Document
    png: bytes


def write_experiments(
    measured: Sequence[Data],
    folder: ReproductionFolder,
    circumstances: Circumstances,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> List[Written]:
    """Write every experiment's data, figure and text into the folder, and return what was told of it."""
    written = []
    _write_failures(circumstances.failures, folder.path)
    for number, data in enumerate(measured, 1):
        document = written_document(data)
        _write_data(data, folder.path)
        pictures = {} if data.experiment.draw is None else drawn(data.experiment.draw, data)
        for ending, content in pictures.items():
            write_bytes(folder.path / f"{document.name}.{ending}", content)
        image = f"{document.name}.png" if document.figure else ""
        write_text(folder.path / f"{document.name}.md", markdown(document, image=image))
        write_json(
            folder.path / f"{document.name}.json", {"document": document.as_json(), "made": circumstances.as_json()}
        )
        written.append(Written(document, pictures.get("png", b"")))
        progress(number, len(measured))
    return written


def _write_data(data: Data, out: Path) -> None:
    name = data.experiment.name
    keys = ("variant", "x", "model", "seed", "application")
    metrics = [one for one in data.experiment.metrics if one != WALL_CLOCK_METRIC]
    rows: Sequence[Mapping[Any, Any]] = data.frame.to_dict("records")
    write_csv(out / f"{name}.csv", (*keys, *metrics, "content"), rows)
    if WALL_CLOCK_METRIC in data.experiment.metrics:
        whole = [row for row in rows if row["application"] == ALL]
        write_csv(out / f"{name}-timing.csv", (*keys, WALL_CLOCK_METRIC), whole)
    if data.experiment.curves:
        write_csv(out / f"{name}-curves.csv", ("variant", "model", "seed", "interval", "curve", "value"), [
            {
                "variant": planned.variant.label, "model": planned.run.model, "seed": planned.run.seed,
                "interval": interval, "curve": curve, "value": value,
            }
            for planned, measures in data.measured
            for curve, values in measures.curves.items()
            for interval, value in enumerate(values)
        ])  # fmt: skip


def _write_failures(failures: Sequence[RunFailure], out: Path) -> None:
    """Settings (``run --config`` repeats them) and traceback of every run that crashed."""
    folder = out / "failures"
    for old in folder.glob("*") if folder.is_dir() else ():
        old.unlink()
    for number, one in enumerate(failures, 1):
        folder.mkdir(exist_ok=True)
        write_text(folder / f"{number:03d}.toml", one.settings)
        write_text(folder / f"{number:03d}.traceback.txt", one.trace or one.error)


def write_results_page(written: Sequence[Written], made: Circumstances, page: Path) -> None:
    """Write all results as one Markdown page; the figures of `SHOWN_IN_DOCS` go into ``figures/`` beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head([one.document for one in written], made)]
    for one in written:
        name = one.document.name
        shown = name in SHOWN_IN_DOCS and bool(one.png)
        if shown:
            (page.parent / "figures").mkdir(exist_ok=True)
            write_bytes(page.parent / "figures" / f"{name}.png", one.png)
        parts.append(markdown(one.document, level=2, image=f"figures/{name}.png" if shown else ""))
    write_text(page, "\n".join(parts))


def _head(documents: Sequence[Document], made: Circumstances) -> str:
    regime = made.settings.run.regime or "none"
    software = ", ".join(f"{name} {version}" for name, version in versions().items() if version)
    rows = [
        f"| [{one.name}](#{_anchor(f'{one.name}: {one.title}')}) | {one.title} | {_counts(one.findings.paper)} | "
        f"{_counts(one.findings.ours)} |"
        for one in documents
    ]
    failed = [f"- {one.model}, seed {one.seed}: {one.error}" for one in made.failures]
    return "\n".join([
        "# Results", "",
        "Every experiment of the paper, and ours, done again on the simulator. This page was written by", "",
        "```", made.command, "```", "",
        f"with version {__version__} ({software}), seeds {', '.join(map(str, made.seeds))}, in the world "
        f"`{regime}`{' (the default: hosts that are busy)' if regime == DEFAULT else ''}, fitted to Table 4's "
        "single-strategy rows with a placer that works (`cosco-splitplace list regimes`, "
        "[differences.md](differences.md)). Where another world is meant, it says so. The same command gives the same "
        "numbers, but for those of scheduling time, which are this machine's, and of what "
        "else it was doing.", "",
        "How to read it: differences are paired by seed; a verdict rests on the bootstrap 95 % interval of their mean. "
        "A difference whose interval holds 0 is called *no difference*. Tables show mean ± sample standard deviation "
        "over the seeds, the best mean bold. A handful of seeds makes for a rough interval: where it matters, run "
        "more.", "",
        *(["Runs that failed and are missing below:", "", *failed, ""] if failed else []),
        "| experiment | what | the paper's claims that hold | ours |", "|---|---|---|---|", *rows, "",
    ])  # fmt: skip


def _counts(findings: Sequence[Any]) -> str:
    return f"{sum(one.verdict == 'holds' for one in findings)} of {len(findings)}" if findings else "-"


def _anchor(heading: str) -> str:
    """What a Markdown heading is linked by."""
    kept = "".join(one for one in heading.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")
