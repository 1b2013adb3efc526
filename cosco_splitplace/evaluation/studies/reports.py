"""The files of a study: tables, a plot, and a paragraph that says what the numbers say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pandas as pd

from ...splitting.semantic_split import LEARNED, RANDOM
from ..files import write_bytes, write_csv, write_json, write_text
from ..plots.splits import plot_compression_study, plot_semantic_study
from ..plots.style import styled
from ..versions import versions
from . import compression, semantic
from .memory import MEMORY_BATCH
from .units import Row

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class StudyResult:
    """What a study found: its tables by name, the files it wrote, and its paragraph."""

    tables: Dict[str, List[Row]]
    paragraph: str
    folder: Path

    def as_object(self) -> Dict[str, Any]:
        """For ``--json``."""
        return {"folder": str(self.folder), "paragraph": self.paragraph, **self.tables}


def write_semantic_study(accuracy: List[Row], memory: List[Row], folder: Path, command: str) -> StudyResult:
    """Write ``accuracy.csv``, ``paired.csv``, ``memory.csv``, ``semantic.png`` and ``summary.txt`` into `folder`."""
    frame, measured = pd.DataFrame(accuracy), pd.DataFrame(memory)
    paired = semantic.paired_rows(frame)
    groupings = [one for one in (LEARNED, RANDOM, semantic.DISTILLED)
                 if (frame["grouping"] == one).any()]  # fmt: skip
    write_csv(folder / "accuracy.csv", semantic.ACCURACY_COLUMNS, accuracy)
    write_csv(folder / "paired.csv", semantic.PAIRED_COLUMNS, paired)
    write_csv(folder / "memory.csv", semantic.MEMORY_COLUMNS, memory)
    write_bytes(folder / "semantic.png", styled(partial(plot_semantic_study, frame, measured, groupings)))
    paragraph = semantic_paragraph(frame, paired, measured)
    return _finished({"accuracy": accuracy, "paired": paired, "memory": memory}, paragraph, folder, command)


def write_compression_study(accuracy: List[Row], memory: List[Row], folder: Path, command: str) -> StudyResult:
    """Write ``accuracy.csv``, ``memory.csv``, ``compression.png`` and ``summary.txt`` into `folder`."""
    frame, measured = pd.DataFrame(accuracy), pd.DataFrame(memory)
    write_csv(folder / "accuracy.csv", compression.ACCURACY_COLUMNS, accuracy)
    write_csv(folder / "memory.csv", compression.MEMORY_COLUMNS, memory)
    write_bytes(folder / "compression.png", styled(partial(plot_compression_study, frame, measured)))
    paragraph = compression_paragraph(frame, measured)
    return _finished({"accuracy": accuracy, "memory": memory}, paragraph, folder, command)


def _finished(tables: Dict[str, List[Row]], paragraph: str, folder: Path, command: str) -> StudyResult:
    write_text(folder / "summary.txt", paragraph + "\n")
    write_json(folder / "study.json", {"version": 1, "command": command, "versions": versions()})
    return StudyResult(tables, paragraph, folder)


def semantic_paragraph(accuracy: pd.DataFrame, paired: Sequence[Row], memory: pd.DataFrame) -> str:
    """What the study says, a sentence or two an application and number of branches."""
    lines = []
    for name in dict.fromkeys(accuracy["application"]):
        own = accuracy[accuracy["application"] == name]
        whole = own[own["branches"] == 0]
        lines.append(f"{name} ({_images(whole)}): the whole network reaches {_percent(whole['accuracy'])}.")
        for one in paired:
            if one["application"] == name:
                lines.append("  " + paired_sentence(one))
        lines += [f"  {one}" for one in _sweep(own, memory[memory["application"] == name])]
    return "\n".join(lines)


def paired_sentence(one: Row) -> str:
    """Which groups win, if any can be told to."""
    interval = f"bootstrap 95 % interval {one['low_points']:+.2f} to {one['high_points']:+.2f}"
    if not math.isfinite(one["low_points"]):
        verdict, interval = "too few seeds to tell", "no interval"
    elif one["low_points"] <= 0 <= one["high_points"]:
        verdict = "no difference can be told"
    else:
        verdict = "learned groups win" if one["difference_points"] > 0 else "learned groups LOSE"
    return (
        f"{one['branches']} branches: learned groups {100 * one['learned']:.2f} %, random groups "
        f"{100 * one['random']:.2f} %: {one['difference_points']:+.2f} points ({interval}), better in {one['wins']} of "
        f"{one['seeds']} seeds: {verdict}."
    )


def _sweep(own: pd.DataFrame, memory: pd.DataFrame) -> List[str]:
    whole = own[own["branches"] == 0].iloc[0]
    whole_mb = memory.loc[memory["branches"] == 0, "network_rss_mb"].max()
    found = []
    for count in sorted(own.loc[own["branches"] > 0, "branches"].unique()):
        part = own[own["branches"] == count]
        row, branch_mb = part.iloc[0], memory.loc[memory["branches"] == count, "network_rss_mb"].max()
        text = (
            f"{count} branches do {row['multiply_adds'] / whole['multiply_adds']:.0%} of the whole network's work with "
            f"{row['parameters'] / whole['parameters']:.0%} of its parameters, each branch "
            f"{row['multiply_adds'] / whole['multiply_adds'] / count:.0%}; the largest branch takes {branch_mb:.1f} MB "
            f"beyond torch's own for {MEMORY_BATCH} images, the whole network {whole_mb:.1f} MB"
        )
        both = part.pivot(index="seed", columns="grouping", values="accuracy")
        if semantic.DISTILLED in both:
            gain = 100 * (both[semantic.DISTILLED] - both[LEARNED])
            text += (f"; distillation changes accuracy by {gain.mean():+.2f} points "
                     f"(better in {int((gain > 0).sum())} of {len(gain)} seeds)")  # fmt: skip
        found.append(text + ".")
    return found


def compression_paragraph(accuracy: pd.DataFrame, memory: pd.DataFrame) -> str:
    """What the study says, a sentence an application and share of work."""
    lines = []
    for name in dict.fromkeys(accuracy["application"]):
        own = accuracy[accuracy["application"] == name]
        whole, measured = own[own["asked_work"] == 1.0], memory[memory["application"] == name].set_index("asked_work")
        lines.append(f"{name} ({_images(whole)}): the whole network reaches {_percent(whole['accuracy'])} and takes "
                     f"{measured.loc[1.0, 'network_rss_mb']:.1f} MB beyond torch's own for {MEMORY_BATCH} images.")
        for work in sorted(own.loc[own["asked_work"] < 1.0, "asked_work"].unique(), reverse=True):
            part = own[own["asked_work"] == work]
            tuned, raw = part[part["fine_tuned"]], part[~part["fine_tuned"]]
            lines.append(
                f"  {tuned['work'].iloc[0]:.1%} of its work ({part['pruned_share'].iloc[0]:.0%} of channels pruned, "
                f"{tuned['parameters'].iloc[0] / whole['parameters'].iloc[0]:.0%} of the parameters): "
                f"{_percent(tuned['accuracy'])} after fine-tuning, {_percent(raw['accuracy'])} before; "
                f"{measured.loc[work, 'network_rss_mb']:.1f} MB."
            )
    return "\n".join(lines)


def _images(rows: pd.DataFrame) -> str:
    source = str(rows["source"].iloc[0])
    return f"{source} images" if source == SYNTHETIC else f"real images, {source}"


def _percent(values: "pd.Series[float]") -> str:
    spread = f" ± {100 * values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.2f}{spread} %"
