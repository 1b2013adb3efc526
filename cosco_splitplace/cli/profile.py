"""``cosco-splitplace profile``: what the fragments of an artifact cost on the machine that they will run on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click
import pandas as pd
from rich.table import Table

from ..agent.client import AgentClient, Credentials
from ..agent.profiling import AgentMeasurement
from ..agent.serving import read_token
from ..errors import ConfigurationError, require
from ..evaluation.files import write_bytes, write_csv, write_json
from ..evaluation.plots.profile import plot_profile
from ..evaluation.plots.style import styled
from ..evaluation.result_folder import result_folder
from ..splitting.catalogue_entry import artifact_facts, catalogue_with
from ..splitting.names import MANIFEST
from ..splitting.profiles import Measure, ProfiledFragment, machine_description, profile_artifact
from .common import command_line, print_json, progress_bar
from .console import output

COLUMNS = ("artifact", "fragment", "batch", "latency_ms", "fastest_ms", "latency_p90_ms", "images_per_s", "cpu_ms",
           "runs", "peak_rss_mb")  # fmt: skip


@click.command()
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--batches", default="1,16,64,256", show_default=True,
              help="Images at once, comma-separated; with --agent as many of them as its memory holds.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads, pinned to CPUs.")
@click.option("--agent", "url", metavar="URL", help="Measure on the host of this agent, by it.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the cluster's token, for --agent.")
@click.option("--ca", help="File of the authority that signed the agent's certificate.")
@click.option("--memory-mb", type=click.IntRange(1), help="Memory of a fragment at the agent.  [default: 2000 or less]")
@click.option("--into", type=click.Path(path_type=Path), help="Catalogue (apps.json) to write the entry into.")
@click.option("--accuracy", type=float, help="Share of right answers, where we have no images to measure it on.")
@click.option("--deadline-scale", type=float, help="Law of deadlines l, where the application is not ours.")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of the published image files.")
@click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/profile-001]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; no progress bar.")
def profile(
    artifacts: Tuple[Path, ...], batches: str, threads: int, url: Optional[str], token_file: Optional[Path],
    ca: Optional[str], memory_mb: Optional[int], into: Optional[Path], accuracy: Optional[float],
    deadline_scale: Optional[float], data_dir: Optional[Path], out: Optional[Path], as_json: bool,
) -> None:  # fmt: skip
    """Measure every fragment of ARTIFACTS (folders that `split` wrote), each in a process of its own.

    \b
    cosco-splitplace profile results/split-001
    cosco-splitplace profile results/split-001 --agent http://192.168.0.2:8082 --token-file token
    cosco-splitplace run --decider layer --set arrivals.apps_file=results/profile-001/apps.json

    Writes a table by batch size (profile.csv), everything measured (profile.json), a plot, and the catalogue entry that
    the simulator uses (apps.json), with work, bytes and memory of each fragment. --into adds the entry to a catalogue
    of yours as well.
    """
    sizes = _batches(batches)
    for folder in artifacts:
        require((folder / MANIFEST).is_file(), f"{folder} holds no artifact ({MANIFEST}); give a folder that "
                "cosco-splitplace split, or train applications, wrote")  # fmt: skip
    facts = {folder: artifact_facts(folder, accuracy, deadline_scale, data_dir) for folder in artifacts}
    measure, machine = _measurement(url, token_file, ca, memory_mb)
    with result_folder(out, "profile") as folder, progress_bar(as_json) as report:
        profiled = {
            artifact: profile_artifact(artifact, sizes, threads, partial(report, f"measuring {artifact}"), measure)
            for artifact in artifacts
        }
        rows = [row for artifact, found in profiled.items() for row in _rows(artifact, found)]
        documents = [{"artifact": str(artifact), **vars(facts[artifact]), "fragments": _documents(profiled[artifact])}
                     for artifact in artifacts]  # fmt: skip
        document = {"version": 1, "machine": machine, "command": command_line(), "artifacts": documents}
        write_csv(folder / "profile.csv", COLUMNS, rows)
        write_json(folder / "profile.json", document)
        frame = pd.DataFrame(rows)
        frame["fragment"] = frame["fragment"].map("fragment {}".format) if len(artifacts) == 1 else (
            frame["artifact"] + " " + frame["fragment"].astype(str))
        write_bytes(folder / "profile.png", styled(partial(plot_profile, frame)))
        catalogues = [folder / "apps.json", *([into] if into is not None else [])]
        for file in catalogues:
            for artifact in artifacts:
                content = catalogue_with(file, artifact, facts[artifact], profiled[artifact], command_line())
                write_json(file, content)
    if as_json:
        print_json({**document, "folder": str(folder), "catalogues": [str(one) for one in catalogues]})
        return
    for artifact in artifacts:
        output().print(_table(artifact, profiled[artifact]))
    output().print(f"catalogue in {' and '.join(map(str, catalogues))}; all else in {folder}", highlight=False,
                   soft_wrap=True)  # fmt: skip


def _batches(text: str) -> Sequence[int]:
    try:
        sizes = [int(one) for one in text.split(",")]
    except ValueError:
        raise ConfigurationError(f"--batches is {text!r}; give whole numbers with commas between") from None
    require(min(sizes) >= 1, f"--batches is {text!r}; give numbers from 1")
    return sorted(set(sizes))


def _measurement(
    url: Optional[str], token_file: Optional[Path], ca: Optional[str], memory_mb: Optional[int]
) -> Tuple[Optional[Measure], Dict[str, Any]]:
    """Who measures, and on what."""
    if url is None:
        require(token_file is None and ca is None, "--token-file and --ca are for --agent URL")
        return None, machine_description()
    if token_file is None:
        raise ConfigurationError("--agent needs --token-file, the file with the token of its cluster")
    client = AgentClient(url.rstrip("/"), Credentials(read_token(token_file), ca))
    measurement = AgentMeasurement(client, memory_mb or 0)
    facts = ("machine", "system", "cores", "total_memory_mb", "engine")
    return measurement, {"agent": url, **{name: measurement.host[name] for name in facts}}


def _rows(artifact: Path, profiled: Sequence[ProfiledFragment]) -> List[Dict[str, Any]]:
    return [{"artifact": str(artifact), "fragment": number, **vars(timing)}
            for number, one in enumerate(profiled) for timing in one.batches]  # fmt: skip


def _documents(profiled: Sequence[ProfiledFragment]) -> List[Dict[str, Any]]:
    return [{**vars(one), "costs": vars(one.costs), "batches": [vars(timing) for timing in one.batches]}
            for one in profiled]  # fmt: skip


def _fastest(profiled: Sequence[ProfiledFragment]) -> int:
    """How many images at once take the least time an image, of the numbers that all fragments were measured with."""
    common = set.intersection(*({timing.batch for timing in one.batches} for one in profiled))
    return min(common, key=lambda batch: sum(one.at(batch).latency_ms for one in profiled) / batch)


def _table(artifact: Path, profiled: Sequence[ProfiledFragment]) -> Table:
    table = Table(title=f"{artifact}, {profiled[0].threads} thread{'s' if profiled[0].threads > 1 else ''} a process",
                  title_justify="left", caption_justify="left",
                  caption="multiply-adds and bytes: of one image; latency: median of a batch; RAM: peak of a process;\n"
                  f"least time an image: {_fastest(profiled)} at once")  # fmt: skip
    for header in ("frag-\nment", "M mult.-\nadds", "in\nkB", "out\nkB", "images", "latency\nms", "90 %\nms",
                   "images\n/ s", "CPU\nms", "RAM\nMB"):  # fmt: skip
        table.add_column(header, justify="right", no_wrap=True)
    for number, one in enumerate(profiled):
        for place, timing in enumerate(one.batches):
            costs = [f"{one.costs.multiply_adds / 1e6:,.3f}", f"{one.costs.input_bytes / 1e3:,.1f}",
                     f"{one.costs.output_bytes / 1e3:,.1f}"]
            table.add_row(
                *([str(number), *costs] if place == 0 else [""] * 4), f"{timing.batch:,}",
                f"{timing.latency_ms:,.2f}", f"{timing.latency_p90_ms:,.2f}", f"{timing.images_per_s:,.0f}",
                f"{timing.cpu_ms:,.2f}", f"{timing.peak_rss_mb:,.1f}",
            )  # fmt: skip
        table.add_section()
    return table
