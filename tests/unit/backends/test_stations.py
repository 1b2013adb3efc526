"""Stations on their own: who leaves first, whoever has left before and however the rate has changed."""
from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosco_splitplace.backends.simulated import kernel
from cosco_splitplace.backends.simulated.state import State, make_state
from cosco_splitplace.contract.made_parts import made_cluster

amounts = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(0.0, 100.0))
quick = settings(max_examples=200, deadline=None)


def idle_state() -> State:
    state = make_state(made_cluster(), 2.0, 4.0)
    kernel.fill(state, np.empty(0, dtype=np.int64), 0.0)
    return state


def drain(state: State, station: int) -> List[int]:
    """Let everyone leave `station`, the first one first."""
    order = []
    while state.stations["root"][station] != kernel.NOBODY:
        order.append(int(state.stations["root"][station]))
        kernel.leave(state.fragments, state.stations, order[-1], 0.0)
    return order


@quick
@given(steps=st.lists(st.tuples(amounts, st.booleans(), st.integers(0, 30)), min_size=1, max_size=60))
def test_a_station_keeps_its_order_whoever_leaves(steps: List[Tuple[float, bool, int]]) -> None:
    state, inside = idle_state(), {}
    for i, (amount, someone_leaves, who) in enumerate(steps):
        state.fragments["remaining"][i] = amount
        kernel.enter(state.fragments, state.stations, i, 1, 0.0)
        inside[i] = amount
        if someone_leaves:
            gone = sorted(inside)[who % len(inside)]
            kernel.leave(state.fragments, state.stations, gone, 0.0)
            del inside[gone]
        if len(inside) > 3 and someone_leaves and who % 3 == 0:  # the first leaves, so that the heap gets deep
            first = int(state.stations["root"][1])
            assert first == min(inside, key=lambda one: (inside[one], one))
            kernel.leave(state.fragments, state.stations, first, 0.0)
            del inside[first]
    assert drain(state, 1) == sorted(inside, key=lambda one: (inside[one], one))


@quick
@given(dues=st.lists(st.tuples(st.integers(0, 12), amounts), min_size=1, max_size=40))
def test_the_tournament_finds_the_station_that_is_first(dues: List[Tuple[int, float]]) -> None:
    state, expected = idle_state(), np.full(13, np.inf)  # three hosts and the broker: 3 * 4 stations and the delays
    for i, (station, amount) in enumerate(dues):
        if state.stations["root"][station] != kernel.NOBODY:
            kernel.leave(state.fragments, state.stations, int(state.stations["root"][station]), 0.0)
        state.fragments["remaining"][i] = amount
        state.stations["rate"][station] = 0.5
        kernel.enter(state.fragments, state.stations, i, station, 0.0)
        kernel.announce(state.fragments, state.stations, state.tournament, station)
        expected[station] = amount / 0.5
        assert kernel.first_station(state.tournament) == int(np.argmin(expected))


def test_a_mark_outlives_changes_of_the_rate() -> None:
    state = idle_state()
    f, s = state.fragments, state.stations
    f["remaining"][:2] = [10.0, 4.0]
    s["rate"][1] = 2.0
    kernel.enter(f, s, 0, 1, 0.0)
    kernel.settle(s, 1, 3.0)  # 6 of 10 are served
    s["rate"][1] = 0.5
    kernel.enter(f, s, 1, 1, 3.0)
    assert kernel.serve(f, s, 0, 5.0) == pytest.approx(7.0)
    assert f["remaining"][:1] == pytest.approx([3.0])
    assert kernel.leave(f, s, 1, 5.0) == pytest.approx(1.0)
    kernel.announce(f, s, state.tournament, 1)
    assert state.tournament[len(state.tournament) // 2 + 1] == pytest.approx(5.0 + 3.0 / 0.5)


def test_a_station_at_rate_zero_is_never_first() -> None:
    state = idle_state()
    state.fragments["remaining"][0] = 1.0
    state.stations["rate"][1] = 0.0
    kernel.enter(state.fragments, state.stations, 0, 1, 0.0)
    kernel.announce(state.fragments, state.stations, state.tournament, 1)
    assert state.tournament.min() == np.inf
