"""The surrogate of `daso-set`: two small networks on pairs of a fragment and a host, for any number of both.

The first corrects the time that plain processor sharing predicts for a fragment on a host (whose later guests, and
links, it does not know); the second turns that time into the probability that the task keeps its deadline. See
`set_search` for how a placement is searched through them, `set_training` for how they are fitted.
"""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from ..datafiles import field, read_json
from ..errors import ConfigurationError, DataFileError
from ..records import FloatArray
from ..regimes import TRAINED
from .set_search import FARTHEST, HIDDEN, MEETING_FEATURES, SMALLEST, TIME_FEATURES, Weights

KIND = "daso-set"
REMEDY = "cosco-splitplace train placer --placer daso-set"
SLOPE_START = 1.5  # of the logistic in the margin, per interval, before training (our own choice)


class PairSurrogate(nn.Module):
    """Times and probabilities of pairs; untrained it predicts processor sharing's time, and a plain logistic."""

    def __init__(self) -> None:
        super().__init__()
        self.time_in = nn.Linear(TIME_FEATURES, HIDDEN)
        self.time_out = nn.Linear(HIDDEN, 1)
        self.meeting_in = nn.Linear(MEETING_FEATURES, HIDDEN)
        self.meeting_out = nn.Linear(HIDDEN, 2)
        for layer in (self.time_out, self.meeting_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.meeting_out.bias[0] = float(np.log(np.expm1(SLOPE_START)))

    def log_time(self, features: torch.Tensor, simple: torch.Tensor) -> torch.Tensor:
        """Logarithm of the time in intervals, (n,), from (n, TIME_FEATURES) and the simple prediction (n,)."""
        correction = self.time_out(torch.relu(self.time_in(features))).squeeze(1)
        logarithm: torch.Tensor = torch.log(simple.clamp(min=SMALLEST)) + correction.clamp(-FARTHEST, FARTHEST)
        return logarithm

    def meeting_logit(self, features: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
        """Log-odds of keeping the deadline, (n,), from (n, MEETING_FEATURES) and the margin in intervals (n,)."""
        slope, offset = self.meeting_out(torch.relu(self.meeting_in(features))).T
        logit: torch.Tensor = nn.functional.softplus(slope) * (margin - offset)
        return logit

    def weights(self) -> Weights:
        """The same as arrays for the compiled search."""

        def table(layer: nn.Linear, with_bias: bool) -> FloatArray:
            matrix = layer.weight.detach().numpy().astype(np.float64).T
            rows = np.vstack([matrix, layer.bias.detach().numpy()]) if with_bias else matrix
            return np.ascontiguousarray(rows)

        return Weights(
            time_in=table(self.time_in, False),
            time_bias=self.time_in.bias.detach().numpy().astype(np.float64),
            time_out=np.ascontiguousarray(table(self.time_out, True)[:, 0]),
            meeting_in=table(self.meeting_in, False),
            meeting_bias=self.meeting_in.bias.detach().numpy().astype(np.float64),
            meeting_out=table(self.meeting_out, True),
        )


def surrogate_path(weights_dir: str) -> Path:
    """The description of the surrogate in `weights_dir`, or (empty) the shipped one, which serves every regime."""
    return (Path(weights_dir) if weights_dir else TRAINED) / f"{KIND}.json"


def save_pair_surrogate(surrogate: PairSurrogate, folder: Path, origin: Dict[str, Any]) -> Path:
    """Write weights (safetensors) and description (JSON); returns the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({key: value.contiguous() for key, value in surrogate.state_dict().items()})
    (folder / f"{KIND}.safetensors").write_bytes(weights)
    description = {
        "format": 1,
        "kind": KIND,
        "shape": list(_shape()),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "origin": origin,
    }
    path = folder / f"{KIND}.json"
    path.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return path


def load_pair_surrogate(path: Path) -> PairSurrogate:
    """The surrogate that `path` describes.

    Raises
    ------
    DataFileError
        It is missing or damaged, or holds weights that are no numbers.
    ConfigurationError
        It was trained for another shape.
    """
    description = read_json(path, REMEDY)
    shape = field(description, "shape", list, path, REMEDY)
    if tuple(shape) != _shape() or description.get("kind") != KIND:
        raise ConfigurationError(
            f"{path} holds a {description.get('kind')!r} surrogate of shape {shape}, expected {KIND!r} of "
            f"{list(_shape())}; make it again with: {REMEDY}"
        )
    weights_path = path.with_suffix(".safetensors")
    try:
        content = weights_path.read_bytes()
    except OSError as error:
        raise DataFileError(f"{weights_path} can't be read ({error}); make it again with: {REMEDY}") from error
    if hashlib.sha256(content).hexdigest() != description.get("sha256"):
        raise DataFileError(f"{weights_path} is damaged (its hash is not the one in {path.name}); run: {REMEDY}")
    surrogate = PairSurrogate()
    try:
        surrogate.load_state_dict(load_tensors(content))
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise DataFileError(f"{weights_path} does not fit its description ({reason}); run: {REMEDY}") from error
    if not all(bool(torch.isfinite(one).all()) for one in surrogate.parameters()):
        raise DataFileError(f"{weights_path} holds weights that are no finite numbers; run: {REMEDY}")
    return surrogate


def _shape() -> Tuple[int, ...]:
    return TIME_FEATURES, MEETING_FEATURES, HIDDEN
