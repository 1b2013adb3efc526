"""The engine's inner loop, compiled: processor sharing, shared links, RAM pressure and energy, event by event.

A fragment is always in one phase, and a phase is an amount (MI, MB or seconds) that shrinks at a rate. Rates change
only when a fragment enters or leaves a host or a link; then the amounts concerned are settled up to that instant.
Between events every rate is constant, so that time is continuous and nothing depends on a step size.

- CPU: the n fragments that run on a host get min(fragment's limit, MIPS / n) each, divided by the swap slowdown
  1 + penalty * (RAM used / RAM - 1) where the RAM is used more than once over.
- Links: full duplex; a transfer gets the smaller of its equal shares of the sender's up- and the receiver's downlink.
- Energy: the power curve at the host's utilisation, integrated exactly.
"""
from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np
from numba import njit

from ...records import BoolArray, FloatArray, IntArray

FREE, STARTED, DELAY, TRANSFER, RUNNING, HELD, DONE = range(7)
INPUT, RESULT, MIGRATION = range(3)
EVENT_FINISHED, EVENT_DELIVERED, EVENT_MIGRATED = range(3)


class FragmentColumns(NamedTuple):
    """One row a fragment, in order of id; amounts in MI and MB, times in seconds, NaN for what has not happened."""

    phase: IntArray
    purpose: IntArray
    host: IntArray
    source: IntArray
    target: IntArray
    is_last: BoolArray
    remaining: FloatArray
    rate: FloatArray
    settled: FloatArray
    due: FloatArray
    transfer_mb: FloatArray
    work_left: FloatArray
    ram_mb: FloatArray
    output_mb: FloatArray
    placed: FloatArray
    started: FloatArray
    finished: FloatArray
    delivered: FloatArray
    migration_began: FloatArray
    migration_s: FloatArray
    migrations: IntArray
    work_done: FloatArray
    received_mb: FloatArray


class HostColumns(NamedTuple):
    """One row a host and a last one for the broker; what is done is counted since the last reading."""

    mips: FloatArray
    fragment_mips: FloatArray
    ram_mb: FloatArray
    power_w: FloatArray
    bandwidth_mb_s: FloatArray
    latency_s: FloatArray
    running: IntArray
    uploads: IntArray
    downloads: IntArray
    ram_used_mb: FloatArray
    settled: FloatArray
    busy_s: FloatArray
    work_mi: FloatArray
    energy_j: FloatArray
    sent_mb: FloatArray
    received_mb: FloatArray


@njit(cache=True)  # type: ignore[untyped-decorator]
def utilisation(h: HostColumns, host: int) -> float:
    """Share of `host`'s capacity that its running fragments ask for, in [0, 1]."""
    share: float = min(1.0, h.running[host] * h.fragment_mips[host] / h.mips[host])
    return share


@njit(cache=True)  # type: ignore[untyped-decorator]
def power(h: HostColumns, host: int, share: float) -> float:
    """Watts of `host` at CPU utilisation `share`, linear between the curve's points."""
    steps = h.power_w.shape[1] - 1
    left = min(int(share * steps), steps - 1)
    weight = share * steps - left
    watts: float = (1 - weight) * h.power_w[host, left] + weight * h.power_w[host, left + 1]
    return watts


@njit(cache=True)  # type: ignore[untyped-decorator]
def settle_fragment(f: FragmentColumns, h: HostColumns, i: int, now: float) -> None:
    """Bring fragment `i`'s amounts up to `now`."""
    done = f.rate[i] * (now - f.settled[i])
    f.remaining[i] -= done
    f.settled[i] = now
    if f.phase[i] == RUNNING:
        f.work_done[i] += done
        h.work_mi[f.host[i]] += done
    elif f.phase[i] == TRANSFER:
        f.received_mb[i] += done
        h.sent_mb[f.source[i]] += done
        h.received_mb[f.target[i]] += done


@njit(cache=True)  # type: ignore[untyped-decorator]
def set_rate(f: FragmentColumns, i: int, rate: float, now: float) -> None:
    """Give fragment `i` a new rate from `now` on; at rate 0 it is never due."""
    f.rate[i] = rate
    f.due[i] = now + max(f.remaining[i], 0.0) / rate if rate > 0 else np.inf


@njit(cache=True)  # type: ignore[untyped-decorator]
def settle_host(h: HostColumns, host: int, now: float) -> None:
    """Bring `host`'s energy and busy time up to `now`; to be called before its number of fragments changes."""
    share = utilisation(h, host)
    span = now - h.settled[host]
    h.energy_j[host] += power(h, host, share) * span
    h.busy_s[host] += share * span
    h.settled[host] = now


@njit(cache=True)  # type: ignore[untyped-decorator]
def share_host(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, host: int, swap_penalty: float, now: float
) -> None:
    """Share `host`'s CPU anew among the fragments that run there."""
    if h.running[host] == 0:
        return
    rate = min(h.fragment_mips[host], h.mips[host] / h.running[host])
    overuse = h.ram_used_mb[host] / h.ram_mb[host] - 1
    if overuse > 0:
        rate /= 1 + swap_penalty * overuse
    for k in range(n):
        i = active[k]
        if f.phase[i] == RUNNING and f.host[i] == host:
            settle_fragment(f, h, i, now)
            set_rate(f, i, rate, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def link_rate(f: FragmentColumns, h: HostColumns, i: int) -> float:
    """What transfer `i` gets: the smaller of its equal shares of the sender's up- and the receiver's downlink."""
    up = h.bandwidth_mb_s[f.source[i]] / h.uploads[f.source[i]]
    down = h.bandwidth_mb_s[f.target[i]] / h.downloads[f.target[i]]
    rate: float = min(up, down)
    return rate


@njit(cache=True)  # type: ignore[untyped-decorator]
def share_links(f: FragmentColumns, h: HostColumns, active: IntArray, n: int, a: int, b: int, now: float) -> None:
    """Share anew the uplink of `a` and the downlink of `b`."""
    for k in range(n):
        i = active[k]
        if f.phase[i] == TRANSFER and (f.source[i] == a or f.target[i] == b):
            settle_fragment(f, h, i, now)
            set_rate(f, i, link_rate(f, h, i), now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def begin_transfer(
    f: FragmentColumns, h: HostColumns, i: int, purpose: int, source: int, target: int, mb: float, now: float
) -> None:
    """Put `mb` on their way; the links' latencies come first. Within one host nothing crosses a link."""
    f.purpose[i] = purpose
    f.source[i] = source
    f.target[i] = target
    f.transfer_mb[i] = mb if source != target else 0.0
    f.phase[i] = DELAY
    f.remaining[i] = h.latency_s[source] + h.latency_s[target] if source != target else 0.0
    f.settled[i] = now
    set_rate(f, i, 1.0, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def enter_host(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, swap_penalty: float, now: float
) -> None:
    """Fragment `i` goes on running, with what is left of its work, on its host."""
    host = f.host[i]
    settle_host(h, host, now)
    f.phase[i] = RUNNING
    f.remaining[i] = f.work_left[i]
    f.rate[i] = 0.0
    f.settled[i] = now
    h.running[host] += 1
    share_host(f, h, active, n, host, swap_penalty, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def leave_host(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, swap_penalty: float, now: float
) -> None:
    """Fragment `i` no longer runs on its host; its memory is still held. The caller sets its next phase."""
    host = f.host[i]
    settle_host(h, host, now)
    settle_fragment(f, h, i, now)
    f.work_left[i] = max(f.remaining[i], 0.0)
    f.phase[i] = HELD
    f.rate[i] = 0.0
    f.due[i] = np.inf
    h.running[host] -= 1
    share_host(f, h, active, n, host, swap_penalty, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def release_ram(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, host: int, swap_penalty: float, now: float
) -> None:
    """Free fragment `i`'s memory on `host`; the others there may swap less from now on."""
    swapping = h.ram_used_mb[host] > h.ram_mb[host]
    h.ram_used_mb[host] -= f.ram_mb[i]
    if swapping:
        share_host(f, h, active, n, host, swap_penalty, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def reserve_ram(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, host: int, swap_penalty: float, now: float
) -> None:
    """Take fragment `i`'s memory on `host`; the others there may swap from now on."""
    h.ram_used_mb[host] += f.ram_mb[i]
    if h.ram_used_mb[host] > h.ram_mb[host]:
        share_host(f, h, active, n, host, swap_penalty, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def reserve_all(
    f: FragmentColumns,
    h: HostColumns,
    active: IntArray,
    n: int,
    ids: IntArray,
    hosts: IntArray,
    swap_penalty: float,
    now: float,
) -> None:
    """Take the memory of fragments `ids` on `hosts`."""
    for k in range(len(ids)):
        reserve_ram(f, h, active, n, ids[k], hosts[k], swap_penalty, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def send_all(
    f: FragmentColumns,
    h: HostColumns,
    ids: IntArray,
    sources: IntArray,
    targets: IntArray,
    megabytes: FloatArray,
    now: float,
) -> None:
    """Put the inputs of fragments `ids` on their way."""
    for k in range(len(ids)):
        begin_transfer(f, h, ids[k], INPUT, sources[k], targets[k], megabytes[k], now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def detach_links(f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, now: float) -> None:
    """Fragment `i`'s transfer no longer uses its links. The caller sets its next phase."""
    settle_fragment(f, h, i, now)
    f.phase[i] = HELD
    f.rate[i] = 0.0
    f.due[i] = np.inf
    h.uploads[f.source[i]] -= 1
    h.downloads[f.target[i]] -= 1
    share_links(f, h, active, n, f.source[i], f.target[i], now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def arrived(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, swap_penalty: float, now: float
) -> int:
    """What fragment `i` was waiting for is there: it starts, is delivered, or goes on elsewhere. Returns the event."""
    if f.purpose[i] == RESULT:
        f.phase[i] = DONE
        f.due[i] = np.inf
        f.delivered[i] = now
        return EVENT_DELIVERED
    if f.purpose[i] == MIGRATION:
        release_ram(f, h, active, n, i, f.source[i], swap_penalty, now)
        f.host[i] = f.target[i]
        f.migration_s[i] += now - f.migration_began[i]
        f.migrations[i] += 1
        enter_host(f, h, active, n, i, swap_penalty, now)
        return EVENT_MIGRATED
    f.started[i] = now
    enter_host(f, h, active, n, i, swap_penalty, now)
    return -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def finish(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, broker: int, swap_penalty: float, now: float
) -> None:
    """Fragment `i` has done its work: its memory is freed; a last one returns its output to the broker."""
    leave_host(f, h, active, n, i, swap_penalty, now)
    f.work_left[i] = 0.0
    f.finished[i] = now
    release_ram(f, h, active, n, i, f.host[i], swap_penalty, now)
    if f.is_last[i]:
        begin_transfer(f, h, i, RESULT, f.host[i], broker, f.output_mb[i], now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def step(
    f: FragmentColumns, h: HostColumns, active: IntArray, n: int, i: int, broker: int, swap_penalty: float, now: float
) -> int:
    """Fragment `i`'s phase has ended at `now`: enter the next. Returns the event to report, or -1."""
    if f.phase[i] == RUNNING:
        finish(f, h, active, n, i, broker, swap_penalty, now)
        return EVENT_FINISHED
    if f.phase[i] == TRANSFER:
        detach_links(f, h, active, n, i, now)
        return arrived(f, h, active, n, i, swap_penalty, now)
    if f.transfer_mb[i] == 0.0:
        return arrived(f, h, active, n, i, swap_penalty, now)
    f.phase[i] = TRANSFER
    f.remaining[i] = f.transfer_mb[i]
    f.rate[i] = 0.0
    f.settled[i] = now
    h.uploads[f.source[i]] += 1
    h.downloads[f.target[i]] += 1
    share_links(f, h, active, n, f.source[i], f.target[i], now)
    return -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def advance(
    f: FragmentColumns,
    h: HostColumns,
    active: IntArray,
    n: int,
    swap_penalty: float,
    now: float,
    until: float,
    event_time: FloatArray,
    event_fragment: IntArray,
    event_kind: IntArray,
) -> Tuple[int, int]:
    """Run from `now` to `until`.

    `active` (capacity >= n) holds the ids of the `n` fragments that are delayed, in transfer or running, in its first
    places; those that leave these phases are taken out. Events go to the three event arrays, in order of time.

    Returns
    -------
    (n_active, n_events)
    """
    broker = len(h.mips) - 1
    events = 0
    for k in range(n):
        i = active[k]
        if f.phase[i] == TRANSFER:  # bandwidths may have changed at the boundary
            set_rate(f, i, link_rate(f, h, i), now)
    while True:
        first = -1
        due = np.inf
        for k in range(n):
            if f.due[active[k]] < due:
                due = f.due[active[k]]
                first = k
        if first < 0 or due > until:
            break
        i = active[first]
        event = step(f, h, active, n, i, broker, swap_penalty, due)
        if event >= 0:
            event_time[events] = due
            event_fragment[events] = i
            event_kind[events] = event
            events += 1
        if f.phase[i] == HELD or f.phase[i] == DONE:
            n -= 1
            active[first] = active[n]
    for k in range(n):
        settle_fragment(f, h, active[k], until)
        set_rate(f, active[k], f.rate[active[k]], until)
    for host in range(broker):
        settle_host(h, host, until)
    return n, events
