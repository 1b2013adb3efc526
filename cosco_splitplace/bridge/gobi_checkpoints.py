"""Checkpoints of COSCO's own model classes that were trained on this workload, in the user's cache."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import DataFileError

STATE = "model_state_dict"  # COSCO's name


def own_checkpoint(name: str) -> Path:
    """Where the checkpoint of the model class `name` is kept for this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "cosco-splitplace" / "cosco-checkpoints" / f"{name}_Trained.ckpt"


def load_own_checkpoint(model: Any) -> str:
    """Load the user's own checkpoint into `model` if there is one; returns its path, or "".

    Raises
    ------
    DataFileError
        It is damaged, or of another shape.
    """
    name = getattr(model, "name", None)
    if not isinstance(model, nn.Module) or not isinstance(name, str):
        return ""
    path = own_checkpoint(name)
    if not path.is_file():
        return ""
    try:
        model.load_state_dict(torch.load(path, weights_only=True)[STATE])
    except Exception as error:
        raise DataFileError(
            f"{path} is damaged ({type(error).__name__}: {error}); remove it, or make it again with: "
            "cosco-splitplace train gobi --cosco PATH"
        ) from error
    return str(path)
