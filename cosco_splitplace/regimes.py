"""Regimes: calibrated worlds that policies are judged in, as data (``data/regimes/NAME.toml``) or a user's own file.

A file has three tables. ``[regime]`` tells what it is: a description, the placer and the seeds that it is calibrated
with, and the regime whose trained bandit and surrogates its runs use. ``[world]`` holds the settings that make it what
it is, ``[knobs]`` those that ``cosco-splitplace calibrate`` has fitted; the other tables record how well.
"""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

from .config import Settings
from .datafiles import DATA_DIR
from .errors import DataFileError, require, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REGIMES = DATA_DIR / "regimes"
TRAINED = DATA_DIR / "trained"
DEFAULT = "contended"
KNOBS = {
    "fragments": ("instructions_per_multiply_add", "semantic_work", "compressed_work"),
    "arrivals": ("deadline_scale",),
}
_KEYS = {"description": str, "placer": str, "seeds": str, "trained": str, "command": str}
_TABLES = ("regime", "world", "knobs", "targets", "found", "predicted")


@dataclass(frozen=True)
class Regime:
    """One calibrated world.

    ``world`` and ``knobs`` are nested tables of settings; ``found`` and ``predicted`` are what the calibration measured
    (see ``evaluation.calibration``), empty before it.
    """

    name: str
    description: str
    placer: str
    seeds: str
    trained: str
    command: str
    world: Mapping[str, Mapping[str, Any]]
    knobs: Mapping[str, Mapping[str, Any]]
    found: Mapping[str, float]
    predicted: Mapping[str, float]

    def settings(self) -> Settings:
        """The settings of a run in this world."""
        tables: Dict[str, Dict[str, Any]] = {"run": {"regime": self.name}}
        for part in (self.world, self.knobs):
            for name, values in part.items():
                tables.setdefault(name, {}).update(values)
        return Settings.from_mapping(tables, f"regime {self.name!r}")


def regime_names() -> Sequence[str]:
    """The shipped regimes, the default one first."""
    names = sorted(one.stem for one in REGIMES.glob("*.toml"))
    return sorted(names, key=lambda one: (one != DEFAULT, one))


def load_regime(name: str = DEFAULT) -> Regime:
    """The shipped regime `name`, or the one in the TOML file of that name.

    Raises
    ------
    UnknownNameError
        There is no such regime or file; the shipped ones are listed.
    DataFileError
        The file is damaged, or holds unknown tables, keys or knobs.
    ConfigurationError
        A setting in it is unknown or impossible.
    """
    path = Path(name) if name.endswith(".toml") else REGIMES / f"{name}.toml"
    if not path.is_file() or (path.parent == REGIMES and name not in regime_names()):
        raise unknown_name("regime", name, [*regime_names(), "or a file FILE.toml"])
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"regime file {path} can't be read: {error}") from error
    _known(content, _TABLES, "table", path)
    for table in content.values():
        require(isinstance(table, dict), f"regime file {path}: {table!r} must be a table", DataFileError)
    about = content.get("regime", {})
    _known(about, _KEYS, "key in [regime]", path)
    for key, kind in _KEYS.items():
        require(
            isinstance(about.get(key, ""), kind), f"regime file {path}: {key} is {about.get(key)!r}, no text",
            DataFileError,
        )
    knobs = content.get("knobs", {})
    _known(knobs, KNOBS, "table in [knobs]", path)
    for table, allowed in KNOBS.items():
        _known(knobs.get(table, {}), allowed, f"knob in [knobs.{table}]", path)
    regime = Regime(
        name=name,
        description=about.get("description", ""),
        placer=about.get("placer", "least-loaded"),
        seeds=about.get("seeds", "5"),
        trained=about.get("trained", "") or DEFAULT,
        command=about.get("command", ""),
        world=content.get("world", {}),
        knobs=knobs,
        found=_numbers(content.get("found", {}), path),
        predicted=_numbers(content.get("predicted", {}), path),
    )
    regime.settings()
    return regime


def trained_dir(regime: str) -> Path:
    """Where what was trained in `regime` (empty: the default one) is shipped: bandit, surrogates."""
    return TRAINED / (load_regime(regime).trained if regime else DEFAULT)


def trained_file(given: str, regime: str, shipped: str) -> Path:
    """The file that the user gave, or the one called `shipped` that was trained in `regime`."""
    return Path(given) if given else trained_dir(regime) / shipped


def _known(table: Mapping[str, Any], allowed: Any, what: str, path: Path) -> None:
    require(isinstance(table, dict), f"regime file {path}: {what}: {table!r} is no table", DataFileError)
    unknown = sorted(set(table) - set(allowed))
    require(
        not unknown,
        f"regime file {path}: unknown {what}: {', '.join(unknown)}; known: {', '.join(allowed)}",
        DataFileError,
    )


def _numbers(table: Mapping[str, Any], path: Path) -> Dict[str, float]:
    for key, value in table.items():
        require(isinstance(value, (int, float)), f"regime file {path}: {key} is {value!r}, no number", DataFileError)
    return {key: float(value) for key, value in table.items()}
