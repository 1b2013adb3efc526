"""Fitting the surrogate of `daso-set` to execution traces of its own."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np
import torch

from ..records import FloatArray, RunResult
from .set_placer import Choice
from .set_search import FARTHEST, MEETING_FEATURES, TIME_FEATURES
from .set_surrogate import PairSurrogate

BATCH = 256
HELD_OUT = 5  # every fifth row
LEARNING_RATE = 3e-3  # AdamW's (our own choice)
WEIGHT_DECAY = 1e-2


@dataclass(frozen=True)
class PairTrace:
    """One row a fragment and interval in which it has a host: features (see `set_search`), the time it took from then
    on in intervals, and whether its task kept its deadline (1 or 0)."""

    times: FloatArray
    meetings: FloatArray
    took: FloatArray
    met: FloatArray

    @staticmethod
    def joined(parts: Sequence["PairTrace"]) -> "PairTrace":
        """All rows of `parts`."""
        return PairTrace(*(np.concatenate([getattr(one, name) for one in parts]) for name in vars(parts[0])))


def trace_of(choices: Sequence[Choice], result: RunResult) -> PairTrace:
    """What became of the fragments that `choices` were about, in a run that was drained."""
    span = result.settings.run.interval_s
    met = {one.task.task_id: float(not one.violated) for one in result.outcomes}
    n = len(result.fragments)
    finished, kept = np.full(n, math.nan), np.full(n, math.nan)
    for row in result.fragments:
        number = row.fragment.fragment_id
        kept[number] = met.get(row.fragment.task_id, math.nan)
        if row.times is not None:
            finished[number] = row.times.finished_s
    parts: List[PairTrace] = []
    for one in choices:
        took = (finished[one.fragment_ids] - one.time_s) / span
        known = np.isfinite(took) & np.isfinite(kept[one.fragment_ids]) & np.isfinite(one.times[:, 0])
        parts.append(
            PairTrace(
                times=one.times[known],
                meetings=one.meetings[known],
                took=took[known],
                met=kept[one.fragment_ids][known],
            )
        )
    return PairTrace.joined(parts)


def fit(
    trace: PairTrace, epochs: int, seed: int, progress: Optional[Callable[[int, int], None]] = None
) -> "tuple[PairSurrogate, Dict[str, Any]]":
    """Fit both networks by AdamW: the logarithm of the time (absolute error), then the deadline (cross-entropy).

    The weights of the pass with the least error on held-out rows (every fifth) are kept.

    Returns
    -------
    The surrogate, and figures: rows; held-out error of log time, trained and of plain processor sharing; Brier score
    of the probability on held-out rows, and of the constant share.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        surrogate = PairSurrogate()
    shuffle = torch.Generator().manual_seed(seed)
    rows = torch.arange(len(trace.took))
    held_out, kept = rows[rows % HELD_OUT == 0], rows[rows % HELD_OUT != 0]
    features = torch.from_numpy(trace.times[:, :TIME_FEATURES]).float()
    simple = torch.from_numpy(trace.times[:, TIME_FEATURES]).float()
    took = torch.from_numpy(trace.took).float()
    bounds = simple * math.exp(-FARTHEST), simple * math.exp(FARTHEST)
    target = torch.log(torch.minimum(torch.maximum(took, bounds[0]), bounds[1]).clamp(min=1e-4))

    def time_loss(part: torch.Tensor) -> torch.Tensor:
        return nn_l1(surrogate.log_time(features[part], simple[part]), target[part])

    figures: Dict[str, Any] = {"rows": len(rows)}
    with torch.no_grad():
        figures["log_time_error_of_processor_sharing"] = float(time_loss(held_out))
    groups = [*surrogate.time_in.parameters(), *surrogate.time_out.parameters()]
    figures["log_time_error"] = _train(surrogate, groups, time_loss, kept, held_out, epochs, shuffle)
    if progress is not None:
        progress(1, 2)

    with torch.no_grad():
        predicted = torch.exp(surrogate.log_time(features, simple))
    seen = torch.from_numpy(trace.meetings[:, :MEETING_FEATURES]).float()
    margin = torch.from_numpy(trace.meetings[:, MEETING_FEATURES]).float() - predicted
    met = torch.from_numpy(trace.met).float()

    def meeting_loss(part: torch.Tensor) -> torch.Tensor:
        logits = surrogate.meeting_logit(seen[part], margin[part]).clamp(-30.0, 30.0)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, met[part])

    groups = [*surrogate.meeting_in.parameters(), *surrogate.meeting_out.parameters()]
    figures["cross_entropy"] = _train(surrogate, groups, meeting_loss, kept, held_out, epochs, shuffle)
    with torch.no_grad():
        share = torch.sigmoid(surrogate.meeting_logit(seen[held_out], margin[held_out]))
        figures["brier"] = float((share - met[held_out]).square().mean())
        figures["brier_of_mean"] = float((met[held_out] - met[kept].mean()).square().mean())
    if progress is not None:
        progress(2, 2)
    return surrogate, figures


def nn_l1(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error."""
    return (predicted - target).abs().mean()


def _train(
    surrogate: PairSurrogate,
    parameters: List[torch.nn.Parameter],
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    kept: torch.Tensor,
    held_out: torch.Tensor,
    epochs: int,
    shuffle: torch.Generator,
) -> float:
    """Train `parameters`; returns the least loss on held-out rows, whose weights are kept."""
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    best, best_weights = math.inf, {key: value.clone() for key, value in surrogate.state_dict().items()}
    for _ in range(epochs):
        for batch in torch.split(kept[torch.randperm(len(kept), generator=shuffle)], BATCH):
            loss = loss_of(batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        with torch.no_grad():
            error = float(loss_of(held_out))
        if error < best:
            best, best_weights = error, {key: value.clone() for key, value in surrogate.state_dict().items()}
    surrogate.load_state_dict(best_weights)
    return best
