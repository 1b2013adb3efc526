"""Training COSCO's own surrogate classes (GOBI and its kin) on execution traces of this workload."""
from __future__ import annotations

import copy
import importlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch

from ..config import Settings
from ..errors import ConfigurationError, ResultExistsError, require
from ..placement import PlacementProblem, PlacerSetup
from ..placement.heuristics import HeuristicPlacer, LeastLoadedPlacer, RandomPlacer
from ..records import FloatArray
from ..simulation import run_loop
from ..threads import limited_threads
from . import bundled
from .face import PAGES, as_decision
from .gobi_checkpoints import STATE, own_checkpoint
from .quiet import quiet
from .running import Assembly, assemble_around

TRAINING_SEED = 50  # of the seeds 0 to 99, which are for tuning
INTERVALS = 1000
EPOCHS = 60
BATCH = 32
RATE = 1e-3  # ours; COSCO trains with 1e-4, one row at a time, for hundreds of epochs
HELD_OUT = 0.2  # of the rows to choose the epoch, and as many to tell how good it is
IN_COSCO = "scheduler/BaGTI/checkpoints"

StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Training:
    """What came of it: the files, and errors on held-out rows beside that of always predicting the mean."""

    model: str
    files: Tuple[Path, ...]
    rows: int
    error: float
    error_of_mean: float


@dataclass
class RecordingScheduler:
    """Places by a heuristic drawn anew for every interval and records what a GOBI would have seen of each page.

    Parameters
    ----------
    gobi : the scheduler whose model is to be trained; it knows its scales.
    """

    gobi: Any
    env: Any = None
    inputs: List[FloatArray] = field(default_factory=list)
    energy_j: List[float] = field(default_factory=list)
    response_s: List[float] = field(default_factory=list)

    def setEnvironment(self, env: Any) -> None:
        """COSCO's way of telling a scheduler where it works."""
        self.env = env

    def prepare(self, setup: PlacerSetup) -> None:
        """Build the heuristics."""
        self._generator = setup.generator
        self._heuristics: List[HeuristicPlacer] = [RandomPlacer(setup), LeastLoadedPlacer(setup)]
        self._asked: Optional[PlacementProblem] = None

    def selection(self) -> List[int]:
        """Running containers stay."""
        return []

    def filter_placement(self, decision: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
        """All of it."""
        return decision

    def placement(self, containerIDs: List[int]) -> List[Tuple[int, int]]:
        """The heuristic's hosts for the page that is shown."""
        problem = self.env.problem
        if problem is not self._asked:
            self._asked = problem
            chosen = self._heuristics[int(self._generator.integers(len(self._heuristics)))]
            self._decision = dict(as_decision(problem, self.env.slot_of, chosen.place(problem)))
        first = self.env.page * self.env.containerlimit
        page = {one: self._decision[first + one] for one in containerIDs if first + one in self._decision}
        self.inputs.append(self._seen(page))
        return list(page.items())

    def _seen(self, page: Dict[int, int]) -> FloatArray:
        """A GOBI's input with the decision carried out, (n_hosts, features + n_hosts)."""
        env = self.env
        columns = [
            [one.getCPU() / 100 for one in env.hostlist],
            [one.getApparentIPS() / self.gobi.max_container_ips if one else 0.0 for one in env.containerlist],
        ]
        if hasattr(self.gobi, "max_energy"):
            energy, response = env.stats.runSimulationGOBI()
            columns += [[energy / self.gobi.max_energy] * len(env.hostlist)]
            columns += [[response / self.gobi.max_response] * len(env.hostlist)]
        hosts = [page.get(one.id, one.hostid) if one else -1 for one in env.containerlist]
        alloc = (np.array(hosts)[:, None] == np.arange(len(env.hostlist))).astype(float)
        return np.concatenate([np.array(columns).T, alloc], axis=1)

    def close_interval(self, metrics: Dict[str, Any]) -> None:
        """What came of the pages that were recorded since."""
        new = len(self.inputs) - len(self.energy_j)
        self.energy_j += [metrics["energytotalinterval"]] * new
        self.response_s += [metrics["avgresponsetime"]] * new


def train_gobi(
    settings: Settings, root: Path, name: str = "GOBI", write: bool = False, progress: Optional[StageProgress] = None
) -> Training:
    """Train the model of COSCO's scheduler `name` for ``settings.cluster.hosts`` hosts.

    The checkpoint goes to the user's cache, where our runs find it, and with `write` also to where COSCO looks.

    Raises
    ------
    ConfigurationError
        `name` has no surrogate of GOBI's kind, or COSCO has no model for so many hosts.
    ResultExistsError
        With `write`, COSCO has that checkpoint already; nothing is trained.
    """
    n_hosts = settings.cluster.hosts
    built = bundled.build(root, name, n_hosts, untrained=True)
    model = getattr(built.scheduler, "model", None)
    if not (isinstance(model, torch.nn.Module) and hasattr(model, "find") and hasattr(built.scheduler, "data_type")):
        raise ConfigurationError(f"COSCO's {name} has no surrogate that can be trained; give GOBI, GOBI2, HGOBI, ...")
    in_cosco = root / IN_COSCO / f"{model.name}_Trained.ckpt"
    require(
        not (write and in_cosco.exists()),
        f"{in_cosco} exists already and is not overwritten; move it away first, or leave out --write",
        ResultExistsError,
    )
    gobi = bundled.build(root, "GOBI", n_hosts).scheduler if built.co_simulates else None
    recorder = _record(built.scheduler, settings, root, gobi, progress)
    bundled.seed_everything(settings.run.seed)
    with limited_threads(1):
        inputs, targets = _data(recorder)
        optimiser, training = _fit(model, inputs, targets, progress)
    content = {
        "epoch": EPOCHS, STATE: model.state_dict(), "optimizer_state_dict": optimiser.state_dict(), "accuracy_list": [],
    }  # fmt: skip
    label = str(model.name)
    files = (own_checkpoint(label), *([in_cosco] if write else []))
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
    return Training(label, files, len(inputs), *training)


def _record(
    scheduler: Any, settings: Settings, root: Path, gobi: Optional[Any], progress: Optional[StageProgress]
) -> RecordingScheduler:
    recorder = RecordingScheduler(scheduler)
    assembly: Assembly = assemble_around(bundled.Built(recorder, overflow=PAGES), settings, root, gobi)

    def after_interval(done: int, total: int) -> None:
        assembly.environment.conclude()
        with quiet():
            assembly.stats.saveMetrics([], [])
        recorder.close_interval(assembly.stats.metrics[-1])
        if progress is not None:
            progress(f"{scheduler.model.name}: traces", done, total)

    with limited_threads(1):
        run_loop(assembly.loop, "traces", after_interval)
    return recorder


def _data(recorder: RecordingScheduler) -> Tuple[torch.Tensor, torch.Tensor]:
    """Inputs (n_rows, n_features) and targets (n_rows, 2): energy and response, each scaled to [0, 1]."""
    energy, response = np.array(recorder.energy_j), np.array(recorder.response_s)
    span = max(float(energy.max() - energy.min()), 1e-9)
    targets = np.stack([(energy - energy.min()) / span, response / max(float(response.max()), 1e-9)], axis=1)
    inputs = np.stack([one.ravel() for one in recorder.inputs])
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets, dtype=torch.float32)


def _fit(
    model: Any, inputs: torch.Tensor, targets: torch.Tensor, progress: Optional[StageProgress]
) -> Tuple[Any, Tuple[float, float]]:
    """Train; returns COSCO's optimiser for the model, and (held-out error, that of the mean)."""
    constants = importlib.import_module("scheduler.BaGTI.src.constants")
    weights = torch.tensor([constants.Coeff_Energy, constants.Coeff_Latency])
    with quiet():
        load = importlib.import_module("scheduler.BaGTI.train").load_model
        optimiser = load(f"{model.name} (none)", model, model.name)[1]
    rates = [group["lr"] for group in optimiser.param_groups]
    for group in optimiser.param_groups:
        group["lr"] = RATE
    part = math.ceil(HELD_OUT * len(inputs))  # in order of time, as neighbours resemble one another
    learn, choose, held = (torch.arange(len(inputs))[one] for one in (
        slice(0, -2 * part), slice(-2 * part, -part), slice(-part, None)
    ))  # fmt: skip

    def error(rows: torch.Tensor) -> float:
        with torch.no_grad():
            return float(torch.mean((_predicted(model, inputs[rows], weights) - targets[rows] @ weights) ** 2))

    best = error(choose), copy.deepcopy(model.state_dict())
    for epoch in range(EPOCHS):
        for rows in learn[torch.randperm(len(learn))].split(BATCH):  # type: ignore[no-untyped-call]
            loss = _loss(model, inputs[rows], targets[rows], weights)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        now = error(choose)
        if now < best[0]:
            best = now, copy.deepcopy(model.state_dict())
        if progress is not None:
            progress(f"{model.name}: training", epoch + 1, EPOCHS)
    model.load_state_dict(best[1])
    for group, rate in zip(optimiser.param_groups, rates):
        group["lr"] = rate
    mean = (targets[learn] @ weights).mean()
    return optimiser, (error(held), float(torch.mean((mean - targets[held] @ weights) ** 2)))


def _predicted(model: Any, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Predicted objective, (n_rows,).

    ``find`` is asked, not ``forward``, which takes one row and looks at the program's name.
    """
    found = model.find(inputs)
    mean: torch.Tensor = found[0].squeeze(1) if isinstance(found, tuple) else found @ weights
    return mean


def _loss(model: Any, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Squared error of energy and response, or the likelihood of their weighted sum where there is a variance."""
    found = model.find(inputs)
    if isinstance(found, tuple):
        mean, variance = found[0].squeeze(1), found[1].squeeze(1)
        return torch.nn.functional.gaussian_nll_loss(mean, targets @ weights, variance)
    return torch.nn.functional.mse_loss(found, targets)
