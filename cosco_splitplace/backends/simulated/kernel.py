"""The engine's inner loop, compiled: processor sharing, shared links, RAM pressure and energy, event by event.

A fragment is always in one phase, and a phase is an amount (MI, MB or seconds) that is served at a station: a host's
CPU, one direction of a link, or the line in which delays pass. Rates change only when a fragment enters or leaves a
host or a link. Between events every rate is constant, so that time is continuous and nothing depends on a step size.

- CPU: the n fragments that run on a host get min(fragment's limit, MIPS / n) each, divided by the swap slowdown
  1 + penalty * (RAM used / RAM - 1) where the RAM is used more than once over.
- Links: full duplex; a transfer gets the smaller of its equal shares of the sender's up- and the receiver's downlink.
  It is in the station of the tighter one, and changes over when the other gets tighter.
- Energy: the power curve at the host's utilisation, integrated exactly.

A station serves all of its fragments at one rate, so that one number, its `clock`, tells how much each has been given
so far: a fragment that enters with an amount to go leaves when the clock has reached its `mark`, clock + amount,
however the rate changes in between. A change of rate therefore touches the station and not the fragments in it. Who
leaves a station first is the root of a pairing heap by mark (Fredman, Sedgewick, Sleator, Tarjan 1986); at which
station that happens first is the winner of a tournament. An event costs O(log n), and one look at each host where the
broker's link is concerned.

Stations exist only while time passes: `advance` fills them from the fragments' phases and settles them at its end.
With N hosts and the broker, host N, there are N + 1 CPUs, N + 1 uplinks and N + 1 downlinks, in this order, and the
line of delays.

All compiled functions are in this one file because numba's cache of a function knows of changes in its own file only.
"""
from __future__ import annotations

from typing import Any, Tuple

import numpy as np
from numba import njit

from ...records import FloatArray, IntArray
from .state import Rows, State

FREE, STARTED, DELAY, TRANSFER, RUNNING, DONE = range(6)
INPUT, RESULT, MIGRATION = range(3)
EVENT_NONE, EVENT_FINISHED, EVENT_DELIVERED, EVENT_MIGRATED = range(-1, 3)
UP, DOWN = range(2)
NOBODY = -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def meld(f: Rows, a: int, b: int) -> int:
    """One heap out of two; returns its root. Of equal marks the lower id comes first."""
    if a == NOBODY:
        return b
    if b == NOBODY:
        return a
    if f[b].mark < f[a].mark or (f[b].mark == f[a].mark and b < a):
        a, b = b, a
    eldest = f[a].child
    f[b].sibling = eldest
    f[b].parent = a
    if eldest != NOBODY:
        f[eldest].parent = b
    f[a].child = b
    return a


@njit(cache=True)  # type: ignore[untyped-decorator]
def meld_siblings(f: Rows, first: int) -> int:
    """One heap out of `first` and its siblings, in pairs and then from the last pair to the first."""
    pairs = NOBODY  # linked by sibling, the last one first
    while first != NOBODY:
        a, b = first, f[first].sibling
        first = f[b].sibling if b != NOBODY else NOBODY
        pair = meld(f, a, b)
        f[pair].sibling = pairs
        pairs = pair
    root = NOBODY
    while pairs != NOBODY:
        pair, pairs = pairs, f[pairs].sibling
        root = meld(f, root, pair)
    return root


@njit(cache=True)  # type: ignore[untyped-decorator]
def settle(s: Rows, k: int, now: float) -> None:
    """Bring the clock of station `k` up to `now`; to be called before its rate changes."""
    s[k].clock += s[k].rate * (now - s[k].settled)
    s[k].settled = now


@njit(cache=True)  # type: ignore[untyped-decorator]
def enter(f: Rows, s: Rows, i: int, k: int, now: float) -> None:
    """Fragment `i` enters station `k` with what it has ``remaining``."""
    settle(s, k, now)
    f[i].station = k
    f[i].mark = s[k].clock + f[i].remaining
    f[i].child = NOBODY
    s[k].root = meld(f, s[k].root, i)


@njit(cache=True)  # type: ignore[untyped-decorator]
def serve(f: Rows, s: Rows, i: int, now: float) -> float:
    """Bring what fragment `i` has ``remaining`` up to `now`; returns what it was given since it was last told."""
    settle(s, f[i].station, now)
    before = f[i].remaining
    f[i].remaining = min(before, max(0.0, f[i].mark - s[f[i].station].clock))
    served: float = before - f[i].remaining
    return served


@njit(cache=True)  # type: ignore[untyped-decorator]
def leave(f: Rows, s: Rows, i: int, now: float) -> float:
    """Fragment `i` leaves its station; returns what it was given there since it was last told."""
    served: float = serve(f, s, i, now)
    k = f[i].station
    rest = meld_siblings(f, f[i].child)
    if s[k].root == i:
        s[k].root = rest
    else:
        before, after = f[i].parent, f[i].sibling
        if f[before].child == i:
            f[before].child = after
        else:
            f[before].sibling = after
        if after != NOBODY:
            f[after].parent = before
        s[k].root = meld(f, s[k].root, rest)
    f[i].station = NOBODY
    return served


@njit(cache=True)  # type: ignore[untyped-decorator]
def announce(f: Rows, s: Rows, tournament: Any, k: int) -> None:
    """Say when the first fragment leaves station `k`, after anything about the station has changed; at rate 0 never."""
    root, due = s[k].root, np.inf
    if root != NOBODY and s[k].rate > 0:
        due = s[k].settled + max(0.0, f[root].mark - s[k].clock) / s[k].rate
    node = len(tournament) // 2 + k
    tournament[node] = due
    while node > 1:
        node //= 2
        earlier = min(tournament[2 * node], tournament[2 * node + 1])
        if tournament[node] == earlier:
            break
        tournament[node] = earlier


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_station(tournament: Any) -> int:
    """The station that a fragment leaves first; of equal ones the first."""
    node, stations = 1, len(tournament) // 2
    while node < stations:
        node *= 2
        if tournament[node] > tournament[node + 1]:
            node += 1
    return node - stations


@njit(cache=True)  # type: ignore[untyped-decorator]
def power(h: Rows, host: int, share: float) -> float:
    """Watts of `host` at CPU utilisation `share`, linear between the curve's points."""
    curve = h[host].power_w
    steps = len(curve) - 1
    left = min(int(share * steps), steps - 1)
    weight = share * steps - left
    watts: float = (1 - weight) * curve[left] + weight * curve[left + 1]
    return watts


@njit(cache=True)  # type: ignore[untyped-decorator]
def settle_host(state: State, host: int, now: float) -> None:
    """Bring `host`'s energy and busy time up to `now`; to be called before its number of fragments changes."""
    h = state.hosts
    share = min(1.0, state.stations[host].sharers * h[host].fragment_mips / h[host].mips)
    span = now - h[host].settled
    h[host].energy_j += power(h, host, share) * span
    h[host].busy_s += share * span
    h[host].settled = now


@njit(cache=True)  # type: ignore[untyped-decorator]
def share_cpu(state: State, host: int, now: float) -> None:
    """Share `host`'s CPU anew, after its fragments or its memory have changed."""
    h, s = state.hosts, state.stations
    settle(s, host, now)
    rate = min(h[host].fragment_mips, h[host].mips / max(1, s[host].sharers))
    overuse = h[host].ram_used_mb / h[host].ram_mb - 1
    s[host].rate = rate / (1 + state.swap_penalty * overuse) if overuse > 0 else rate
    announce(state.fragments, s, state.tournament, host)


@njit(cache=True)  # type: ignore[untyped-decorator]
def link_of(state: State, host: int, side: int) -> int:
    """The station of `host`'s uplink or downlink."""
    return (1 + side) * len(state.hosts) + host


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighter_link(state: State, i: int) -> int:
    """The link that gives transfer `i` the smaller share: the sender's uplink or the receiver's downlink."""
    f, s = state.fragments, state.stations
    up, down = link_of(state, f[i].source, UP), link_of(state, f[i].target, DOWN)
    return up if s[up].rate <= s[down].rate else down


@njit(cache=True)  # type: ignore[untyped-decorator]
def change_over(state: State, host: int, side: int, now: float) -> None:
    """Move the transfers on a link of `host` into the station of their tighter link, where that is another now."""
    f, s = state.fragments, state.stations
    i = state.hosts[host].first[side]
    while i != NOBODY:
        old, new = f[i].station, tighter_link(state, i)
        if new != old:
            count(state, i, leave(f, s, i, now))
            enter(f, s, i, new, now)
            announce(f, s, state.tournament, old)
            announce(f, s, state.tournament, new)
        i = f[i].next[side]


@njit(cache=True)  # type: ignore[untyped-decorator]
def share_link(state: State, host: int, side: int, more: int, now: float) -> None:
    """Share a link of `host` anew; the number of transfers on it has changed by `more`."""
    s = state.stations
    link, broker = link_of(state, host, side), len(state.hosts) - 1
    settle(s, link, now)
    old = s[link].rate
    s[link].sharers += more
    new = state.hosts[host].link_mb_s / max(1, s[link].sharers)
    s[link].rate = new
    announce(state.fragments, s, state.tournament, link)
    if host != broker:
        brokers = link_of(state, broker, 1 - side)
        s[brokers].slowest_end = min(s[brokers].slowest_end, new)
        change_over(state, host, side, now)
    elif max(old, new) >= s[link].slowest_end:
        # Thousands may be on the broker's link, but a few change over: those whose host's share lies in between.
        s[link].slowest_end = np.inf
        for other in range(broker):
            share = s[link_of(state, other, 1 - side)].rate
            s[link].slowest_end = min(s[link].slowest_end, share)
            if min(old, new) <= share <= max(old, new):
                change_over(state, other, 1 - side, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def attach(state: State, i: int, host: int, side: int) -> None:
    """Transfer `i` is on a link of `host` from now on."""
    f, h = state.fragments, state.hosts
    after = h[host].first[side]
    f[i].next[side] = after
    f[i].before[side] = NOBODY
    if after != NOBODY:
        f[after].before[side] = i
    h[host].first[side] = i


@njit(cache=True)  # type: ignore[untyped-decorator]
def detach(state: State, i: int, host: int, side: int) -> None:
    """Transfer `i` is no longer on a link of `host`."""
    f, h = state.fragments, state.hosts
    before, after = f[i].before[side], f[i].next[side]
    if before == NOBODY:
        h[host].first[side] = after
    else:
        f[before].next[side] = after
    if after != NOBODY:
        f[after].before[side] = before


@njit(cache=True)  # type: ignore[untyped-decorator]
def count(state: State, i: int, amount: float) -> None:
    """Fragment `i` has been given `amount` by its station: work that is done, bytes that have crossed its links."""
    f, h = state.fragments, state.hosts
    if f[i].phase == RUNNING:
        f[i].work_done += amount
        h[f[i].host].work_mi += amount
    elif f[i].phase == TRANSFER:
        f[i].received_mb += amount
        h[f[i].source].sent_mb += amount
        h[f[i].target].received_mb += amount


@njit(cache=True)  # type: ignore[untyped-decorator]
def wait(state: State, i: int, now: float) -> None:
    """Fragment `i` enters the station of the delays."""
    line = len(state.stations) - 1
    enter(state.fragments, state.stations, i, line, now)
    announce(state.fragments, state.stations, state.tournament, line)


@njit(cache=True)  # type: ignore[untyped-decorator]
def run(state: State, i: int, now: float) -> None:
    """Fragment `i` goes on running, with what is left of its work, on its host."""
    f, host = state.fragments, state.fragments[i].host
    f[i].phase = RUNNING
    f[i].remaining = f[i].work_left
    settle_host(state, host, now)
    enter(f, state.stations, i, host, now)
    state.stations[host].sharers += 1
    share_cpu(state, host, now)


@njit(cache=True)  # type: ignore[untyped-decorator]
def cross(state: State, i: int, now: float) -> None:
    """The bytes of fragment `i`'s transfer set out on its links."""
    f, source, target = state.fragments, state.fragments[i].source, state.fragments[i].target
    f[i].phase = TRANSFER
    f[i].remaining = f[i].transfer_mb
    share_link(state, source, UP, 1, now)
    share_link(state, target, DOWN, 1, now)
    attach(state, i, source, UP)
    attach(state, i, target, DOWN)
    link = tighter_link(state, i)
    enter(f, state.stations, i, link, now)
    announce(f, state.stations, state.tournament, link)


@njit(cache=True)  # type: ignore[untyped-decorator]
def begin_transfer(f: Rows, h: Rows, i: int, purpose: int, source: int, target: int, megabytes: float) -> None:
    """Put `megabytes` on their way; the links' latencies come first. Within one host nothing crosses a link."""
    across = source != target
    f[i].purpose = purpose
    f[i].source = source
    f[i].target = target
    f[i].transfer_mb = megabytes if across else 0.0
    f[i].phase = DELAY
    f[i].remaining = h[source].latency_s + h[target].latency_s if across else 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def begin_transfers(
    f: Rows, h: Rows, ids: IntArray, purpose: int, sources: IntArray, targets: IntArray, megabytes: FloatArray
) -> None:
    """Put what fragments `ids` are sent on its way; all arrays (n_transfers,)."""
    for k in range(len(ids)):
        begin_transfer(f, h, ids[k], purpose, sources[k], targets[k], megabytes[k])


@njit(cache=True)  # type: ignore[untyped-decorator]
def finished(state: State, i: int, now: float) -> int:
    """Fragment `i` has done its work: its memory is freed; a last one returns its output to the broker."""
    f, h, host = state.fragments, state.hosts, state.fragments[i].host
    f[i].phase = DONE
    f[i].work_left = 0.0
    f[i].finished = now
    settle_host(state, host, now)
    state.stations[host].sharers -= 1
    h[host].ram_used_mb -= f[i].ram_mb
    share_cpu(state, host, now)
    if f[i].is_last:
        begin_transfer(f, h, i, RESULT, host, len(h) - 1, f[i].output_mb)
        wait(state, i, now)
    return EVENT_FINISHED


@njit(cache=True)  # type: ignore[untyped-decorator]
def arrived(state: State, i: int, now: float) -> int:
    """What fragment `i` was waiting for is there: it starts, is delivered, or goes on elsewhere."""
    f, h = state.fragments, state.hosts
    if f[i].purpose == RESULT:
        f[i].phase = DONE
        f[i].delivered = now
        return EVENT_DELIVERED
    if f[i].purpose == INPUT:
        f[i].started = now
        run(state, i, now)
        return EVENT_NONE
    h[f[i].source].ram_used_mb -= f[i].ram_mb
    share_cpu(state, f[i].source, now)
    f[i].host = f[i].target
    f[i].migration_s += now - f[i].migration_began
    f[i].migrations += 1
    run(state, i, now)
    return EVENT_MIGRATED


@njit(cache=True)  # type: ignore[untyped-decorator]
def step(state: State, i: int, now: float) -> int:
    """Fragment `i`'s phase has ended at `now`, and it has left its station: enter the next. Returns the event."""
    f = state.fragments
    if f[i].phase == RUNNING:
        return finished(state, i, now)
    if f[i].phase == TRANSFER:
        detach(state, i, f[i].source, UP)
        detach(state, i, f[i].target, DOWN)
        share_link(state, f[i].source, UP, -1, now)
        share_link(state, f[i].target, DOWN, -1, now)
        return arrived(state, i, now)
    if f[i].transfer_mb == 0.0:
        return arrived(state, i, now)
    cross(state, i, now)
    return EVENT_NONE


@njit(cache=True)  # type: ignore[untyped-decorator]
def fill(state: State, active: IntArray, now: float) -> None:
    """Put the `active` fragments into the stations that their phases ask for, at the rates of `now`."""
    f, h, s = state.fragments, state.hosts, state.stations
    state.tournament[:] = np.inf
    for k in range(len(s)):
        s[k].sharers = 0
        s[k].rate = 1.0
        s[k].clock = 0.0
        s[k].settled = now
        s[k].root = NOBODY
        s[k].slowest_end = 0.0
    for host in range(len(h)):
        h[host].first[UP] = NOBODY
        h[host].first[DOWN] = NOBODY
    for i in active:
        if f[i].phase == RUNNING:
            s[f[i].host].sharers += 1
        elif f[i].phase == TRANSFER:
            attach(state, i, f[i].source, UP)
            attach(state, i, f[i].target, DOWN)
            s[link_of(state, f[i].source, UP)].sharers += 1
            s[link_of(state, f[i].target, DOWN)].sharers += 1
    for host in range(len(h)):
        share_cpu(state, host, now)
        for side in (UP, DOWN):
            link = link_of(state, host, side)
            s[link].rate = h[host].link_mb_s / max(1, s[link].sharers)
    for i in active:
        k = len(s) - 1
        if f[i].phase == RUNNING:
            k = f[i].host
        elif f[i].phase == TRANSFER:
            k = tighter_link(state, i)
        enter(f, s, i, k, now)
    for k in range(len(s)):
        announce(f, s, state.tournament, k)


@njit(cache=True)  # type: ignore[untyped-decorator]
def advance(
    state: State,
    active: IntArray,
    now: float,
    until: float,
    event_time: FloatArray,
    event_fragment: IntArray,
    event_kind: IntArray,
) -> Tuple[int, int]:
    """Run from `now` to `until`.

    `active` holds the ids of the fragments that are delayed, in transfer or running; those that still are at the end
    are moved to its beginning, in the same order. Events go to the three event arrays, in order of time.

    Returns
    -------
    (n_active, n_events)
    """
    f, s = state.fragments, state.stations
    fill(state, active, now)
    n_events = 0
    while True:
        k = first_station(state.tournament)
        due = state.tournament[len(state.tournament) // 2 + k]
        i = s[k].root
        if i == NOBODY or due > until:
            break
        s[k].clock = f[i].mark  # exactly: rounding must not part those that are due together
        s[k].settled = due
        count(state, i, leave(f, s, i, due))
        announce(f, s, state.tournament, k)
        event = step(state, i, due)
        if event != EVENT_NONE:
            event_time[n_events] = due
            event_fragment[n_events] = i
            event_kind[n_events] = event
            n_events += 1
    n_active = 0
    for i in active:
        if f[i].phase != DONE:
            count(state, i, serve(f, s, i, until))
            active[n_active] = i
            n_active += 1
    for host in range(len(state.hosts) - 1):
        settle_host(state, host, until)
    return n_active, n_events
