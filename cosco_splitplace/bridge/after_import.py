"""Doing something right after a module has been imported: how a shim reaches COSCO's modules without loading them."""
from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Callable, Dict, List, Optional, Sequence

Callback = Callable[[ModuleType], None]


def after_import(name: str, callback: Callback) -> Callable[[], None]:
    """Call `callback` with the module `name` once it is imported, now if it is already; returns what takes it back.

    The callback has to leave alone what it has changed before, as a module may be imported again.
    """
    if name in sys.modules:
        callback(sys.modules[name])
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.callbacks.setdefault(name, []).append(callback)

    def forget() -> None:
        _FINDER.callbacks[name].remove(callback)
        if not any(_FINDER.callbacks.values()) and _FINDER in sys.meta_path:
            sys.meta_path.remove(_FINDER)

    return forget


class _Finder(MetaPathFinder):
    """Finds what Python's own path finder finds, for the modules that are waited for."""

    def __init__(self) -> None:
        self.callbacks: Dict[str, List[Callback]] = {}

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if not self.callbacks.get(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.callbacks[fullname])
        return spec


class _Loader(Loader):
    """Another loader, and then the callbacks."""

    def __init__(self, loader: Loader, callbacks: Sequence[Callback]) -> None:
        self._loader = loader
        self._callbacks = callbacks

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for callback in list(self._callbacks):
            callback(module)


_FINDER = _Finder()
