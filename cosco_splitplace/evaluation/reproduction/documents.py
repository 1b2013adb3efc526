"""An experiment as a document: what was claimed and found, and its tables. Plain data, kept beside the figure as JSON.

The Markdown text, the results page of the documentation and the HTML report are all made from it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Sequence, Tuple

import pandas as pd

from ..applications import application_label, synthetic_note
from ..labels import format_spread, label, unit
from ..measures import ALL
from ..summaries import Summary, best_models, summarise
from .claims import FAILS, HOLDS, IN_PART, NO_DIFFERENCE
from .experiment import Data, Finding


@dataclass(frozen=True)
class Findings:
    """The judged claims of an experiment: the paper's, and what we expected ourselves."""

    paper: Sequence[Finding]
    ours: Sequence[Finding]

    def as_json(self) -> Dict[str, List[Dict[str, str]]]:
        """Nested plain tables."""
        return {"paper": [asdict(one) for one in self.paper], "ours": [asdict(one) for one in self.ours]}

    @property
    def summary(self) -> str:
        """How many of the paper's claims hold, in a sentence; empty where it claims nothing."""
        if not self.paper:
            return ""
        counted: Dict[str, int] = {}
        for one in self.paper:
            key = IN_PART if one.verdict.startswith(IN_PART) else one.verdict
            counted[key] = counted.get(key, 0) + 1
        order = [HOLDS, IN_PART, NO_DIFFERENCE, FAILS]
        words = {HOLDS: "hold", IN_PART: "hold in part", FAILS: "do not hold", NO_DIFFERENCE: "show no difference"}
        parts = [
            f"{counted[one]} {words.get(one, one)}"
            for one in sorted(counted, key=lambda name: order.index(name) if name in order else len(order))
        ]
        claims = "claim" if len(self.paper) == 1 else "claims"
        return f"Of the paper's {len(self.paper)} {claims}: {', '.join(parts)}."


@dataclass(frozen=True)
class Table:
    """A table as text: ``rows`` hold (text, whether it is the best of its column)."""

    title: str
    head: Sequence[Tuple[str, str]]  # (label, unit)
    rows: Sequence[Sequence[Tuple[str, bool]]]


@dataclass(frozen=True)
class Document:
    """All that is told of an experiment but its figure; ``figure`` says whether there is one."""

    name: str
    title: str
    source: str
    how: str
    why: str
    caption: str
    note: str
    seeds: Sequence[int]
    runs: int
    findings: Findings
    tables: Sequence[Table] = field(default=())
    figure: bool = False

    def as_json(self) -> Dict[str, Any]:
        """Nested plain tables, which `document_of` reads."""
        return {**vars(self), "findings": self.findings.as_json(), "tables": [asdict(one) for one in self.tables]}


def document_of(found: Dict[str, Any]) -> Document:
    """The document that ``as_json`` wrote; KeyError or TypeError where it is damaged."""
    findings = Findings(*([Finding(**one) for one in found["findings"][key]] for key in ("paper", "ours")))
    tables = [
        Table(
            one["title"], [(str(text), str(what)) for text, what in one["head"]],
            [[(str(text), bool(best)) for text, best in row] for row in one["rows"]],
        )
        for one in found["tables"]
    ]  # fmt: skip
    return Document(**{**found, "findings": findings, "tables": tables})


def written_document(data: Data) -> Document:
    """Judge the claims of an experiment and make its tables."""
    one = data.experiment
    findings = Findings([claim(data) for claim in one.claims], [expect(data) for expect in one.expected])
    failed = any(finding.verdict != HOLDS for finding in findings.paper)
    return Document(
        name=one.name,
        title=one.title,
        source=one.source,
        how=one.how,
        why=f"Where it does not hold: {one.why}" if failed and one.why else "",
        caption=one.caption,
        note=synthetic_note(data.sources),
        seeds=sorted({measures.run.seed for _, measures in data.measured}),
        runs=len({measures.run.content for _, measures in data.measured}),
        findings=findings,
        tables=_tables(data),
        figure=one.draw is not None,
    )


def _tables(data: Data) -> List[Table]:
    several = len(data.variants) > 1
    tables = []
    for variant in data.variants:
        for application in [ALL, *(data.applications if data.experiment.by_application else [])]:
            part = data.part(application, variant=variant)
            where = "" if application == ALL else application_label(application, data.sources)
            title = ", ".join(text for text in (variant if several else "", where) if text)
            tables.append(_table(title, part, [one for one in data.experiment.metrics if part[one].notna().any()]))
    return tables


def _table(title: str, part: pd.DataFrame, metrics: Sequence[str]) -> Table:
    summary: Summary = summarise(part)
    best = {name: best_models(summary, name) for name in metrics}
    rows = [
        [
            (model, False),
            *(
                (format_spread(name, spreads[name].mean, spreads[name].std, spreads[name].n), model in best[name])
                for name in metrics
            ),
        ]
        for model, spreads in summary.items()
    ]
    return Table(title, [("Model", ""), *((label(name), unit(name)) for name in metrics)], rows)


def markdown(one: Document, level: int = 1, image: str = "") -> str:
    """The document as Markdown; `image` is where its figure is, empty for none."""
    heading = "#" * level
    parts = [f"{heading} {one.name}: {one.title}", f"*{one.source[0].upper()}{one.source[1:]}. {one.runs} runs.*"]
    if one.findings.summary:
        parts.append(one.findings.summary)
    for title, findings in (("", one.findings.paper), ("What we expected ourselves:", one.findings.ours)):
        if findings:
            if title:
                parts.append(title)
            parts.append("\n".join(f"- **{f.claim}** *{_upper(f.verdict)}.* {_upper(f.found)}." for f in findings))
    parts += [text for text in (one.why, one.how) if text]
    if image:
        parts += [f"![{one.title}]({image})", one.caption]
    if one.note:
        parts.append(f"{one.note}.")
    tables = [_markdown_table(table, one.seeds) for table in one.tables]
    if len(tables) > 1:
        tables = ["<details><summary>Full tables</summary>", *tables, "</details>"]
    return "\n\n".join([*parts, *tables]) + "\n"


def _upper(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _markdown_table(table: Table, seeds: Sequence[int]) -> str:
    heads = [f"{text} ({what})" if what else text for text, what in table.head]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    lines += [f"| {' | '.join(f'**{text}**' if best else text for text, best in row)} |" for row in table.rows]
    title = [f"{table.title} (mean ± sample standard deviation of {len(seeds)} seeds)", ""] if table.title else []
    return "\n".join([*title, *lines])
