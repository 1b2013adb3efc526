"""What today's packages no longer do as COSCO expects, and what COSCO's modules do on import, put right around it.

Each shim is a function: its docstring says why it is there and on what it was seen to be needed (COSCO d2c073c with
numpy 2.4, pandas 3.1, matplotlib 3.11, torch 2.13 on Python 3.11). None touches COSCO's tree. Each looks first whether
it is needed, so that COSCO's own pins (numpy 1.19, pandas 1.1, matplotlib 3.3) are left as they are, and a second call
changes nothing. Apply them after `anchor` and before anything of COSCO is imported.
"""
from __future__ import annotations

import importlib.util
import inspect
import logging
import sys
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from ..errors import CheckoutError
from .after_import import after_import

logger = logging.getLogger(__name__)

Undo = Callable[[], None]
Shim = Callable[[Path], Optional[Undo]]

BITBRAIN = "simulator/workload/datasets/bitbrain/rnd"
AZURE_2017 = "simulator/workload/datasets/azure_2017"
AZURE_2019 = "simulator/workload/datasets/azure_2019"
_OURS = "_cosco_splitplace_shim"


@dataclass(frozen=True)
class AppliedShims:
    """The shims that are in force; `undo` takes them back (for tests).

    names : functions of this module that found something to do.
    """

    names: Tuple[str, ...]
    _undo: Tuple[Undo, ...] = ()

    def undo(self) -> None:
        """Take them back, the last one first; modules of COSCO that were imported meanwhile keep theirs."""
        for one in reversed(self._undo):
            one()
        _IN_FORCE.clear()


_IN_FORCE: List[AppliedShims] = []


def apply_shims(root: Path) -> AppliedShims:
    """Apply every shim that is needed; a second call returns what the first one did.

    Parameters
    ----------
    root : the COSCO checkout, for the messages.
    """
    if not _IN_FORCE:
        undo = {one.__name__: one(root) for one in SHIMS}
        needed = {name: function for name, function in undo.items() if function is not None}
        _IN_FORCE.append(AppliedShims(tuple(needed), tuple(needed.values())))
        logger.debug("shims in force: %s", ", ".join(needed))
    return _IN_FORCE[0]


# ---- numpy ----


def numpy_float(root: Path) -> Optional[Undo]:
    """``np.float`` is gone since numpy 1.24; GOBI's and HGP's data loaders call it, so that no model can be built."""
    import numpy as np

    return None if "float" in vars(np) else _attribute(np, "float", float)


def numpy_scalar_text(root: Path) -> Optional[Undo]:
    """numpy 2 writes scalars as ``np.float64(1.5)``, which then stands in the cells of COSCO's CSV files.

    Seen in ``hostinfo`` and ``metrics``, whose cells are lists written as text; notebooks that ``eval`` a cell fail.
    """
    import numpy as np

    if repr(np.float64(1.5)) == "1.5":
        return None
    before = np.get_printoptions()["legacy"]
    np.set_printoptions(legacy="1.25")
    return lambda: np.set_printoptions(legacy=before)


def genetic_chromosomes(root: Path) -> Optional[Undo]:
    """GA compares an array with ``[]``, which raises since numpy 1.25; it gets lists, with which the comparison works.

    Seen: ``ValueError: operands could not be broadcast together with shapes (10,12) (0,)`` in the first interval.
    """
    import numpy as np

    def mend(module: ModuleType) -> None:
        original = module.Individual.__init__
        parameters = list(inspect.signature(original).parameters)
        if "chromosome" not in parameters or hasattr(original, _OURS):
            return

        @wraps(original)
        def with_list(self: Any, *args: Any, **options: Any) -> None:
            bound = inspect.signature(original).bind(self, *args, **options)
            if isinstance(bound.arguments.get("chromosome"), np.ndarray):
                bound.arguments["chromosome"] = bound.arguments["chromosome"].tolist()
            original(*bound.args, **bound.kwargs)

        setattr(with_list, _OURS, True)
        module.Individual.__init__ = with_list

    return after_import("scheduler.BaGTI.src.ga", mend)


# ---- pandas ----


def concat_without_empty_frames(root: Path) -> Optional[Undo]:
    """Local regression starts from an empty frame of objects, which pandas 3 lets decide the type of all columns.

    Division by zero then raises, where columns of floats gave infinity. Seen: ``ZeroDivisionError`` in RLRMMTR as soon
    as there are ten intervals. Only ``utils.MathUtils`` is given another ``concat``.
    """
    def mend(module: ModuleType) -> None:
        pandas = module.pd
        if hasattr(pandas, _OURS):
            return
        stand_in = ModuleType("pandas")
        stand_in.__dict__.update(vars(pandas))

        def concat(frames: Any, *args: Any, **options: Any) -> Any:
            frames = list(frames)
            return pandas.concat([one for one in frames if len(one)] or frames, *args, **options)

        stand_in.__dict__.update({"concat": concat, _OURS: True})
        module.__dict__["pd"] = stand_in

    return after_import("utils.MathUtils", mend)


# ---- matplotlib ----


def grid_keyword(root: Path) -> Optional[Undo]:
    """``Axes.grid(b=True)``: `b` is called `visible` since matplotlib 3.5 and was removed in 3.7.

    COSCO draws after the last interval; the run stops there and its results are lost.
    """
    from matplotlib.axes import Axes

    original = Axes.grid
    if "b" in inspect.signature(original).parameters or hasattr(original, _OURS):
        return None

    @wraps(original)
    def grid(self: Any, *args: Any, **options: Any) -> Any:
        if "b" in options:
            options["visible"] = options.pop("b")
        return original(self, *args, **options)

    setattr(grid, _OURS, True)
    return _attribute(Axes, "grid", grid)


def plot_styles(root: Path) -> Optional[Undo]:
    """COSCO imports ``scienceplots`` and uses its styles on import; without the package no scheduler can be imported.

    Plots then have matplotlib's own look.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    undo: List[Undo] = []
    if importlib.util.find_spec("scienceplots") is None:
        undo.append(_module("scienceplots"))
    elif "scienceplots" not in sys.modules:
        importlib.import_module("scienceplots")
    for name in ("science", "ieee"):
        if name not in plt.style.library:
            plt.style.library[name] = matplotlib.RcParams()
            undo.append(partial(plt.style.library.__delitem__, name))
    return _all(undo)


def no_latex(root: Path) -> Optional[Undo]:
    """GOBI's module turns ``text.usetex`` on when it is imported; COSCO turns it off only when ``Stats`` is imported.

    Any plot fails without LaTeX then, and is slow with it.
    """
    import matplotlib

    before = matplotlib.rcParams["text.usetex"]

    def mend(module: ModuleType) -> None:
        matplotlib.rcParams["text.usetex"] = before

    return _all([after_import(name, mend) for name in ("scheduler.BaGTI.src.utils", "src.utils")])


# ---- modules and data that workloads ask for ----


def no_downloads(root: Path) -> Optional[Undo]:
    """Workloads import ``wget`` and download data sets when they are built; under this plugin nothing is downloaded.

    The stand-in refuses and says what to do. ``tqdm``, which a workload imports only for that, gets one if missing.
    """
    if hasattr(sys.modules.get("wget"), _OURS):
        return None

    def download(url: str, *_: Any, **__: Any) -> str:
        raise CheckoutError(f"COSCO asks to download {url}; this plugin downloads nothing. " + _GET_DATA)

    undo = [_module("wget", download=download)]
    if importlib.util.find_spec("tqdm") is None:
        undo.append(_module("tqdm", tqdm=lambda items, **_: items))
    return _all(undo)


_GET_DATA = (
    "Run `python main.py` without --scheduler once, where COSCO's own requirements are installed, to let COSCO fetch "
    "it, or use --scheduler with the workload of this plugin, which needs none"
)


def data_sets_present(root: Path) -> Optional[Undo]:
    """A workload makes its data folder before it downloads; if that fails, the empty folder passes for the data set.

    Later runs stop in pandas with a missing ``1.csv``. Here the missing data set is named, before any folder is made.
    """
    needs: Dict[str, Tuple[str, Tuple[str, ...]]] = {
        "BitbrainWorkload2": ("BWGD2", (BITBRAIN,)),
        "BitbrainWorkload_GaussianDistribution": ("BWGD", (BITBRAIN,)),
        "Azure2017Workload": ("Azure2017Workload", (BITBRAIN, AZURE_2017)),
        "Azure2019Workload": ("Azure2019Workload", (BITBRAIN, AZURE_2019)),
    }
    return _all(
        [
            after_import(f"simulator.workload.{module}", partial(_need, root, name, folders))
            for module, (name, folders) in needs.items()
        ]
    )


def _need(root: Path, name: str, folders: Tuple[str, ...], module: ModuleType) -> None:
    workload = getattr(module, name)
    original = workload.__init__
    if hasattr(original, _OURS):
        return

    @wraps(original)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        for folder in folders:
            if not has_data(root, folder):
                what = "empty, as after a failed download" if (root / folder).parent.exists() else "missing"
                raise CheckoutError(f"the data set of {name}, {root / folder}, is {what}. {_GET_DATA}")
        original(self, *args, **options)

    setattr(checked, _OURS, True)
    workload.__init__ = checked


def has_data(root: Path, folder: str) -> bool:
    """Does a data folder of COSCO's hold traces?"""
    return (root / folder / "1.csv").is_file()


# ---- COSCO's own ----


def most_loaded_host(root: Path) -> Optional[Undo]:
    """``MaxFullPlacement`` uses a name that is defined nowhere; RL and RM stop when they place a second container."""
    def mend(module: ModuleType) -> None:
        code = module.Scheduler.MaxFullPlacement.__code__
        if "leastFullHost" in _global_names(code) and not hasattr(module, "leastFullHost"):
            module.Scheduler.MaxFullPlacement = _fullest_first

    return after_import("scheduler.Scheduler", mend)


def _global_names(code: CodeType) -> Set[str]:
    """Names that a function, or a comprehension in it, looks up outside of itself."""
    inner = (_global_names(one) for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*inner)


def _fullest_first(self: Any, containerIDs: List[int]) -> List[Tuple[int, int]]:
    """Containers in order go to hosts in order of load, the fullest first; the last host takes all that are left."""
    hosts = self.env.hostlist
    by_load = sorted(range(len(hosts)), key=lambda one: (hosts[one].getCPU(), one), reverse=True)
    return [(container, by_load[min(n, len(by_load) - 1)]) for n, container in enumerate(containerIDs)]


def no_files_of_training(root: Path) -> Optional[Undo]:
    """DRL and DQL train while they place, and leave checkpoints, plots and a replay buffer in the checkout.

    Seen after 15 intervals: three PDF files beside ``main.py``, a checkpoint, and a pickle that the next run starts
    from, so that a seed does not repeat a run. They go on learning within the run; nothing is written or read.
    """
    def mend(module: ModuleType) -> None:
        def write_nothing(*_: Any, **__: Any) -> None:
            logger.debug("%s: no file written", module.__name__)

        class NoBuffer:
            """Stands for ``os.path``: the folder is there, the file is not."""

            @staticmethod
            def exists(path: str) -> bool:
                return path.endswith("/")

        for name in ("save_model", "plot_accuracies", "mkdir"):
            module.__dict__[name] = write_nothing
        module.__dict__["path"] = NoBuffer
        module.__dict__["open"] = _Nowhere
        module.__dict__["pickle"] = _Nowhere

    return _all([after_import(f"scheduler.{name}", mend) for name in ("DRL", "DQL")])


class _Nowhere:
    """A file, and a ``pickle``, that keeps nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *_: Any) -> None:
        return

    @staticmethod
    def dump(*_: Any) -> None:
        return


def program_name(root: Path) -> Optional[Undo]:
    """GOBI's code takes a program whose path holds "train" for its trainer: it makes a folder and skips its last step.

    A checkout in ``/home/me/training/COSCO`` is enough. The program's name is cut to its last part, or replaced.
    """
    before = sys.argv[0] if sys.argv else ""
    if "train" not in before:
        return None
    sys.argv[0] = Path(before).name if "train" not in Path(before).name else "main.py"

    def undo() -> None:
        sys.argv[0] = before

    return undo


SHIMS: Tuple[Shim, ...] = (
    numpy_float,
    numpy_scalar_text,
    genetic_chromosomes,
    concat_without_empty_frames,
    grid_keyword,
    plot_styles,
    no_latex,
    no_downloads,
    data_sets_present,
    most_loaded_host,
    no_files_of_training,
    program_name,
)


def _attribute(owner: Any, name: str, value: Any) -> Undo:
    """Set an attribute; the result sets it back."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)
    return lambda: delattr(owner, name) if before is missing else setattr(owner, name, before)


def _module(name: str, **attributes: Any) -> Undo:
    """Put a stand-in module in place; the result takes it away."""
    before = sys.modules.get(name)
    module = ModuleType(name, "Stands in, put here by cosco_splitplace.bridge.shims.")
    module.__dict__.update(attributes, **{_OURS: True})
    module.__spec__ = importlib.util.spec_from_loader(name, None)
    sys.modules[name] = module

    def undo() -> None:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before

    return undo


def _all(undo: List[Undo]) -> Optional[Undo]:
    if not undo:
        return None

    def all_back() -> None:
        for one in reversed(undo):
            one()

    return all_back
