"""A comparison: every model with every seed, each run in a folder of its own.

``OUT/runs/<model>-seed<k>/`` holds one run; it appears under that name only when it is complete, with a hash of its
settings and model in it. The same command on the same folder skips what is complete, so that an interrupted
comparison goes on where it stopped. One worker or many: the files are the same bytes.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple
from urllib.parse import quote

from ..config import Settings
from ..errors import DataFileError, ResultExistsError, require
from ..records import RunResult
from .bounds.run_bounds import RunBounds, kept_bounds
from .comparison import Comparison, write_comparison
from .files import read_json, write_json, write_text
from .models import NamedModel, resolve_model
from .result_folder import RunMetrics, read_metrics, write_result
from .sweep import Progress, Run, RunFailure, refuse_unknown_parts, simulate_model, sweep

RunFunction = Callable[[Settings, str], RunResult]
Resolve = Callable[[str], NamedModel]
COMPLETE_FILE = "complete.json"


def plan_experiments(
    models: Sequence[str], seeds: Sequence[int], settings: Settings, resolve: Resolve = resolve_model
) -> List[Run]:
    """All runs of a comparison, model by model; `resolve` finds the model of a name.

    Raises
    ------
    UnknownNameError
        A model's name is unknown.
    ConfigurationError
        There are no models or seeds, or a model is named twice.
    """
    named = [resolve(name) for name in models]
    require(len(named) > 0, "no models to compare; give names such as SplitPlace,M+G")
    require(len(seeds) > 0, "no seeds; give a count or a list such as 3,7,10-14")
    names = [one.name for one in named]
    require(len(set(names)) == len(names), f"models {', '.join(names)} name one twice")
    require(len(set(seeds)) == len(seeds), f"seeds {', '.join(map(str, seeds))} name one twice")
    return [
        Run(model.name, settings.replace(run={"decider": model.decider, "placer": model.placer, "seed": seed}))
        for model in named
        for seed in seeds
    ]


def run_folder(one: Run, out: Path) -> Path:
    """Where a comparison in `out` keeps the run."""
    return out / "runs" / f"{quote(one.model, safe='+')}-seed{one.seed}"


def run_experiments(
    models: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
    out: Path,
    jobs: int = 1,
    progress: Optional[Progress] = None,
    run: RunFunction = simulate_model,
    command: str = "",
    resolve: Resolve = resolve_model,
    baseline: Optional[str] = None,
) -> Comparison:
    """Run every model with every seed and write the comparison.

    Parameters
    ----------
    models : names that ``resolve_model`` knows.
    settings : what all runs share; decider, placer and seed are set for each.
    out : the comparison's folder (``new_result_folder``), or an interrupted one's, whose complete runs are kept.
    jobs : worker processes, 1 or more; 1 runs in this process.
    progress : called with (runs done, runs in all, what was done last).
    run : what runs one experiment; must be importable by worker processes.
    command : the command line, for the report.
    resolve : finds the model of a name.
    baseline : the model that the others are compared with, seed by seed; default: the first.

    Returns
    -------
    Comparison
        With ``interrupted`` set if Ctrl-C (or an end of a run before its last interval) cut it short: what had
        finished is written and kept. Runs that crashed are in ``failures``.

    Raises
    ------
    ResultExistsError
        `out` holds a run of other settings under the same name.
    DataFileError
        A complete run in `out` is damaged.
    """
    out = Path(out)
    plan = plan_experiments(models, seeds, settings, resolve)
    against = plan[0].model if baseline is None else resolve(baseline).name
    names = list(dict.fromkeys(one.model for one in plan))
    require(against in names, f"baseline {against} is none of the models that are compared: {', '.join(names)}")
    if run is simulate_model:
        refuse_unknown_parts(plan)
    swept = sweep(
        plan, partial(_run_one, out, run), partial(_kept, out), lambda one, _: read_metrics(run_folder(one, out)),
        jobs, progress,
    )
    for failure, one in _failed(swept.failures, plan):
        write_text(_trace_file(one, out), failure.trace or failure.error)
    runs = [swept.done[one.content] for one in plan if one.content in swept.done]
    bounds: List[RunBounds] = []
    if run is simulate_model and runs and not swept.interrupted:
        for number, seed in enumerate(seeds, 1):
            bounds.append(kept_bounds(settings.replace(run={"seed": seed})))
            if progress is not None:
                progress(len(plan), len(plan), f"bound {number} of {len(seeds)}")
    return write_comparison(
        out, settings, runs, swept.failures, command, skipped=swept.skipped, interrupted=swept.interrupted,
        baseline=against, bounds=bounds,
    )


def is_complete(one: Run, out: Path) -> bool:
    """Whether the run's folder in `out` holds its whole result.

    Raises
    ------
    ResultExistsError
        The folder holds the result of other settings.
    """
    folder = run_folder(one, out)
    if not folder.is_dir():
        return False
    mark = folder / COMPLETE_FILE
    found = read_json(mark, f"remove {folder} and repeat the command with --resume")
    if not isinstance(found, dict) or "content" not in found:
        raise DataFileError(f"{mark} is damaged; remove {folder} and repeat the command with --resume")
    if found["content"] != one.content:
        raise ResultExistsError(
            f"{folder} was made with other settings and results are never overwritten; give another --out, "
            "or the settings that the comparison began with"
        )
    return True


def _kept(out: Path, one: Run) -> Optional[RunMetrics]:
    return read_metrics(run_folder(one, out)) if is_complete(one, out) else None


def _run_one(out: Path, run: RunFunction, one: Run) -> None:
    """Do one run and write it under its name in one step."""
    if is_complete(one, out):  # done by a worker that was lost before it could say so
        return
    folder = run_folder(one, out)
    partial_folder = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    for leftover in folder.parent.glob(f".{folder.name}.*.part"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    try:
        result = run(one.settings, one.model)
        if not result.complete:
            raise KeyboardInterrupt  # the loop stops early, and keeps what it has, only when it is told to
        write_result(result, partial_folder)
        write_json(partial_folder / COMPLETE_FILE, {"version": 1, "content": one.content})
        os.replace(partial_folder, folder)
        _trace_file(one, out).unlink(missing_ok=True)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _trace_file(one: Run, out: Path) -> Path:
    folder = run_folder(one, out)
    return folder.with_name(f"{folder.name}.traceback.txt")


def _failed(failures: Sequence[RunFailure], plan: Sequence[Run]) -> List[Tuple[RunFailure, Run]]:
    by_name = {(one.model, one.seed): one for one in plan}
    return [(failure, by_name[failure.model, failure.seed]) for failure in failures]
