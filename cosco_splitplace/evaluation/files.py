"""Writing result files: each under a temporary name first, the same values always as the same bytes."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Mapping, Sequence

import pandas as pd

from ..errors import DataFileError

Row = Mapping[str, Any]


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name beside `path`, then rename: nobody sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def strict(value: Any) -> Any:
    """`value` as strict JSON takes it: plain types, and null where a number is not finite."""
    if isinstance(value, Mapping):
        return {str(key): strict(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(one) for one in value]
    if hasattr(value, "item"):  # numpy scalar
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(value: Any) -> str:
    """`value` as indented, strictly valid JSON."""
    return json.dumps(strict(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented, strictly valid JSON."""
    write_text(path, json_text(value))


def read_json(path: Path, mend: str) -> Any:
    """What the JSON file at `path` holds; `mend` says, for the message, which command makes the file again.

    Raises
    ------
    DataFileError
        The file is missing, unreadable or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; {mend}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataFileError(f"{path} is damaged ({error}); {mend}") from error


def write_rows(folder: Path, stem: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write `rows` as ``stem.csv`` (lists joined by ";", empty where there is no value) and ``stem.jsonl`` (null)."""
    plain = [strict({name: row.get(name) for name in columns}) for row in rows]
    write_csv(folder / f"{stem}.csv", columns, plain)
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in plain)
    write_text(folder / f"{stem}.jsonl", "".join(lines))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write `rows` as CSV; numbers keep their shortest exact form and whole numbers stay whole beside gaps."""
    cells = [[_cell(strict(row.get(name))) for name in columns] for row in rows]
    frame = pd.DataFrame(cells, columns=list(columns), dtype=object)
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def _cell(value: Any) -> Any:
    return ";".join(str(one) for one in value) if isinstance(value, list) else value
