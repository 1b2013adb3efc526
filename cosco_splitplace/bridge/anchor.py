"""Making COSCO's packages importable from its own folder, whatever else is installed.

COSCO's packages have no ``__init__.py``, so any regular package called ``utils`` or ``scheduler`` on the path would
hide them, and its code takes the current directory for its root. One process holds one checkout; threads, not
processes, may be used after this.
"""
from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Dict, List, Tuple

from ..errors import CheckoutError
from .checkout import AnyPath
from .interface import PACKAGES

SOURCES = "src"  # GOBI's and HGP's code call their own folders by this name; HGP's comes first, they share no file used


@dataclass(frozen=True)
class Anchor:
    """COSCO's packages, tied to a checkout; `release` undoes it (for tests).

    root : the checkout, absolute.
    directory_before : the current directory before.
    """

    root: Path
    directory_before: Path

    def release(self) -> None:
        """Forget the packages and everything imported from them, and go back to the directory before."""
        for name in list(sys.modules):
            if name.partition(".")[0] in (*PACKAGES, SOURCES):
                del sys.modules[name]
        if str(self.root) in sys.path:
            sys.path.remove(str(self.root))
        os.chdir(self.directory_before)
        _HELD.clear()


_HELD: List[Anchor] = []  # the one that is in force


def anchor(root: AnyPath) -> Anchor:
    """Tie COSCO's package names to the checkout at `root` and make it the current directory.

    Call it before anything of COSCO is imported. A second call for the same checkout changes nothing.

    Raises
    ------
    CheckoutError
        Another checkout is anchored, or a module of one of these names is imported already from elsewhere; the message
        names the module and its file.
    """
    root = Path(root).expanduser().resolve()
    for held in _HELD:
        if held.root != root:
            raise CheckoutError(f"this process uses the COSCO in {held.root}; use {root} in a process of its own")
        os.chdir(root)
        return held
    folders = _folders(root)
    for name, paths in folders.items():
        for text in _others(name, paths):
            raise CheckoutError(f"{text}; take that folder off the Python path, or uninstall what brings it")
    before = Path.cwd()
    for name, paths in folders.items():
        _tie(name, paths)
    os.chdir(root)
    if str(root) not in sys.path:
        sys.path.append(str(root))
    importlib.invalidate_caches()
    _HELD.append(Anchor(root, before))
    return _HELD[0]


def _folders(root: Path) -> Dict[str, List[str]]:
    folders = {name: [str(root / name)] for name in PACKAGES}
    folders[SOURCES] = [str(root / "scheduler" / one / "src") for one in ("HGP", "BaGTI")]
    return folders


def _tie(name: str, paths: List[str]) -> None:
    if name in sys.modules:  # imported from this very checkout before
        sys.modules[name].__path__ = paths
        return
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = paths
    sys.modules[name] = importlib.util.module_from_spec(spec)


def clashes(root: AnyPath) -> List[str]:
    """Modules that stand in the way of COSCO's packages at `root`, one phrase each."""
    if any(one.root == Path(root).resolve() for one in _HELD):
        return []
    return [text for name, paths in _folders(Path(root).resolve()).items() for text in _others(name, paths)]


def _others(name: str, paths: List[str]) -> List[str]:
    """What is imported as `name`, or below it, from outside `paths`."""
    modules = {one: sys.modules[one] for one in sorted(sys.modules) if one == name or one.startswith(name + ".")}
    return [
        f"the module {one!r} is imported already, from {_origin(module)}, and hides COSCO's {name!r} ({paths[0]})"
        for one, module in modules.items()
        if module is not None and not _within(module, paths)
    ]


def _within(module: ModuleType, paths: List[str]) -> bool:
    places = _places(module)
    return bool(places) and all(any(_inside(one, path) for path in paths) for one in places)


def _places(module: ModuleType) -> Tuple[str, ...]:
    file = getattr(module, "__file__", None)
    return (file,) if file else tuple(getattr(module, "__path__", ()))


def _inside(path: str, folder: str) -> bool:
    return Path(folder).resolve() in (Path(path).resolve(), *Path(path).resolve().parents)


def _origin(module: ModuleType) -> str:
    return ", ".join(_places(module)) or "nowhere known"
