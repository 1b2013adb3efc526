"""Reading data files, shipped in ``data/`` or named by a user; a damaged one names itself and its remedy."""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, Tuple, Union

from .errors import DataFileError

DATA_DIR = Path(__file__).resolve().parent / "data"


def data_path(given: str, shipped: str) -> Path:
    """The file that the user gave, or the shipped one where the setting is empty."""
    return Path(given) if given else DATA_DIR / shipped


def read_json(path: Path, remedy: str, version: Union[int, Tuple[int, ...]] = 1) -> Dict[str, Any]:
    """The object in a versioned JSON file.

    Parameters
    ----------
    path : the file.
    remedy : the command that makes the file again, for messages.
    version : the format version that this code reads, or several.

    Raises
    ------
    DataFileError
        The file is missing, is not JSON, is no object, or is of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; make it again with: {remedy}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataFileError(f"{path} is damaged ({error}); make it again with: {remedy}") from error
    known = version if isinstance(version, tuple) else (version,)
    if not isinstance(content, dict) or content.get("format") not in known:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        expected = " or ".join(map(str, known))
        newer = isinstance(found, int) and found > max(known)
        mend = "a newer cosco-splitplace wrote it: update this one, or make the file again with" if newer else (
            "make it again with")
        raise DataFileError(f"{path} has format {found!r}, expected {expected}; {mend}: {remedy}")
    return content


def field(content: Dict[str, Any], key: str, kind: Any, path: Path, remedy: str) -> Any:
    """``content[key]``, checked to be of `kind`, where `kind` is ``float`` a finite number, as a float.

    Raises
    ------
    DataFileError
        The key is absent or its value of another kind; the message names file and key.
    """
    if not isinstance(content, dict):
        raise DataFileError(f"{path} has {content!r} in place of a table with {key!r}; make it again with: {remedy}")
    value = content.get(key)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if kind is not float and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise DataFileError(
        f"{path}: {key!r} is {value!r}, expected {getattr(kind, '__name__', kind)}; make the file again with: {remedy}"
    )
