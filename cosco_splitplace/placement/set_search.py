"""The search of `daso-set`: coordinate ascent over placements, through a surrogate of fragment-host pairs, compiled.

What a placement is worth, to be maximised:

    O(P) = sum over fragments i of  omega_i * (p_i - price * T_i)

T_i is the predicted time until fragment i is done, in intervals, p_i the predicted probability that its task keeps its
deadline, and omega_i = 1 / (fragments of its task that are in the system). Both are functions of a pair (fragment,
host), of the other fragments on that host, and of the load of the whole system, through the networks of
`set_surrogate`. So nothing depends on the number or the order of hosts and fragments.

Others on a host enter by what processor sharing costs: a fragment with work w_i is done when the host has done
S_i = w_i + sum over others j of min(w_i, w_j). The sum is linear in the others' placement rows, hence the derivative of
O with respect to the entry P_ih is

    O_i(T_ih) + sum over j on h of  dO_j/dS_j * min(w_i, w_j).

A fragment's hosts are ranked by this derivative; for the best few, and for waiting until the next interval, O is
evaluated with the move carried out, and the best is taken. Fragments are taken in the order of what waiting would cost
them, and again until nothing moves. Hosts without room are left out.
"""
from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np
from numba import njit

from ..records import BoolArray, FloatArray, IntArray
from .port import WAIT

TIME_FEATURES = 6
MEETING_FEATURES = 3
HIDDEN = 16
TIE = 1e-9  # urgencies that differ by less are the same, whatever the order of the sums
CANDIDATES = 8  # hosts whose objective is evaluated for each fragment (our own choice)
SMALLEST = 1e-4  # intervals; no time is shorter, so that logarithms exist
FARTHEST = 3.0  # a correction of a time is at most a factor e^3


class Weights(NamedTuple):
    """The two networks: features -> HIDDEN, rectified -> outputs."""

    time_in: FloatArray  # (TIME_FEATURES, HIDDEN)
    time_bias: FloatArray  # (HIDDEN,)
    time_out: FloatArray  # (HIDDEN + 1,), the last one is the bias
    meeting_in: FloatArray  # (MEETING_FEATURES, HIDDEN)
    meeting_bias: FloatArray  # (HIDDEN,)
    meeting_out: FloatArray  # (HIDDEN + 1, 2)


class Fragments(NamedTuple):
    """Fragments as the search sees them, (n,) each; times in intervals.

    ``work`` in MI, ``due`` until the task is due, ``rest`` what the fragments after this one take at least, ``steps``
    how many they are, ``weight`` omega, ``layer`` 1 for a layer fragment, ``arriving`` the input's way for one whose
    host is settled.
    """

    work: FloatArray
    ram: FloatArray
    input_mb: FloatArray
    source: IntArray
    due: FloatArray
    rest: FloatArray
    steps: FloatArray
    weight: FloatArray
    layer: FloatArray
    arriving: FloatArray


class Hosts(NamedTuple):
    """Hosts as the search sees them, (n_hosts,) each: MI an interval for all and for one fragment; MB an interval."""

    capacity: FloatArray
    fragment: FloatArray
    link: FloatArray


@njit(cache=True)  # type: ignore[untyped-decorator]
def time_features(own: float, kernel: float, link: float, load: float, layer: float) -> FloatArray:
    """What the first network sees of a pair, (TIME_FEATURES,).

    ``own`` and ``kernel`` are the pair's times alone and by processor sharing, ``link`` the input's way, all in
    intervals; ``load`` the work in the system over what all hosts do in an interval.
    """
    values = np.empty(TIME_FEATURES)
    values[0] = np.log(max(own, SMALLEST))
    values[1] = np.log(max(kernel, SMALLEST) / max(own, SMALLEST))
    values[2] = link
    values[3] = load
    values[4] = layer
    values[5] = kernel
    return values


@njit(cache=True)  # type: ignore[untyped-decorator]
def meeting_features(rest: float, steps: float, layer: float) -> FloatArray:
    """What the second network sees beside the margin, (MEETING_FEATURES,).

    Neither deadline, load nor waiting: in traces those go with the placer's own choices (what it holds back has time),
    and would teach that holding back is good for a deadline.
    """
    values = np.empty(MEETING_FEATURES)
    values[0] = rest
    values[1] = steps
    values[2] = layer
    return values


@njit(cache=True)  # type: ignore[untyped-decorator]
def predict_time(w: Weights, features: FloatArray, simple: float) -> float:
    """Predicted time: `simple`, corrected by the first network."""
    hidden = w.time_bias.copy()
    for f in range(TIME_FEATURES):
        x = features[f]
        for k in range(HIDDEN):
            hidden[k] += w.time_in[f, k] * x
    out = w.time_out[HIDDEN]
    for k in range(HIDDEN):
        if hidden[k] > 0:
            out += w.time_out[k] * hidden[k]
    time: float = max(simple, SMALLEST) * np.exp(min(max(out, -FARTHEST), FARTHEST))
    return time


@njit(cache=True)  # type: ignore[untyped-decorator]
def predict_meeting(w: Weights, features: FloatArray, margin: float) -> float:
    """Predicted probability that the deadline is kept: logistic in the margin, its slope and offset by the network."""
    hidden = w.meeting_bias.copy()
    for f in range(MEETING_FEATURES):
        x = features[f]
        for k in range(HIDDEN):
            hidden[k] += w.meeting_in[f, k] * x
    slope, offset = w.meeting_out[HIDDEN, 0], w.meeting_out[HIDDEN, 1]
    for k in range(HIDDEN):
        if hidden[k] > 0:
            slope += w.meeting_out[k, 0] * hidden[k]
            offset += w.meeting_out[k, 1] * hidden[k]
    slope = slope + np.log1p(np.exp(-slope)) if slope > 0 else np.log1p(np.exp(slope))  # softplus: never negative
    probability: float = 1.0 / (1.0 + np.exp(-min(max(slope * (margin - offset), -30.0), 30.0)))
    return probability


@njit(cache=True)  # type: ignore[untyped-decorator]
def worth(
    w: Weights, f: Fragments, i: int, own: float, kernel: float, link: float, load: float, wait: float, price: float
) -> float:
    """omega_i * (p_i - price * T_i) of a pair; ``wait`` is 1 if it begins an interval later."""
    time = wait + predict_time(w, time_features(own, kernel, link, load, f.layer[i]), kernel + link)
    margin = f.due[i] - time - f.rest[i]
    met = predict_meeting(w, meeting_features(f.rest[i], f.steps[i], f.layer[i]), margin)
    value: float = f.weight[i] * (met - price * time)
    return value


@njit(cache=True)  # type: ignore[untyped-decorator]
def kernel_time(shared: float, work: float, h: Hosts, host: int) -> float:
    """Time by processor sharing: the host's, or the most that one fragment can use."""
    time: float = max(work / h.fragment[host], shared / h.capacity[host])
    return time


@njit(cache=True)  # type: ignore[untyped-decorator]
def after_interval(work: FloatArray, h: Hosts, host: int) -> FloatArray:
    """What is left of the fragments on `host`, of which there is `work` (m,), after an interval of sharing."""
    order = np.argsort(work)
    left, done, span = len(work), 0.0, 1.0
    for k in order:
        rate = min(h.fragment[host], h.capacity[host] / left)
        need = (work[k] - done) / rate
        if need >= span:
            done += rate * span
            break
        span -= need
        done = work[k]
        left -= 1
    return np.maximum(work - done, 0.0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def search(
    w: Weights,
    f: Fragments,
    h: Hosts,
    broker_link: float,
    current: IntArray,
    queue: IntArray,
    free_ram: FloatArray,
    price: float,
    sweeps: int,
    explore: BoolArray,
    explored: IntArray,
) -> Tuple[IntArray, float, FloatArray, FloatArray]:
    """A host or WAIT for each fragment, (n,), and what the search knows of each.

    Parameters
    ----------
    current : (n,) host or WAIT.
    queue : the fragments that may be placed, as indices.
    free_ram : (n_hosts,).
    price : of a predicted interval of time.
    sweeps : most passes over the queue.
    explore, explored : (n,) fragments that are put on a given host, whatever the objective (for traces).

    Returns
    -------
    hosts, objective O(P), and for tracing what the networks see of the fragments that have a host, NaN for others:
    (n, TIME_FEATURES + 1) and (n, MEETING_FEATURES + 1), the last columns being the simple time and ``due - rest``.
    """
    n, n_hosts = len(current), len(h.capacity)
    hosts, free = current.copy(), free_ram.copy()
    counts = np.zeros(n_hosts, np.int64)
    for i in range(n):
        if current[i] >= 0:
            counts[current[i]] += 1
    room = counts.max() + len(queue) // n_hosts + 8  # a host that holds that many more than others takes no more
    on = np.full((n_hosts, room), -1)
    counts[:] = 0
    for i in range(n):
        if current[i] >= 0:
            on[current[i], counts[current[i]]] = i
            counts[current[i]] += 1
    load = f.work.sum() / h.capacity.sum()

    shared, later = f.work.copy(), np.zeros(n)
    value, steep = np.zeros(n), np.zeros(n)
    for host in range(n_hosts):
        m = counts[host]
        if m == 0:
            continue
        left = after_interval(f.work[on[host, :m]], h, host)
        for a in range(m):
            i = on[host, a]
            later[i] = left[a]
            for b in range(m):
                if b != a:
                    shared[i] += min(f.work[i], f.work[on[host, b]])
    for i in range(n):
        if current[i] >= 0:
            value[i], steep[i] = _standing(w, f, h, i, current[i], shared[i], load, price)

    waiting, urgency, pressing = np.empty(len(queue)), np.empty(len(queue)), np.empty(len(queue))
    kernels = np.empty(n_hosts)
    for a in range(len(queue)):
        i = queue[a]
        best_now, best_later, now_at, later_at = np.inf, np.inf, -1, 0
        now_kernel, later_kernel = 0.0, 0.0
        for host in range(n_hosts):
            link = _link_time(f, h, broker_link, i, host)
            at_once, afterwards = f.work[i], f.work[i]
            for k in range(counts[host]):
                at_once += min(f.work[i], f.work[on[host, k]])
                afterwards += min(f.work[i], later[on[host, k]])
            kernel = kernel_time(afterwards, f.work[i], h, host)
            if kernel + link < best_later:
                best_later, later_at, later_kernel = kernel + link, host, kernel
            if free[host] >= f.ram[i]:
                kernel = kernel_time(at_once, f.work[i], h, host)
                if kernel + link < best_now:
                    best_now, now_at, now_kernel = kernel + link, host, kernel
        own = f.work[i] / h.fragment[later_at]
        waiting[a] = worth(w, f, i, own, later_kernel, best_later - later_kernel, load, 1.0, price)
        urgency[a], pressing[a] = 0.0, 0.0
        if now_at >= 0:
            own = f.work[i] / h.fragment[now_at]
            now = worth(w, f, i, own, now_kernel, best_now - now_kernel, load, 0.0, price)
            urgency[a] = now - waiting[a]
            pressing[a] = max(urgency[a], 0.0) / max(1.0 + best_later - best_now, 0.1)
    order = np.argsort(-f.work[queue], kind="mergesort")  # among equally urgent ones the largest first
    order = order[np.argsort(-np.floor(urgency[order] / TIE + 0.5), kind="mergesort")]

    chosen, score = np.empty(CANDIDATES, np.int64), np.empty(CANDIDATES)
    for _ in range(sweeps):
        moved = False
        for a in order:
            i, old = queue[a], hosts[queue[a]]
            if old >= 0:
                free[old] += f.ram[i]
                _leave(w, f, h, on, counts, shared, value, steep, i, old, load, price)
            n_chosen = 0
            for host in range(n_hosts):
                if free[host] < f.ram[i] or counts[host] >= room:
                    continue
                total, others = f.work[i], 0.0
                for k in range(counts[host]):
                    j = on[host, k]
                    overlap = min(f.work[i], f.work[j])
                    total += overlap
                    others += steep[j] * overlap / h.capacity[host]
                time = kernel_time(total, f.work[i], h, host) + _link_time(f, h, broker_link, i, host)
                slope = -pressing[a] * time - others  # the derivative of O, up to a constant of the fragment
                kernels[host] = total
                n_chosen = _keep_best(chosen, score, n_chosen, host, slope)
            best, best_gain = WAIT, waiting[a]
            for c in range(n_chosen):
                host = chosen[c]
                own = f.work[i] / h.fragment[host]
                kernel = kernel_time(kernels[host], f.work[i], h, host)
                gain = worth(w, f, i, own, kernel, _link_time(f, h, broker_link, i, host), load, 0.0, price)
                for k in range(counts[host]):
                    j = on[host, k]
                    delayed = shared[j] + min(f.work[i], f.work[j])
                    gain += _value(w, f, h, j, host, delayed, load, price) - value[j]
                if gain > best_gain:
                    best, best_gain = host, gain
            if explore[i] and explored[i] < n_hosts and (
                explored[i] < 0 or (free[explored[i]] >= f.ram[i] and counts[explored[i]] < room)
            ):
                best = explored[i]
            hosts[i] = best
            moved = moved or best != old
            if best >= 0:
                free[best] -= f.ram[i]
                _enter(w, f, h, on, counts, shared, value, steep, i, best, broker_link, load, price)
            else:
                value[i] = waiting[a]
        if not moved:
            break

    times, meetings = np.full((n, TIME_FEATURES + 1), np.nan), np.full((n, MEETING_FEATURES + 1), np.nan)
    for i in range(n):
        if hosts[i] >= 0:
            own = f.work[i] / h.fragment[hosts[i]]
            kernel = kernel_time(shared[i], f.work[i], h, hosts[i])
            link = f.arriving[i] if current[i] >= 0 else _link_time(f, h, broker_link, i, hosts[i])
            times[i, :TIME_FEATURES] = time_features(own, kernel, link, load, f.layer[i])
            times[i, TIME_FEATURES] = kernel + link
            meetings[i, :MEETING_FEATURES] = meeting_features(f.rest[i], f.steps[i], f.layer[i])
            meetings[i, MEETING_FEATURES] = f.due[i] - f.rest[i]
    return hosts, value.sum(), times, meetings


@njit(cache=True)  # type: ignore[untyped-decorator]
def _link_time(f: Fragments, h: Hosts, broker_link: float, i: int, host: int) -> float:
    """Intervals that fragment `i`'s input takes to `host`, alone on the links."""
    if f.source[i] == host:
        return 0.0
    sender = broker_link if f.source[i] >= len(h.link) else h.link[f.source[i]]
    time: float = f.input_mb[i] / min(h.link[host], sender)
    return time


@njit(cache=True)  # type: ignore[untyped-decorator]
def _value(w: Weights, f: Fragments, h: Hosts, i: int, host: int, shared: float, load: float, price: float) -> float:
    """The worth of fragment `i` on `host` with `shared` work."""
    own = f.work[i] / h.fragment[host]
    return worth(w, f, i, own, kernel_time(shared, f.work[i], h, host), f.arriving[i], load, 0.0, price)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _standing(
    w: Weights, f: Fragments, h: Hosts, i: int, host: int, shared: float, load: float, price: float
) -> Tuple[float, float]:
    """The worth of fragment `i` where it is, and its derivative -dO/dS in an interval of the host's work."""
    here = _value(w, f, h, i, host, shared, load, price)
    step = 0.25 * h.capacity[host]
    return here, max(here - _value(w, f, h, i, host, shared + step, load, price), 0.0) / 0.25


@njit(cache=True)  # type: ignore[untyped-decorator]
def _enter(
    w: Weights,
    f: Fragments,
    h: Hosts,
    on: IntArray,
    counts: IntArray,
    shared: FloatArray,
    value: FloatArray,
    steep: FloatArray,
    i: int,
    host: int,
    broker_link: float,
    load: float,
    price: float,
) -> None:
    """Fragment `i` joins `host`: everything there is brought up to date."""
    shared[i] = f.work[i]
    f.arriving[i] = _link_time(f, h, broker_link, i, host)
    for k in range(counts[host]):
        j = on[host, k]
        overlap = min(f.work[i], f.work[j])
        shared[i] += overlap
        shared[j] += overlap
        value[j], steep[j] = _standing(w, f, h, j, host, shared[j], load, price)
    on[host, counts[host]] = i
    counts[host] += 1
    value[i], steep[i] = _standing(w, f, h, i, host, shared[i], load, price)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _leave(
    w: Weights,
    f: Fragments,
    h: Hosts,
    on: IntArray,
    counts: IntArray,
    shared: FloatArray,
    value: FloatArray,
    steep: FloatArray,
    i: int,
    host: int,
    load: float,
    price: float,
) -> None:
    """Fragment `i` leaves `host`."""
    counts[host] -= 1
    for k in range(counts[host] + 1):
        if on[host, k] == i:
            on[host, k] = on[host, counts[host]]
            break
    for k in range(counts[host]):
        j = on[host, k]
        shared[j] -= min(f.work[i], f.work[j])
        value[j], steep[j] = _standing(w, f, h, j, host, shared[j], load, price)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _keep_best(chosen: IntArray, score: FloatArray, n_chosen: int, host: int, slope: float) -> int:
    """Insert `host` into the best so far, in descending order; the first of equal ones stays ahead."""
    if n_chosen == len(chosen) and slope <= score[n_chosen - 1]:
        return n_chosen
    place = n_chosen if n_chosen < len(chosen) else n_chosen - 1
    while place > 0 and score[place - 1] < slope:
        chosen[place], score[place] = chosen[place - 1], score[place - 1]
        place -= 1
    chosen[place], score[place] = host, slope
    return min(n_chosen + 1, len(chosen))
