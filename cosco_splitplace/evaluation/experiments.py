"""Many runs: every model with every seed, in processes, each kept as soon as it is done.

``OUT/runs/<model>-seed<k>/`` holds one run; it appears under that name only when it is complete, with a hash of its
settings and model in it. The same command on the same folder skips what is complete, so that an interrupted
comparison goes on where it stopped. One worker or many: the files are the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set, Union
from urllib.parse import quote

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from ..config import Settings
from ..errors import DataFileError, ResultExistsError, require
from ..records import RunResult
from .bounds.run_bounds import RunBounds, kept_bounds
from .comparison import Comparison, RunFailure, write_comparison
from .files import read_json, write_json, write_text
from .models import NamedModel, resolve_model
from .result_folder import RunMetrics, read_metrics, write_result

logger = logging.getLogger(__name__)

RunFunction = Callable[[Settings, str], RunResult]
Resolve = Callable[[str], NamedModel]
Progress = Callable[[int, int, str], None]  # (runs done, runs in all, what was done last)
COMPLETE_FILE = "complete.json"


@dataclass(frozen=True)
class Experiment:
    """One run to be done: a model with a seed, its settings, and its folder."""

    model: str
    seed: int
    settings: Settings
    folder: Path

    @property
    def content(self) -> str:
        """The hash of what determines the run: settings (decider, placer and seed among them) and model name."""
        return hashlib.sha256(f"{self.settings.to_toml()}\n{self.model}".encode()).hexdigest()


def simulate_model(settings: Settings, model: str) -> RunResult:
    """The default run function: the loop, on the simulated backend."""
    from ..simulation import simulate  # late: whoever brings another function needs no loop

    return simulate(settings, model=model)


def refuse_unknown_parts(plan: Sequence[Experiment]) -> None:
    """Look up every decider and placer of `plan` before anything runs.

    Raises
    ------
    ConfigurationError
        A decider or placer is not registered, or its ``module:Name`` can't be imported.
    """
    from ..deciders import DECIDERS
    from ..placement import PLACERS

    for one in plan:
        DECIDERS.get(one.settings.run.decider)
        PLACERS.get(one.settings.run.placer)


def plan_experiments(
    models: Sequence[str], seeds: Sequence[int], settings: Settings, out: Path, resolve: Resolve = resolve_model
) -> List[Experiment]:
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
    return [_experiment(model, seed, settings, out) for model in named for seed in seeds]


def _experiment(model: NamedModel, seed: int, settings: Settings, out: Path) -> Experiment:
    own = settings.replace(run={"decider": model.decider, "placer": model.placer, "seed": seed})
    return Experiment(model.name, seed, own, out / "runs" / f"{quote(model.name, safe='+')}-seed{seed}")


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
    require(jobs >= 1, f"jobs is {jobs}; give at least 1 worker")
    plan = plan_experiments(models, seeds, settings, Path(out), resolve)
    against = plan[0].model if baseline is None else resolve(baseline).name
    names = list(dict.fromkeys(one.model for one in plan))
    require(against in names, f"baseline {against} is none of the models that are compared: {', '.join(names)}")
    if run is simulate_model:
        refuse_unknown_parts(plan)
    done: Dict[str, RunMetrics] = {}
    for one in plan:
        if is_complete(one):
            done[one.folder.name] = read_metrics(one.folder)
    pending = [one for one in plan if one.folder.name not in done]
    failures: List[RunFailure] = []
    interrupted = False
    tell = progress or _say_nothing
    tell(len(done), len(plan), f"{len(done)} done before" if done else "")
    skipped = len(done)
    try:
        for finished in _run_all(pending, run, jobs):
            if isinstance(finished, RunFailure):
                failures.append(finished)
                logger.warning("%s with seed %d failed: %s", finished.model, finished.seed, finished.error)
            else:
                done[finished.folder.name] = read_metrics(finished.folder)
            tell(len(done) + len(failures), len(plan), f"{finished.model}, seed {finished.seed}")
    except KeyboardInterrupt:
        interrupted = True
        done.update({one.folder.name: read_metrics(one.folder) for one in pending if is_complete(one)})
    order = [(one.model, one.seed) for one in plan]
    failures.sort(key=lambda one: order.index((one.model, one.seed)))
    runs = [done[one.folder.name] for one in plan if one.folder.name in done]
    bounds: List[RunBounds] = []
    if run is simulate_model and runs and not interrupted:
        for number, seed in enumerate(seeds, 1):
            bounds.append(kept_bounds(settings.replace(run={"seed": seed})))
            tell(len(plan), len(plan), f"bound {number} of {len(seeds)}")
    return write_comparison(
        Path(out), settings, runs, failures, command, skipped=skipped, interrupted=interrupted, baseline=against,
        bounds=bounds,
    )


def is_complete(one: Experiment) -> bool:
    """Whether the experiment's folder holds its whole result.

    Raises
    ------
    ResultExistsError
        The folder holds the result of other settings.
    """
    if not one.folder.is_dir():
        return False
    mark = one.folder / COMPLETE_FILE
    found = read_json(mark, f"remove {one.folder} and repeat the command with --resume")
    if not isinstance(found, dict) or "content" not in found:
        raise DataFileError(f"{mark} is damaged; remove {one.folder} and repeat the command with --resume")
    if found["content"] != one.content:
        raise ResultExistsError(
            f"{one.folder} was made with other settings and results are never overwritten; give another --out, "
            "or the settings that the comparison began with"
        )
    return True


def _run_all(
    pending: Sequence[Experiment], run: RunFunction, jobs: int
) -> Iterator[Union[Experiment, RunFailure]]:
    if jobs == 1 or not pending:
        yield from (_run_one(one, run) for one in pending)
        return
    told: Set[str] = set()
    try:
        for finished in _in_processes(pending, run, jobs):
            told.add(f"{finished.model} {finished.seed}")
            yield finished
    except BrokenProcessPool as error:
        # a worker was killed, nobody knows by which run: do what is left one by one, each in a process of its own
        logger.warning("a worker process died (%s); going on with one run at a time", type(error).__name__)
        for one in [one for one in pending if f"{one.model} {one.seed}" not in told]:
            yield from [one] if is_complete(one) else _alone(one, run)


def _in_processes(
    pending: Sequence[Experiment], run: RunFunction, jobs: int
) -> Iterator[Union[Experiment, RunFailure]]:
    workers = Parallel(n_jobs=max(2, min(jobs, len(pending))), return_as="generator_unordered", batch_size=1)
    yield from workers(delayed(_run_one)(one, run) for one in pending)


def _alone(one: Experiment, run: RunFunction) -> Iterator[Union[Experiment, RunFailure]]:
    try:
        yield from _in_processes([one], run, 2)
    except BrokenProcessPool:
        yield RunFailure(one.model, one.seed, "its worker process was killed (out of memory?)")


def _run_one(one: Experiment, run: RunFunction) -> Union[Experiment, RunFailure]:
    """Do one run and write it under its name in one step; a crash becomes a record, with its traceback beside."""
    partial = one.folder.with_name(f".{one.folder.name}.{os.getpid()}.part")
    trace = one.folder.with_name(f"{one.folder.name}.traceback.txt")
    for leftover in one.folder.parent.glob(f".{one.folder.name}.*.part"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        result = run(one.settings, one.model)
        if not result.complete:
            raise KeyboardInterrupt  # the loop stops early, and keeps what it has, only when it is told to
        write_result(result, partial)
        write_json(partial / COMPLETE_FILE, {"version": 1, "content": one.content})
        os.replace(partial, one.folder)
        trace.unlink(missing_ok=True)
    except Exception as error:
        write_text(trace, traceback.format_exc())
        return RunFailure(one.model, one.seed, f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return one


def _say_nothing(done: int, total: int, label: str) -> None:
    pass
