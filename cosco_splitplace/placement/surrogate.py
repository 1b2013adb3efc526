"""The fully connected surrogate f([S_t, P_t, D_t]; theta) of section 4.2, and its file."""
from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from ..datafiles import field as checked
from ..datafiles import read_json
from ..errors import ConfigurationError, DataFileError
from ..regimes import trained_dir
from .features import constant_size

PRICE_START = -4.0  # a price of softplus(-4) = 0.018 to begin with (our own choice)


@dataclass(frozen=True)
class Kind:
    """A kind of surrogate: whether it sees the split decisions, and whether it has a price on contention."""

    decision_aware: bool
    priced: bool


GOBI, DASO, PRICED_DASO = "gobi", "daso", "daso-priced"
KINDS: Mapping[str, Kind] = {
    GOBI: Kind(decision_aware=False, priced=False),
    DASO: Kind(decision_aware=True, priced=False),
    PRICED_DASO: Kind(decision_aware=True, priced=True),
}


class Surrogate(nn.Module):
    """Predicts the objective O^P (eq. 10) of a placement in a state; higher is better.

    A fully connected network on the flattened input. A priced one subtracts a learned, never negative price on the
    contention that the placement makes: whatever fine-tuning does, more contention is never better. The first layer is
    kept in two parts, for the placement and for all else, which a search computes once.

    Parameters
    ----------
    n_hosts : hosts, and slots for fragments.
    hidden : sizes of the hidden layers.
    priced : whether there is a price on contention; the paper's has none.
    """

    def __init__(self, n_hosts: int, hidden: Tuple[int, ...], priced: bool = False) -> None:
        super().__init__()
        self.n_hosts = n_hosts
        self.priced = priced
        self.hidden = hidden
        self.from_constant = nn.Linear(constant_size(n_hosts), hidden[0])
        self.from_placement = nn.Linear(n_hosts * n_hosts, hidden[0], bias=False)
        if priced:
            self.contention_price = nn.Parameter(torch.tensor(PRICE_START))
        layers: List[nn.Module] = []
        for size, next_size in zip(hidden, hidden[1:]):
            layers += [nn.Softplus(), nn.Linear(size, next_size)]
        self.rest = nn.Sequential(*layers, nn.Softplus(), nn.Linear(hidden[-1], 1))

    def parameter_groups(self, placement_decay: float) -> List[Dict[str, Any]]:
        """What an optimiser gets. Of a priced surrogate the weights of the flattened placement decay by
        `placement_decay`: they are by far the most and the least certain; a search would climb their noise first.
        """
        if not self.priced:
            return [{"params": list(self.parameters())}]
        uncertain = list(self.from_placement.parameters())
        others = [one for name, one in self.named_parameters() if not name.startswith("from_placement")]
        return [{"params": others}, {"params": uncertain, "weight_decay": placement_decay}]

    def forward(self, constant: torch.Tensor, placement: torch.Tensor, contention: torch.Tensor) -> torch.Tensor:
        """(n_blocks, n_constant), (n_blocks, n_slots, n_hosts) and (n_blocks,) -> (n_blocks,)."""
        return self.predict(self.from_constant(constant), placement, contention)

    def predict(
        self, from_constant: torch.Tensor, placement: torch.Tensor, contention: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """The same, with the constant part of the first layer given, (n_blocks, hidden[0]); without a price the
        contention may be None."""
        value: torch.Tensor = self.rest(from_constant + self.from_placement(placement.flatten(1)))
        value = value.squeeze(1)
        if not self.priced or contention is None:
            return value
        return value - nn.functional.softplus(self.contention_price) * contention


def remedy(kind: str, n_hosts: int) -> str:
    """The command that makes a surrogate."""
    return f"cosco-splitplace train placer --placer {kind} --hosts {n_hosts}"


def cache_dir(regime: str) -> Path:
    """Where surrogates of `regime` for other clusters than the shipped ones' are kept for this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "cosco-splitplace" / "surrogates" / trained_dir(regime).name


def find_surrogate(kind: str, n_hosts: int, weights_dir: str, regime: str = "") -> Optional[Path]:
    """The description file of a surrogate: in `weights_dir`, or (empty) shipped or in the user's cache; or None."""
    folders = [Path(weights_dir)] if weights_dir else [trained_dir(regime), cache_dir(regime)]
    return next((path for path in (one / f"{kind}-{n_hosts}.json" for one in folders) if path.is_file()), None)


def save_surrogate(surrogate: Surrogate, kind: str, folder: Path, origin: Dict[str, Any]) -> Path:
    """Write weights (safetensors) and description (JSON); returns the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{kind}-{surrogate.n_hosts}"
    weights = save_tensors({key: value.contiguous() for key, value in surrogate.state_dict().items()})
    (folder / f"{name}.safetensors").write_bytes(weights)
    description = {
        "format": 1,
        "kind": kind,
        "n_hosts": surrogate.n_hosts,
        "hidden": list(surrogate.hidden),
        "weights": f"{name}.safetensors",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "origin": origin,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return path


def load_surrogate(kind: str, n_hosts: int, weights_dir: str, regime: str = "") -> Surrogate:
    """The trained surrogate of `kind` for a cluster of `n_hosts` in `regime`.

    Raises
    ------
    DataFileError
        There is none, or its files are damaged; the message says how to train one.
    ConfigurationError
        It was trained for another shape.
    """
    path = find_surrogate(kind, n_hosts, weights_dir, regime)
    command = remedy(kind, n_hosts)
    if path is None:
        raise DataFileError(
            f"no {kind} surrogate is trained for {n_hosts} hosts (looked in {weights_dir or 'the shipped ones'}); "
            f"train one with: {command}"
        )
    description = read_json(path, command)
    found = checked(description, "n_hosts", int, path, command), checked(description, "kind", str, path, command)
    if found != (n_hosts, kind):
        raise ConfigurationError(
            f"{path} holds a {found[1]} surrogate for {found[0]} hosts, the run needs {kind} for {n_hosts}; "
            f"train one with: {command}"
        )
    hidden = tuple(checked(description, "hidden", list, path, command))
    if not hidden or not all(isinstance(one, int) and one >= 1 for one in hidden):
        raise DataFileError(f"{path}: 'hidden' is {list(hidden)}, expected layer sizes; make it again with: {command}")
    weights_path = path.parent / Path(checked(description, "weights", str, path, command)).name
    try:
        weights = weights_path.read_bytes()
    except OSError as error:
        raise DataFileError(f"{weights_path} can't be read ({error}); make it again with: {command}") from error
    if hashlib.sha256(weights).hexdigest() != description.get("sha256"):
        raise DataFileError(f"{weights_path} is damaged (its hash is not the one in {path.name}); run: {command}")
    surrogate = Surrogate(n_hosts, hidden, KINDS[kind].priced)
    try:
        surrogate.load_state_dict(load_tensors(weights))
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise DataFileError(f"{weights_path} does not fit its description ({reason}); run: {command}") from error
    if not all(bool(torch.isfinite(one).all()) for one in surrogate.parameters()):
        raise DataFileError(f"{weights_path} holds weights that are no finite numbers; run: {command}")
    return surrogate
