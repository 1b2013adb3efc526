"""Open registries: extension points are looked up by name, or by a ``module:Name`` reference."""
from __future__ import annotations

import importlib
from typing import Any, Callable, Dict, Generic, Iterator, TypeVar

from .errors import ConfigurationError, unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Factories of one kind (deciders, placers, ...) by name.

    Parameters
    ----------
    kind : str
        What the registry holds, for messages ("decider").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: Dict[str, Callable[..., T]] = {}
        self._descriptions: Dict[str, str] = {}

    def register(self, name: str, factory: Callable[..., T], description: str) -> None:
        """Add `factory` under `name`; a name is given once."""
        if name in self._factories:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self._factories[name] = factory
        self._descriptions[name] = description

    def get(self, name: str) -> Callable[..., T]:
        """The factory called `name`, or the object that ``module:Name`` refers to.

        Raises
        ------
        UnknownNameError
            `name` is neither registered nor a reference; the message lists the registered names.
        ConfigurationError
            The reference's module or attribute can't be imported.
        """
        if name in self._factories:
            return self._factories[name]
        if ":" not in name:
            raise unknown_name(self.kind, name, self._factories)
        return self._imported(name)

    def _imported(self, reference: str) -> Callable[..., T]:
        module_name, _, attribute = reference.partition(":")
        try:
            found: Any = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigurationError(
                f"{self.kind} {reference!r} can't be imported ({error}); give an importable module:Name "
                f"or one of: {', '.join(sorted(self._factories))}"
            ) from error
        if not callable(found):
            raise ConfigurationError(f"{self.kind} {reference!r} is a {type(found).__name__}, not a class or function")
        return found  # type: ignore[no-any-return]

    def describe(self) -> Dict[str, str]:
        """Every registered name with its one-line description."""
        return dict(self._descriptions)

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)
