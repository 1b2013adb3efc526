"""What all formats of artifacts share: a folder that is whole or not there, and weights that are checked before use."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..errors import DataFileError
from .names import MANIFEST

__all__ = ["checked_weights", "signature", "storable", "whole_folder"]

_PIECE = 2**20  # bytes of a file that are in memory at once


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, which becomes it at the end; after an exception nothing is left.

    An artifact that was there is replaced; a folder that is none is refused with DataFileError.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataFileError(f"{folder} exists and is no artifact; choose another place or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield temporary
        temporary.chmod(0o755)  # a temporary folder is private, an artifact is to be read
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def checked_weights(file: Path, entry: Mapping[str, Any], remedy: str) -> dict[str, torch.Tensor]:
    """The tensors in `file`, if their hash, shapes and types are those of the manifest's `entry`; else DataFileError.

    They are mapped, not read: no second copy is made on the way, what is not used takes no memory, and the system can
    drop a page and read it again. So the file must not be written to afterwards; removing or replacing it is fine.
    """
    try:
        found = _sha256(file)
    except OSError as error:
        raise DataFileError(f"{file} cannot be read ({error}); make it again with: {remedy}") from None
    promised = str(entry.get("sha256"))
    if found != promised:
        raise DataFileError(f"{file} has the SHA-256 {found[:12]}..., its manifest says {promised[:12]}...; "
                            f"make it again with: {remedy}")
    try:
        with safe_open(str(file), framework="pt") as opened:
            weights = {name: opened.get_tensor(name) for name in opened.keys()}
    except SafetensorError as error:
        raise DataFileError(f"{file} is damaged ({error}); make it again with: {remedy}") from None
    if {name: signature(tensor) for name, tensor in weights.items()} != entry.get("tensors"):
        raise DataFileError(f"{file} has other tensors than its manifest says; make it again with: {remedy}")
    return weights


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def signature(tensor: torch.Tensor) -> dict[str, Any]:
    """Shape and type, as a manifest has them."""
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).replace("torch.", "")}


def storable(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors as safetensors writes them: contiguous, and none in the memory of another."""
    owners = [one.untyped_storage().data_ptr() for one in tensors.values()]
    return {name: tensor.clone(memory_format=torch.contiguous_format)
            if owners.count(tensor.untyped_storage().data_ptr()) > 1 else tensor.contiguous()
            for name, tensor in tensors.items()}
