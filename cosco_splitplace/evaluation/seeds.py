"""Reading a list of seeds from the command line."""

from __future__ import annotations

import re
from typing import List, Tuple

from ..errors import ConfigurationError, require

HELP = "give a count ('5': seeds 0 to 4) or a list of whole numbers and ranges ('3,7,10-14')"


def parse_seeds(text: str) -> Tuple[int, ...]:
    """The seeds that `text` names: a lone number is a count from 0, anything with a comma or a range is a list.

    One chosen seed is written with a comma: "7,".

    Raises
    ------
    ConfigurationError
        Something is negative, empty, no number, a range that runs backwards, or named twice.
    """
    stripped = text.strip()
    if re.fullmatch(r"[0-9]+", stripped):
        require(int(stripped) >= 1, f"seeds {text!r} are none; {HELP}")
        return tuple(range(int(stripped)))
    parts = stripped.split(",")
    if len(parts) == 2 and not parts[1].strip():
        parts.pop()
    seeds: List[int] = []
    for part in parts:
        seeds.extend(_range(part.strip(), text))
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    require(not twice, f"seeds {text!r} name {', '.join(map(str, twice))} more than once; {HELP}")
    return tuple(seeds)


def _range(part: str, text: str) -> range:
    found = re.fullmatch(r"([0-9]+)(?:\s*-\s*([0-9]+))?", part)
    if found is None:
        raise ConfigurationError(f"seeds {text!r} hold {part!r}; {HELP}")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    require(first <= last, f"seeds {text!r} hold the range {part!r}, which runs backwards; {HELP}")
    return range(first, last + 1)
