"""Options of ``cosco-splitplace split`` that belong to layer splits of any model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

import click

from ..errors import ConfigurationError
from ..splitting.graphs.cuts import TOLERANCE
from ..splitting.graphs.fragmenting import PRECISIONS
from ..splitting.graphs.graph import DTYPES
from ..splitting.graphs.split import MOST_AUTO, SplitRequest
from .common import F

AUTO = "auto"
FRAGMENTS_HELP = (
    f"How many; auto: with --hosts as many as the makespan wants (up to {MOST_AUTO}), with --ram-mb the fewest that "
    "fit.  [default: 4; of an application: as are shipped]"
)
_USUAL = {"precision": PRECISIONS[0], "tolerance": TOLERANCE, "instructions_per_multiply_add": 1.0, "batches": 1}


def graph_split_options(command: F) -> F:
    """``--input-shape`` ...; ``split_request`` makes a request of them."""
    options = (
        click.option("--input-shape", metavar="C,H,W", help="Of one input, without the batch, e.g. 3,224,224."),
        click.option(
            "--input-type", type=click.Choice(list(DTYPES)), help="Of the input.  [default: float32, or the zoo's]"
        ),
        click.option(
            "--hosts", type=click.Path(path_type=Path),
            help="Minimise the makespan on these hosts: a testbed's hosts.toml, or a file like data/hosts.json.  "
            "[default: balance the work]",
        ),
        click.option("--ram-mb", type=float, help="The most that a fragment's process may take, torch included."),
        click.option(
            "--batch", type=int, default=16, show_default=True, help="Inputs that a fragment works on at once."
        ),
        click.option(
            "--batches", type=int, default=_USUAL["batches"], show_default=True,
            help="Batches that stream through the chain: what the makespan is of.",
        ),
        click.option(
            "--precision", type=click.Choice(PRECISIONS), default=_USUAL["precision"], show_default=True,
            help="Of activations that cross a cut.",
        ),
        click.option(
            "--tolerance", type=click.FloatRange(min=0), default=_USUAL["tolerance"], show_default=True,
            help="Balance that is given for fewer bytes across cuts.",
        ),
        click.option(
            "--instructions-per-multiply-add", type=float, default=_USUAL["instructions_per_multiply_add"],
            show_default=True, help="What a host's MIPS are worth; measure yours.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def asked_for(fragments: Optional[str], options: Mapping[str, Any]) -> List[str]:
    """The options that were given and that make sense for a traced model only."""
    found = ["--fragments auto"] if fragments == AUTO else []
    for name, value in options.items():
        if name != "batch" and value is not None and value != _USUAL.get(name):
            found.append("--" + name.replace("_", "-"))
    return found


def fragment_count(text: Optional[str]) -> Optional[int]:
    """A number of fragments; None: not given, or auto."""
    if text is None or text == AUTO:
        return None
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"--fragments {text!r} is neither a whole number nor '{AUTO}'") from None


def split_request(
    model: str, fragments: Optional[str], seed: int, input_shape: Optional[str], input_type: Optional[str],
    **options: Any,
) -> SplitRequest:  # fmt: skip
    """What is asked for; raises ConfigurationError where it contradicts itself."""
    return SplitRequest(
        model=model,
        fragments=4 if fragments is None else fragment_count(fragments),
        input_shape=None if input_shape is None else _shape(input_shape),
        dtype=input_type,
        seed=seed,
        **options,
    )


def _shape(text: str) -> Tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise ConfigurationError(f"--input-shape {text!r} is no shape; give positive whole numbers, such as 3,224,224")
    return tuple(int(part) for part in parts)
