"""Reproduced experiments as one HTML page with everything in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import tomli_w

from ...errors import DataFileError, require
from ..files import read_json, write_text
from ..measures import ALL
from ..plots import Plot
from ..report import REPORT_FILE, embedded, render
from .documents import Document, Table, document_of
from .folder import ABOUT_FILE, TABLE_FILE, ReproductionFolder, read_table
from .registry import EXPERIMENTS

Made = Mapping[str, Any]


def write_page(path: Path, out: Optional[Path] = None) -> Path:
    """Write the experiments in the folder `path` as one HTML file (default: ``report.html`` in it) and return it.

    Raises
    ------
    DataFileError
        There are no experiments, or a file is damaged.
    ResultExistsError
        The folder is of another version.
    """
    path = Path(path)
    make = "cosco-splitplace reproduce table4"
    require(path.is_dir(), f"there is no folder {path}; make one with: {make} --out {path}", DataFileError)
    if not (path / ABOUT_FILE).is_file():
        own = f"; its page is {path / REPORT_FILE}" if (path / REPORT_FILE).is_file() else ""
        raise DataFileError(f"{path} holds no reproduced experiments (no {ABOUT_FILE}){own}")
    folder = ReproductionFolder(path)
    found = [_read(path / f"{name}.json") for name in EXPERIMENTS if (path / f"{name}.json").is_file()]
    require(
        bool(found), f"{path} holds no finished experiment; go on with: {make} --out {path}",
        DataFileError,
    )
    table = read_table(path / TABLE_FILE)
    runs = table[table["application"] == ALL]
    newest = found[-1][1]
    commands = list(dict.fromkeys(str(made["command"]) for _, made in found))
    text = render(
        "reproduction.html.j2",
        title="The evaluation of SplitPlace, done again",
        subtitle=f"{len(found)} experiments, {len(runs)} runs of {runs['model'].nunique()} models, regime "
        f"{newest['settings']['run']['regime'] or '-'}",
        note=next((one.note for one, _ in found if one.note), ""),
        failures=[failure for _, made in found for failure in made["failures"]][:20],
        experiments=[_shown(one, folder.path) for one, _ in found],
        command="\n".join(commands),
        repeat=commands[-1],
        settings=tomli_w.dumps(dict(newest["settings"])),
        versions=newest["versions"],
    )
    page = folder.path / REPORT_FILE if out is None else Path(out)
    write_text(page, text)
    return page


def _read(path: Path) -> Tuple[Document, Made]:
    mend = _again(path.stem, path.parent)
    found = read_json(path, mend)
    try:
        made = found["made"]
        return document_of(found["document"]), {
            key: made[key] for key in ("command", "settings", "seeds", "failures", "versions")
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(f"{path} is damaged ({type(error).__name__}: {error}); {mend}") from error


def _again(name: str, out: Path) -> str:
    return f"make it again: cosco-splitplace reproduce {name} --out {out}"


def _shown(one: Document, out: Path) -> Dict[str, Any]:
    """A document as the template takes it."""
    plots: List[Plot] = []
    if one.figure:
        picture = out / f"{one.name}.png"
        require(
            picture.is_file(), f"{picture} is missing; {_again(one.name, out)}", DataFileError
        )
        plots = [Plot(picture.name, one.title, one.caption, picture.read_bytes())]
    return {
        "name": one.name, "title": one.title, "source": one.source, "how": one.how, "why": one.why, "runs": one.runs,
        "seeds": ", ".join(map(str, one.seeds)), "summary": one.findings.summary,
        "groups": [
            (heading, findings)
            for heading, findings in (("", one.findings.paper), ("What we expected ourselves", one.findings.ours))
            if findings
        ],
        "plots": embedded(plots), "tables": [_table(table) for table in one.tables],
    }  # fmt: skip


def _table(one: Table) -> Dict[str, Any]:
    return {
        "title": one.title,
        "head": [{"label": text, "unit": what} for text, what in one.head],
        "rows": [[{"text": text, "best": best} for text, best in row] for row in one.rows],
    }
