"""What the surrogate sees: state, decisions and placement as arrays of fixed size, built without a loop over rows.

The fully connected surrogate (section 4.2) takes a fixed number of fragments: as many slots as there are hosts, as in
COSCO. More fragments make more blocks, each an input of its own that sees all hosts and its own fragments; the blocks
of one decision are one batch.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from ..config import Settings
from ..records import IntArray
from .port import WAIT, PlacementProblem

HOST_FEATURES = 4
FRAGMENT_FEATURES = 3
DECISION_FEATURES = 2
EMPTY = WAIT - 1


@dataclass(frozen=True)
class Encoding:
    """One decision's input without the placement; the first dimension of each tensor is the block.

    ``constant`` (n_blocks, n_constant) holds the flattened host features, fragment features and decisions (zeros for
    GOBI, which does not know them). ``placement`` (n_blocks, n_slots, n_hosts) is the previous placement P_{t-1}: a
    one-hot row for a placed fragment, an even row for a queued one, zeros for an empty slot. ``demand`` (n_hosts,) is
    the share of a host's CPU that one fragment asks for, ``elsewhere`` (n_blocks, n_hosts) the demand of the
    fragments that are placed in other blocks.
    """

    constant: torch.Tensor
    placement: torch.Tensor
    demand: torch.Tensor
    elsewhere: torch.Tensor
    n_fragments: int


def constant_size(n_hosts: int) -> int:
    """Number of input features without the placement."""
    return n_hosts * (HOST_FEATURES + FRAGMENT_FEATURES + DECISION_FEATURES)


def encode(problem: PlacementProblem, settings: Settings, decision_aware: bool) -> Encoding:
    """The surrogate's input for `problem`; every feature is scaled to be of order 1."""
    cluster, state = problem.cluster, problem.snapshot
    n, slots = len(problem.fragment_ids), cluster.n_hosts
    blocks = max(1, -(-n // slots))
    fragment_mips = cluster.fragment_mips(settings.fragments.cores)
    interval_s = settings.run.interval_s
    hosts = np.stack(
        [
            state.cpu_utilisation,
            state.ram_used_mb / cluster.ram_mb,
            state.bandwidth_mb_s / cluster.link_mb_s,
            np.log(state.latency_s / cluster.ping_s),
        ],
        axis=1,
    )  # (n_hosts, 4)
    fragments = np.zeros((blocks * slots, FRAGMENT_FEATURES))
    fragments[:n, 0] = problem.work_left_mi / (fragment_mips.mean() * interval_s)
    fragments[:n, 1] = problem.ram_mb / cluster.ram_mb.mean()
    fragments[:n, 2] = problem.input_mb / (cluster.link_mb_s.mean() * interval_s)
    decisions = np.zeros((blocks * slots, DECISION_FEATURES))
    if decision_aware:
        # One-hot over the paper's two splits. Zeros stand for a compressed network: it is alone, without a chain behind
        # it or siblings beside it, and the trained surrogates keep their shape.
        decisions[:n, 0] = problem.layer
        decisions[:n, 1] = problem.semantic
    constant = np.concatenate(
        [
            np.broadcast_to(hosts.ravel(), (blocks, hosts.size)),
            fragments.reshape(blocks, -1),
            decisions.reshape(blocks, -1),
        ],
        axis=1,
    )
    current = slot_hosts(problem.current, blocks, slots)
    demand = torch.from_numpy((fragment_mips / cluster.mips).astype(np.float32))
    return Encoding(
        constant=torch.from_numpy(constant.astype(np.float32)),
        placement=one_hot(current, cluster.n_hosts),
        demand=demand,
        elsewhere=demand_elsewhere(one_hot(current, cluster.n_hosts, queued=0.0), demand),
        n_fragments=n,
    )


def demand_elsewhere(placed: torch.Tensor, demand: torch.Tensor) -> torch.Tensor:
    """The demand of what is placed in the other blocks, (n_blocks, n_hosts)."""
    by_block = placed.sum(dim=1) * demand
    return by_block.sum(dim=0) - by_block


def contention(placement: torch.Tensor, elsewhere: torch.Tensor, demand: torch.Tensor) -> torch.Tensor:
    """How unevenly a placement loads the CPUs, (n_blocks,), differentiable.

    The hosts' mean squared demand, less that of an even placement of as many fragments, so that it tells good
    from bad placements and not busy from quiet intervals. Without it a fully connected network on flattened one-hots
    learns little more than which hosts are good, whatever runs there already (docs/differences.md).

    Parameters
    ----------
    placement : (n_blocks, n_slots, n_hosts).
    elsewhere : (n_blocks, n_hosts), the demand of the other blocks.
    demand : (n_hosts,), of one fragment.
    """
    load = elsewhere + placement.sum(dim=1) * demand
    fragments_a_host = (load / demand).mean(dim=1, keepdim=True)
    return load.square().mean(dim=1) - (fragments_a_host * demand).square().mean(dim=1)


def shuffle_slots(constant: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
    """`constant` (n_rows, n_constant) with the fragments' features and decisions in the order `slots` (n_slots,)."""
    n = len(slots)
    sizes = [n * HOST_FEATURES, n * FRAGMENT_FEATURES, n * DECISION_FEATURES]
    hosts, fragments, decisions = torch.split(constant, sizes, dim=1)
    return torch.cat(
        [hosts]
        + [part.reshape(len(part), n, -1)[:, slots].flatten(1) for part in (fragments, decisions)],
        dim=1,
    )


def slot_hosts(hosts: IntArray, blocks: int, slots: int) -> torch.Tensor:
    """`hosts` (n_fragments,) by slot, (n_blocks, n_slots); EMPTY where there is no fragment."""
    padded = np.full(blocks * slots, EMPTY)
    padded[: len(hosts)] = hosts
    return torch.from_numpy(padded.reshape(blocks, slots))


def one_hot(hosts: torch.Tensor, n_hosts: int, queued: Optional[float] = None) -> torch.Tensor:
    """Each slot's host (n_blocks, n_slots) as a row, (n_blocks, n_slots, n_hosts).

    One-hot where a fragment is placed, zero in an empty slot, and `queued` everywhere where a fragment waits; default
    1 / n_hosts.
    """
    rows = torch.nn.functional.one_hot(hosts.clamp(min=0), n_hosts).float()
    rows[hosts == WAIT] = 1.0 / n_hosts if queued is None else queued
    rows[hosts == EMPTY] = 0.0
    return rows
