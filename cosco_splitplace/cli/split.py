"""``cosco-splitplace split``: cut an application's network, or any torch model, into fragments."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, Optional

import click
from rich.table import Table

from ..errors import ConfigurationError
from ..evaluation.result_folder import new_result_folder
from ..records import LAYER, SPLITS
from ..splitting.application_settings import application_names
from ..splitting.applications import WrittenSplit, split_application
from ..splitting.graphs.inspection import inspect_artifact
from ..splitting.graphs.split import LayerSplit, SplitRequest, split_model
from .common import print_json, progress_bar
from .console import output
from .fragments import fragments_object, fragments_table
from .graph_options import FRAGMENTS_HELP, asked_for, fragment_count, graph_split_options, split_request
from .split_options import CLASS_OPTIONS, class_split_options, split_arguments


@click.command()
@click.argument("model")
@click.option(
    "--strategy", type=click.Choice(SPLITS), required=True, help="A chain of layers, class branches, or pruned."
)
@click.option("--fragments", metavar="K|auto", help=FRAGMENTS_HELP)
@class_split_options
@graph_split_options
@click.option("--out", type=click.Path(path_type=Path), help="Artifact folder.  [default: results/split-001]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of training, and of the zoo's random weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table; no progress bar.")
def split(
    model: str, strategy: str, fragments: Optional[str], out: Optional[Path], seed: int, as_json: bool, **options: Any
) -> None:
    """Split MODEL into fragments that run on their own, and measure them.

    MODEL is an application (MNIST, FashionMNIST, CIFAR100: its trained network), or, for layer splits, a network of
    the zoo (resnetv2-34, resnetv2-50, mobilenetv2, inceptionv3, vit-small, decoder-small: random weights), a function
    of your own that makes a torch module (module:factory), or an exported program (FILE.pt2).

    \b
    cosco-splitplace split MNIST --strategy layer --fragments 3
    cosco-splitplace split CIFAR100 --strategy semantic --groups 10         (trains new branches)
    cosco-splitplace split MNIST --strategy semantic --groups 5 --stem 1 --distill
    cosco-splitplace split MNIST --strategy compressed --work 0.5           (half of the multiply-adds)
    cosco-splitplace split my_module:factory --strategy layer --fragments 3 --input-shape 3,224,224
    cosco-splitplace split resnetv2-50 --strategy layer --fragments auto --ram-mb 400 --out fragments
    cosco-splitplace split resnetv2-50 --strategy layer --fragments auto --hosts hosts.json --batches 8

    An artifact is a manifest (JSON) and one weights file a fragment (safetensors); it needs no code of the network.
    `fragments inspect` shows and draws it.
    """
    of_classes = {name: options.pop(name) for name in CLASS_OPTIONS}
    given, known = asked_for(fragments, options), application_names(shipped=False)
    if strategy != LAYER and (given or model not in known):
        raise ConfigurationError(
            f"{given[0] if given else model} goes with --strategy layer only; {strategy} splits are of applications: "
            f"{', '.join(known)}"
        )
    arguments = split_arguments(strategy, fragment_count(fragments), **of_classes)
    folder = out if out is not None else new_result_folder(None, "split")
    try:
        if model in known and not given:
            _split_application(model, strategy, folder, seed, as_json, arguments)
        else:
            _split_graph(split_request(model, fragments, seed, **options), folder, as_json)
    except BaseException:
        if out is None and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _split_application(
    name: str, strategy: str, folder: Path, seed: int, as_json: bool, arguments: Dict[str, Any]
) -> None:
    with progress_bar(as_json) as report:
        written = split_application(name, strategy, out_dir=folder, seed=seed, progress=report, **arguments)
    if as_json:
        print_json(split_object(written))
    else:
        output().print(split_table(written))
        output().print(f"artifact in {folder}", highlight=False, soft_wrap=True)


def _split_graph(request: SplitRequest, folder: Path, as_json: bool) -> None:
    with progress_bar(as_json) as report:
        written = split_model(request, folder, report)
        found, rows = inspect_artifact(folder, request.batch, True,
                                       lambda done, total: report("measuring fragments", done, total))  # fmt: skip
    if as_json:
        plan = None if written.plan is None else dataclasses.asdict(written.plan)
        print_json({**fragments_object(found, rows, request.batch), "folder": str(folder), "cuts": list(written.cuts),
                    "plan": plan, "difference": written.difference})  # fmt: skip
        return
    output().print(fragments_table(found, rows, request.batch))
    output().print(_says(written, request), highlight=False, soft_wrap=True)


def _says(written: LayerSplit, request: SplitRequest) -> str:
    """What there is to say under the table."""
    same = "the same bits as" if written.difference == 0 else f"within {written.difference:.1e} of"
    lines = [f"on random inputs the chain gives {same} the whole model" + (
        "" if request.precision == "float32" else f" ({request.precision} across cuts)")]
    if written.plan is not None:
        lines.append(f"planned makespan {written.plan.makespan_s:.3g} s for {request.batches} x {request.batch} inputs,"
                     f" slowest stage {written.plan.slowest_stage_s:.3g} s, on {', '.join(written.plan.hosts)}")
    return "\n".join([*lines, f"artifact in {written.folder}"])


def split_object(written: WrittenSplit) -> Dict[str, Any]:
    """What ``split --json`` prints."""
    return {**vars(written), "folder": str(written.folder), "fragments": [vars(one) for one in written.fragments]}


def split_table(written: WrittenSplit) -> Table:
    """The measured fragments of a split."""
    images = f"{written.held_out_images} held-out images ({written.source})"
    table = Table(
        title=f"{written.application}, {written.split} split: accuracy {written.accuracy:.2%} on {images}",
        title_justify="left",
    )
    columns = {
        "multiply_adds": "MACs an image", "parameters": "parameters", "input_bytes": "bytes in",
        "output_bytes": "bytes out", "ram_base_mb": "RAM (MB)", "ram_per_image_kb": "+ kB an image",
        "seconds_per_1000_images": "s for 1,000",
    }
    table.add_column("fragment", justify="right")
    for header in columns.values():
        table.add_column(header, justify="right")
    for number, one in enumerate(written.fragments):
        table.add_row(str(number), *(f"{getattr(one, name):,}" for name in columns))
    return table
