"""COSCO's own schedulers: found by reading ``scheduler/*.py``, built with their models, never with untrained ones."""
from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import pickle
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import numpy as np
import torch

from ..errors import ConfigurationError, DataFileError, SplitPlaceError, unknown_name
from ..evaluation.models import NamedModel, known_models, model_name, resolve_model
from .face import GROWING, PAGES, WAITING
from .gobi_checkpoints import load_own_checkpoint
from .quiet import quiet

PREFIX = "cosco/"
SUFFIX = "Scheduler"
LONG_PAGE = 8  # containers a host on the one page that a scheduler without a model sees
DECIDER = "mab"


@dataclass(frozen=True)
class Bundled:
    """A scheduler in a checkout: its name, its class and module, and whether it is built for a number of hosts."""

    name: str
    class_name: str
    module: str
    for_hosts: bool

    @property
    def placer(self) -> str:
        """What the settings call it."""
        return PREFIX + self.name


@dataclass(frozen=True)
class Built:
    """A scheduler object, whether its model fixes the number of containers, and where its weights come from."""

    scheduler: Any
    overflow: str = GROWING
    co_simulates: bool = False
    checkpoint: str = ""

    def page_size(self, n_hosts: int) -> int:
        """How many containers it is shown at once."""
        return LONG_PAGE * n_hosts if self.overflow == WAITING else n_hosts


@cache
def bundled_schedulers(root: Path) -> Tuple[Bundled, ...]:
    """The schedulers of the checkout at `root`, by name; nothing is imported."""
    found = []
    for path in sorted((root / "scheduler").glob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for one in tree.body:
            if isinstance(one, ast.ClassDef) and any(_called(base) == SUFFIX for base in one.bases):
                found.append(Bundled(one.name.removesuffix(SUFFIX), one.name, path.stem, _takes_hosts(one)))
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


def _called(base: ast.expr) -> str:
    return base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""


def _takes_hosts(definition: ast.ClassDef) -> bool:
    """Whether the constructor needs an argument: COSCO's "energy_latency_<hosts>"."""
    for one in definition.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            return len(one.args.args) - 1 - len(one.args.defaults) > 0
    return False


def bundled(root: Path, name: str) -> Bundled:
    """The checkout's scheduler called `name` (or "cosco/name").

    Raises
    ------
    UnknownNameError
        There is none; the message lists those that there are.
    """
    wanted = name.removeprefix(PREFIX)
    for one in bundled_schedulers(root):
        if one.name == wanted:
            return one
    raise unknown_name("scheduler of COSCO", wanted, [one.name for one in bundled_schedulers(root)])


def resolve(root: Path, name: str) -> NamedModel:
    """The model called `name` inside COSCO: one of COSCO's schedulers (exactly so written), else one of ours.

    Raises
    ------
    UnknownNameError
        It is neither; the message lists both kinds.
    """
    wanted = name.removeprefix(PREFIX)
    for one in bundled_schedulers(root):
        if one.name == wanted:
            return NamedModel(one.name, DECIDER, one.placer, f"COSCO's own {one.class_name}")
    try:
        return resolve_model(name)
    except ConfigurationError:
        ours = [one.name for one in known_models()]
        known = ours + [one.name for one in bundled_schedulers(root) if one.name not in ours]
        raise unknown_name("scheduler", name, known) from None


def model_sizes(root: Path) -> List[int]:
    """For how many hosts COSCO has models."""
    models = root / "scheduler" / "BaGTI" / "src" / "models.py"
    try:
        tree = ast.parse(models.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    ends = (one.name.rpartition("_") for one in tree.body if isinstance(one, ast.ClassDef))
    return sorted({int(size) for stem, _, size in ends if stem == "energy_latency" and size.isdigit()})


def build(root: Path, name: str, n_hosts: int, untrained: bool = False) -> Built:
    """COSCO's scheduler `name`, ready for `n_hosts` hosts; the checkout must be anchored.

    Parameters
    ----------
    untrained : take a model that is not trained, too, in order to train it.

    Raises
    ------
    ConfigurationError
        It has no model for so many hosts.
    DataFileError
        Its trained model is missing or unreadable.
    SchedulerBuildError
        It can't be built for another reason.
    """
    one = bundled(root, name)
    loads: List[str] = []
    try:
        with quiet(), _watched_loads(loads):
            module = importlib.import_module(f"scheduler.{one.module}")
            maker = getattr(module, one.class_name)
            scheduler = maker(f"energy_latency_{n_hosts}") if one.for_hosts else maker()
    except (ModuleNotFoundError, ImportError) as error:
        missing = getattr(error, "name", "") or str(error)
        raise SchedulerBuildError(
            f"COSCO's {one.name} needs the package {missing!r}; install it with: pip install {missing}"
        ) from error
    except (NameError, FileNotFoundError) as error:
        sizes = model_sizes(root)
        if n_hosts not in sizes:
            raise ConfigurationError(
                f"COSCO's {one.name} has models for {' or '.join(map(str, sizes))} hosts only, not for {n_hosts}; give "
                f"--hosts {' or '.join(map(str, sizes))}, or take a scheduler without a model (--scheduler list)"
            ) from error
        raise SchedulerBuildError(f"COSCO's {one.name} can't be built: {error}") from error
    except Exception as error:
        if not one.for_hosts:
            raise SchedulerBuildError(f"COSCO's {one.name} can't be built: {type(error).__name__}: {error}") from error
        raise DataFileError(
            f"COSCO's {one.name} can't load its model ({type(error).__name__}: {error}); {remedy(root, one, n_hosts)}"
        ) from error
    model = getattr(scheduler, "model", None)
    checkpoint = "; ".join(loads)
    if model is not None:
        own = load_own_checkpoint(model)
        checkpoint = own or checkpoint
        if not checkpoint and not untrained:
            raise DataFileError(
                f"COSCO's {one.name} has no trained model for {n_hosts} hosts in {root}, and COSCO would silently use "
                f"an untrained one; {remedy(root, one, n_hosts)}"
            )
    overflow = PAGES if model is not None else WAITING
    return Built(scheduler, overflow, "runSimulationGOBI" in inspect.getsource(module), checkpoint)


def model_name_inside(root: Path, decider: str, placer: str) -> str:
    """How the pair is called in tables: by COSCO's name for one of its schedulers under the usual decider."""
    if placer.startswith(PREFIX):
        return bundled(root, placer).name if decider == DECIDER else f"{decider}+{placer}"
    return model_name(decider, placer)


class SchedulerBuildError(SplitPlaceError):
    """A scheduler of COSCO can't be built in this environment."""


def remedy(root: Path, one: Bundled, n_hosts: int) -> str:
    """How to come by the model that is missing."""
    if "GOBI" in one.name or one.name == "GA":
        return f"train it with: cosco-splitplace train gobi --cosco {root} --scheduler {one.name} --hosts {n_hosts}"
    if "HGP" in one.name:
        return f"train it with COSCO's own: cd scheduler/HGP && python train.py energy_latency_{n_hosts} train"
    return "COSCO trains it in its own runs only (python main.py with this scheduler); take another one, or --hosts 10"


@contextlib.contextmanager
def _watched_loads(loads: List[str]) -> Iterator[None]:
    """Note every trained model that is loaded meanwhile; COSCO's checkpoints hold plain objects beside tensors."""
    torch_load, pickle_load = torch.load, pickle.load

    def watched_torch(file: Any, *arguments: Any, **options: Any) -> Any:
        loaded = torch_load(file, *arguments, **{**options, "weights_only": False})
        loads.append(str(file))
        return loaded

    def watched_pickle(file: Any, *arguments: Any, **options: Any) -> Any:
        loaded = pickle_load(file, *arguments, **options)
        if str(getattr(file, "name", "")).endswith(".pt"):
            loads.append(str(file.name))
        return loaded

    torch.load, pickle.load = watched_torch, watched_pickle  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.load, pickle.load = torch_load, pickle_load


def seed_everything(seed: int) -> None:
    """COSCO's schedulers draw from the global streams of random, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
