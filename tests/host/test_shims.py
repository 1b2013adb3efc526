"""Each shim: the failure without it, the result with it, and nothing left when it is taken back."""
from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Callable

import matplotlib
import numpy as np
import pytest

from cosco_splitplace.bridge.shims import SHIMS, AppliedShims, apply_shims, program_name
from cosco_splitplace.errors import CheckoutError

DRAWING = """
import os, sys
from pathlib import Path
from cosco_splitplace.bridge.checkout import open_checkout
from cosco_splitplace.bridge.entry import enter
root = Path(sys.argv[1])
enter(open_checkout(root))
import matplotlib
import scheduler.GOBI
assert not matplotlib.rcParams["text.usetex"]
"""


def test_each_says_why() -> None:
    for one in SHIMS:
        assert one.__doc__ and len(one.__doc__) > 60, one.__name__


def test_second_call_changes_nothing(shimmed: AppliedShims, anchored: Path) -> None:
    concat = importlib.import_module("utils.MathUtils").pd
    assert apply_shims(anchored) is shimmed
    importlib.reload(sys.modules["utils.MathUtils"])
    assert importlib.import_module("utils.MathUtils").pd is not concat
    assert {"numpy_float", "no_downloads", "grid_keyword"} <= set(shimmed.names)


def test_all_is_taken_back(anchored: Path) -> None:
    from matplotlib.axes import Axes

    def state() -> tuple[object, ...]:
        return (
            "float" in vars(np), repr(np.float64(1.5)), Axes.grid, sys.modules.get("wget"), sys.modules.get("tqdm"),
            sys.modules.get("scienceplots"), list(sys.meta_path), sorted(matplotlib.style.library),
        )  # fmt: skip

    before = state()
    applied = apply_shims(anchored)
    during = state()
    applied.undo()
    assert during != before
    assert state() == before


def test_numpy_float(shimmed: AppliedShims) -> None:
    assert np.array([1], dtype=np.float).dtype == np.float64  # type: ignore[attr-defined]  # noqa: NPY001
    assert not hasattr(np, "float_that_never_was")


def test_numpy_scalars_are_written_as_numbers(shimmed: AppliedShims) -> None:
    assert str([(np.int64(3), np.float64(1.5))]) == "[(3, 1.5)]"


def test_chromosomes_are_compared(anchored: Path) -> None:
    individual = importlib.import_module("scheduler.BaGTI.src.ga").Individual
    arguments: tuple[Any, ...] = ([[1.0]], float, None, "", 2)
    if np.lib.NumpyVersion(np.__version__) >= "1.25.0":
        with pytest.raises(ValueError, match="broadcast"):
            individual(*arguments, np.ones((3, 4)))
    applied = apply_shims(anchored)
    try:
        made = individual([[1.0]], lambda one: float(one.sum()), None, "", 2, np.ones((3, 4)))
        assert (tuple(made.chromosome.shape), made.fitness) == ((3, 4), 12.0)
        assert individual(*arguments).fitness == 1.0
    finally:
        applied.undo()


def test_empty_frames_do_not_decide_types(shimmed: AppliedShims) -> None:
    module = importlib.import_module("utils.MathUtils")
    stacked = module.stacked([1.5, 2.5])
    assert stacked["g"].dtype == np.float64
    assert stacked["g"].tolist() == [1.5, 2.5]
    assert len(module.pd.concat([module.pd.DataFrame({"g": []})])) == 0
    import pandas as pd

    assert module.pd is not pd and module.pd.DataFrame is pd.DataFrame


def test_grid_takes_both_names(shimmed: AppliedShims, tmp_path: Path) -> None:
    figure = matplotlib.figure.Figure()
    axes = figure.subplots()
    axes.grid(b=True, which="both", color="#eeeeee")
    assert all(one.get_visible() for one in axes.get_xgridlines())
    axes.grid(visible=False)
    assert not any(one.get_visible() for one in axes.get_xgridlines())
    axes.grid(True)


def test_latex_stays_off_and_styles_are_there(shimmed: AppliedShims) -> None:
    importlib.import_module("scheduler.GOBI")
    assert matplotlib.rcParams["text.usetex"] is False


def test_downloads_are_refused(shimmed: AppliedShims) -> None:
    with pytest.raises(CheckoutError, match=r"asks to download http://x/y\.zip; this plugin downloads nothing"):
        importlib.import_module("wget").download("http://x/y.zip")
    assert list(importlib.import_module("tqdm").tqdm([1, 2])) == [1, 2]


def test_a_missing_data_set_is_named_and_no_folder_made(shimmed: AppliedShims, anchored: Path) -> None:
    workload = importlib.import_module("simulator.workload.BitbrainWorkload2").BWGD2
    with pytest.raises(CheckoutError, match=r"data set of BWGD2, .*bitbrain/rnd, is missing"):
        workload(5, 1.5)
    folder = anchored / "simulator" / "workload" / "datasets" / "bitbrain"
    assert not folder.exists()
    folder.mkdir(parents=True)
    with pytest.raises(CheckoutError, match="is empty, as after a failed download"):
        workload(5, 1.5)
    (folder / "rnd").mkdir()
    (folder / "rnd" / "1.csv").write_text("a;b\n")
    assert workload(5, 1.5).first == "a;b\n"


def test_fullest_hosts_first(shimmed: AppliedShims) -> None:
    scheduler = importlib.import_module("scheduler.Random_Random_LeastFull").RLScheduler()

    class Host:
        def __init__(self, cpu: float) -> None:
            self.getCPU: Callable[[], float] = lambda: cpu

    class Environment:
        hostlist = (Host(10), Host(70), Host(40))

    scheduler.setEnvironment(Environment())
    assert scheduler.placement([5, 6, 7, 8]) == [(5, 1), (6, 2), (7, 0), (8, 0)]


@pytest.mark.parametrize(
    ("before", "after"),
    [("/home/me/training/COSCO/main.py", "main.py"), ("/opt/train.py", "main.py"), ("/opt/main.py", "/opt/main.py")],
)
def test_program_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str, after: str) -> None:
    monkeypatch.setattr(sys, "argv", [before])
    undo = program_name(tmp_path)
    assert sys.argv == [after]
    if undo is not None:
        undo()
    assert sys.argv == [before]


def test_stats_are_drawn(cosco_root: Path, python, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """COSCO's own Stats, or the stand-in's: ``grid(b=...)`` and the CSV files, in a process of its own."""
    code = DRAWING + (
        "import stats.Stats\n"
        "from stats.Stats import Stats, plt\n"
        "one = Stats.__new__(Stats)\n"
        "one.initStats()\n"
        "names = 'numdestroyed nummigrations energytotalinterval avgresponsetime avgmigrationtime slaviolations '\n"
        "names += 'slaviolationspercentage energypercontainerinterval'\n"
        "one.metrics = [dict(dict.fromkeys(names.split(), 1.0), waittime=[1]) for _ in range(3)]\n"
        "getattr(one, 'generateMetricsWithInterval', one.generateGraphs)(sys.argv[2])\n"
    )
    done = python(["-c", code, cosco_root, tmp_path], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Metrics.pdf").stat().st_size > 1000


SCHEDULERS = {
    "RLR_MMT_Random": """
one = found.RLRMMTRScheduler()
class Environment: hostlist = [1, 2]
one.env = Environment()
one.RLRSelection([[float(i), 1.0] for i in range(12)])
""",
    "GA": """
from scheduler.BaGTI.src.ga import Individual
one = Individual([], lambda x: 0.0, [], '', 10, np.ones((10, 12)))
assert one.chromosome.shape == (10, 12)
""",
    "DRL": """
one = found.DRLScheduler('energy_latency_10')
assert one.training and one.buffer == []
found.save_model(1)
found.plot_accuracies([])
with found.open('buffer.pkl', 'wb') as stream:
    found.pickle.dump(1, stream)
""",
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_that_stopped(cosco_root: Path, python, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    """RLRMMTR and GA do what raised before; DRL writes nothing into the checkout or the current directory."""
    if not (cosco_root / "scheduler" / f"{name}.py").exists():
        pytest.skip("not in the stand-in")
    before = sorted(cosco_root.rglob("*"))
    code = DRAWING + f"import numpy as np\nimport scheduler.{name} as found\n{SCHEDULERS[name]}"
    done = python(["-c", code, cosco_root], tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(cosco_root.rglob("*")) == before
