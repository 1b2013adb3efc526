"""Training by running: the deciders by exploration, the surrogates on the execution traces of such runs."""
from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, Optional, Tuple

from .config import Settings
from .deciders.bandit import TrainingBanditDecider
from .deciders.bandit_state import BanditState
from .deciders.deadline import TrainingDeadlineDecider
from .deciders.deadline_state import DeadlineState
from .deciders.gillis import GillisDecider
from .deciders.gillis_state import GillisState
from .deciders.port import UNTRAINED
from .placement.port import Placer
from .placement.set_placer import TracingDasoSetPlacer
from .placement.set_surrogate import PairSurrogate, save_pair_surrogate
from .placement.set_training import PairTrace, fit, trace_of
from .placement.surrogate import KINDS, cache_dir, find_surrogate, save_surrogate
from .placement.traces import TracingPlacer
from .placement.training import refuse_too_many_hosts, train_surrogate
from .records import RunResult
from .regimes import DEFAULT, load_regime
from .simulation import Progress, build_loop, run_loop
from .threads import limited_threads

TRAINING_SEED = 50  # of the seeds 0 to 99, which are for tuning; results are reported on others
SURROGATE_PLACERS = tuple(KINDS)

PAIR_REGIMES = ("contended", "slack", "tight-ram")
PAIR_DECIDERS = ("semantic", "random", "layer")
PAIR_ROUNDS = 2

StageProgress = Callable[[str, int, int], None]


def train_bandit(settings: Settings, progress: Optional[Progress] = None) -> Tuple[BanditState, RunResult]:
    """Section 6.3: run with feedback epsilon-greedy exploration from R = 0, epsilon = 1.

    Parameters
    ----------
    settings : world, placer and seed of the run; ``bandit.training_intervals`` is its length.
    progress : called with (intervals done, intervals asked for).

    Returns
    -------
    The trained state, and the run (its intervals hold the training curves of figure 6).
    """
    settings = settings.replace(
        run={
            "decider": "mab-training", "intervals": settings.bandit.training_intervals, "drain_intervals": 0,
        },
    )
    with limited_threads(1):
        loop = build_loop(settings)
        result = run_loop(loop, "mab training", progress)
    decider = loop.decider
    if not isinstance(decider, TrainingBanditDecider):
        raise TypeError(f"a {type(decider).__name__} has no bandit to train")
    return decider.bandit, result


def train_gillis(settings: Settings, progress: Optional[Progress] = None) -> Tuple[GillisState, RunResult]:
    """Run the Gillis baseline from nothing, epsilon = 1, for ``gillis.training_intervals``; as `train_bandit`."""
    settings = settings.replace(
        run={"decider": "gillis", "intervals": settings.gillis.training_intervals, "drain_intervals": 0},
        gillis={"state_file": UNTRAINED},
    )
    with limited_threads(1):
        loop = build_loop(settings)
        result = run_loop(loop, "gillis training", progress)
    decider = loop.decider
    if not isinstance(decider, GillisDecider):
        raise TypeError(f"a {type(decider).__name__} has no table to train")
    return decider.table, result


def train_deadline(settings: Settings, progress: Optional[Progress] = None) -> Tuple[DeadlineState, RunResult]:
    """Run the deadline decider from nothing, by Thompson sampling, for ``deadline.training_intervals``; as
    `train_bandit`."""
    settings = settings.replace(
        run={
            "decider": "deadline-training", "intervals": settings.deadline.training_intervals, "drain_intervals": 0,
        },
    )
    with limited_threads(1):
        loop = build_loop(settings)
        result = run_loop(loop, "deadline training", progress)
    decider = loop.decider
    if not isinstance(decider, TrainingDeadlineDecider):
        raise TypeError(f"a {type(decider).__name__} has no belief to train")
    return decider.belief, result


def train_placer(kind: str, settings: Settings, folder: Path, progress: Optional[StageProgress] = None) -> Path:
    """Section 6.6: train a surrogate on the execution traces of a bandit in training; returns the description's path.

    Parameters
    ----------
    kind : of `placement.surrogate.KINDS`.
    settings : world and seed of the traces; ``surrogate`` says how many and how it is trained.
    folder : where weights and description go.
    progress : called with (stage, done, asked for).
    """
    refuse_too_many_hosts(settings.cluster.hosts)
    settings = settings.replace(
        run={
            "decider": "mab-training", "placer": "random", "intervals": settings.surrogate.trace_intervals,
            "drain_intervals": 0,
        }
    )
    with limited_threads(1):
        loop = build_loop(settings, TracingPlacer)
        run_loop(loop, "traces", _stage(progress, f"{kind}: traces"))
        tracer = loop.placer
        if not isinstance(tracer, TracingPlacer):
            raise TypeError(f"a {type(tracer).__name__} records no traces")
        surrogate, figures = train_surrogate(
            kind,
            loop.cluster.n_hosts,
            tracer.trace(),
            settings.surrogate,
            settings.run.seed,
            _stage(progress, f"{kind}: training"),
        )
    return save_surrogate(surrogate, kind, folder, {**training_origin(settings), **figures})


def train_pair_placer(settings: Settings, folder: Path, progress: Optional[StageProgress] = None) -> Path:
    """Train the surrogate of daso-set on its own traces; returns the description's path.

    One surrogate serves all worlds: each round runs every shipped regime under deciders that choose semantic splits,
    layer splits, and either, and places by what the round before has learned.

    Parameters
    ----------
    settings : ``run.seed``, ``cluster.hosts``, ``arrivals.rate`` and ``pair_surrogate`` are used, the rest is the
        regimes'.
    folder : where weights and description go.
    progress : called with (stage, done, asked for).
    """
    own = settings.pair_surrogate
    worlds = [(regime, decider) for regime in PAIR_REGIMES for decider in PAIR_DECIDERS]
    surrogate = PairSurrogate()
    figures: Dict[str, Any] = {}
    with limited_threads(1):
        for number in range(PAIR_ROUNDS):
            parts = []
            for done, (regime, decider) in enumerate(worlds):
                with TemporaryDirectory(prefix="cosco-splitplace-") as before:
                    save_pair_surrogate(surrogate, Path(before), {})
                    world = load_regime(regime).settings().replace(
                        run={
                            "decider": decider, "placer": "daso-set", "intervals": own.trace_intervals,
                            "seed": settings.run.seed + number,
                        },
                        cluster={"hosts": settings.cluster.hosts},
                        arrivals={"rate": settings.arrivals.rate},
                        pair_surrogate={**asdict(own), "weights_dir": before},
                    )
                    loop = build_loop(world, TracingDasoSetPlacer)
                    result = run_loop(loop)
                parts.append(trace_of(tracing(loop.placer).choices or [], result))
                if progress is not None:
                    progress(f"daso-set: traces, round {number + 1}", done + 1, len(worlds))
            stage = _stage(progress, f"daso-set: training, round {number + 1}")
            surrogate, figures = fit(PairTrace.joined(parts), own.epochs, settings.run.seed, stage)
    return save_pair_surrogate(surrogate, folder, {**training_origin(settings), **figures})


def tracing(placer: Placer) -> TracingDasoSetPlacer:
    """`placer`, which records traces."""
    if not isinstance(placer, TracingDasoSetPlacer):
        raise TypeError(f"a {type(placer).__name__} records no traces")
    return placer


def ensure_surrogate(settings: Settings, progress: Optional[StageProgress] = None) -> Optional[Path]:
    """Train the surrogate that the run needs if there is none for its number of hosts; it is kept in the user's cache.

    It is trained in the run's regime at the run's number of hosts, with the training seed, so that it does not depend
    on which run comes first.

    Returns
    -------
    The new surrogate's description, or None where nothing had to be trained.
    """
    kind, folder = settings.run.placer, settings.surrogate.weights_dir
    regime = settings.run.regime
    if kind not in SURROGATE_PLACERS or folder or find_surrogate(kind, settings.cluster.hosts, folder, regime):
        return None
    base = load_regime(regime or DEFAULT).settings()
    hosts, default = settings.cluster.hosts, base.cluster.hosts
    world = replace(base, surrogate=settings.surrogate).replace(
        run={"seed": TRAINING_SEED},
        cluster={"hosts": hosts},
        arrivals={"rate": hosts * RATE_PER_HOST},
        # a larger cluster's interval holds more tasks: about as many traces of tasks for every size
        surrogate={"trace_intervals": math.ceil(settings.surrogate.trace_intervals * min(1.0, default / hosts))},
    )
    return train_placer(kind, world, cache_dir(regime), progress)


RATE_PER_HOST = 6 / 50  # section 6: lambda = 6 on 50 hosts


def training_origin(settings: Settings) -> Dict[str, Any]:
    """What a trained file says about how it came about."""
    return {"seed": settings.run.seed, "settings": settings.to_mapping()}


def _stage(progress: Optional[StageProgress], stage: str) -> Optional[Progress]:
    if progress is None:
        return None
    report = progress
    return lambda done, total: report(stage, done, total)
