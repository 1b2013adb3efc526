"""Training the surrogates of GOBI and DASO on execution traces (eq. 11)."""
from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import torch

from ..config import SurrogateSettings
from ..errors import require
from .surrogate import KINDS, Surrogate
from .traces import Trace

MOST_HOSTS = 300  # the input grows with the square: 300 hosts make 90,000 placement features
BATCH = 64
HELD_OUT = 5  # every fifth row


def refuse_too_many_hosts(n_hosts: int) -> None:
    """Refuse a cluster for which a fully connected surrogate is out of proportion."""
    require(
        n_hosts <= MOST_HOSTS,
        f"a fully connected surrogate for {n_hosts} hosts would have {n_hosts * n_hosts:,} placement features; it is "
        f"offered up to {MOST_HOSTS} hosts: use --placer least-loaded for larger clusters",
    )


def train_surrogate(
    kind: str,
    n_hosts: int,
    trace: Trace,
    settings: SurrogateSettings,
    seed: int,
    progress: Optional[Callable[[int, int], None]] = None,
) -> Tuple[Surrogate, Dict[str, Any]]:
    """Fit a surrogate by AdamW on the mean squared error.

    The weights of the pass with the least error on held-out rows (every fifth) are kept: "up till convergence".

    Parameters
    ----------
    kind : of `KINDS`.
    n_hosts : hosts of the cluster that the trace is of.
    trace : what to learn from.
    settings : sizes, learning rate, passes.
    seed : of initial weights and order.
    progress : called with (passes done, passes asked for).

    Returns
    -------
    The surrogate, and figures about its training: rows, errors, and the objective's variance on the held-out rows
    (what the error would be if it always predicted the mean).
    """
    refuse_too_many_hosts(n_hosts)
    if not KINDS[kind].decision_aware:
        trace = trace.without_decisions()
    rows = torch.arange(len(trace.objective))
    held_out, kept = rows[rows % HELD_OUT == 0], rows[rows % HELD_OUT != 0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        surrogate = Surrogate(n_hosts, settings.hidden, KINDS[kind].priced)
    shuffle = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(surrogate.parameter_groups(settings.placement_decay), lr=settings.learning_rate)
    best, best_weights = float("inf"), surrogate.state_dict()
    for epoch in range(settings.epochs):
        for batch in torch.split(kept[torch.randperm(len(kept), generator=shuffle)], BATCH):
            slots = torch.randperm(n_hosts, generator=shuffle)
            loss = trace.rows(batch).with_slots(slots).error(surrogate)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            parts = torch.split(held_out, BATCH)  # all at once, the one-hot rows of a large cluster fill the memory
            error = sum(float(trace.rows(one).error(surrogate)) * len(one) for one in parts) / len(held_out)
        if error < best:
            best, best_weights = error, {key: value.clone() for key, value in surrogate.state_dict().items()}
        if progress is not None:
            progress(epoch + 1, settings.epochs)
    surrogate.load_state_dict(best_weights)
    figures = {
        "rows": len(rows),
        "held_out_error": best,
        "held_out_variance": float(trace.objective[held_out].var(correction=0)),
    }
    return surrogate, figures

