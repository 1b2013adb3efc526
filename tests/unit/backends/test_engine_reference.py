"""The compiled engine against a slow, plain one: every rate reckoned anew from scratch at every event."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosco_splitplace.backends.simulated.engine import Engine
from cosco_splitplace.cluster import Cluster
from cosco_splitplace.config import EngineSettings, FragmentSettings
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.records import DELIVERED, FINISHED, MIGRATED, StartOrder, Transfer

HOSTS = 3
ROUNDS = 4  # orders are given at the start of each
ROUND_S = 10.123456789  # no event falls on a multiple of it exactly
CORES = 2.0
SWAP_PENALTY = 4.0
SAME = 1e-9  # s: two things that are due within this happen together


@dataclass
class Piece:
    """A fragment of the reference: `left` counts its present phase down."""

    number: int
    host: int
    work: float
    ram: float
    returned: float
    is_last: bool
    phase: str
    left: float
    source: int
    target: int
    purpose: str
    to_move: float
    began: float = 0.0
    work_done: float = 0.0
    moved: float = 0.0
    times: Dict[str, float] = field(default_factory=dict)


@dataclass
class Reference:
    """Brute force: find all rates, find the first end of a phase, move everything there, repeat."""

    cluster: Cluster
    now: float = 0.0
    pieces: List[Piece] = field(default_factory=list)
    events: List[Tuple[str, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.cluster.n_hosts
        self.links = [*self.cluster.link_mb_s.tolist(), self.cluster.broker_link_mb_s]
        self.pings = [*self.cluster.ping_s.tolist(), self.cluster.broker_ping_s]
        self.ram = [0.0] * n
        self.busy = [0.0] * n
        self.energy = [0.0] * n
        self.sent, self.received = [0.0] * (n + 1), [0.0] * (n + 1)

    def in_phase(self, phase: str) -> List[Piece]:
        return [one for one in self.pieces if one.phase == phase]

    def start(self, number: int, host: int, source: int, job: "Job") -> None:
        self.ram[host] += job.ram
        piece = Piece(number, host, job.work, job.ram, job.returned, job.is_last, "", 0, 0, 0, "", 0)
        self.pieces.append(piece)
        self.send(piece, "input", source, host, job.received)

    def send(self, piece: Piece, purpose: str, source: int, target: int, megabytes: float) -> None:
        across = source != target
        piece.phase, piece.purpose, piece.source, piece.target = "delay", purpose, source, target
        piece.left = self.pings[source] + self.pings[target] if across else 0.0
        piece.to_move = megabytes if across else 0.0

    def migrate(self, piece: Piece, host: int) -> None:
        piece.work, piece.began = piece.left, self.now
        self.ram[host] += piece.ram
        self.send(piece, "migration", piece.host, host, piece.ram)

    def stop(self, piece: Piece) -> None:
        if "finished" not in piece.times and piece.phase != "done":
            self.ram[piece.host] -= piece.ram
            if piece.purpose == "migration" and piece.phase in ("delay", "transfer"):
                self.ram[piece.target] -= piece.ram
        piece.phase = "done"

    def rate(self, piece: Piece) -> float:
        if piece.phase == "delay":
            return 1.0
        if piece.phase == "transfer":
            flowing = self.in_phase("transfer")
            up = sum(one.source == piece.source for one in flowing)
            down = sum(one.target == piece.target for one in flowing)
            return min(self.links[piece.source] / up, self.links[piece.target] / down)
        host = piece.host
        running = sum(one.host == host for one in self.in_phase("running"))
        limit = self.cluster.mips[host] * min(1.0, CORES / self.cluster.cores[host])
        overuse = max(0.0, self.ram[host] / self.cluster.ram_mb[host] - 1)
        return float(min(limit, self.cluster.mips[host] / running) / (1 + SWAP_PENALTY * overuse))

    def advance(self, until: float) -> None:
        while True:
            active = [one for one in self.pieces if one.phase != "done"]
            rates = [self.rate(one) for one in active]
            first = min([one.left / rate for one, rate in zip(active, rates)], default=math.inf)
            span = min(max(0.0, first), until - self.now)
            self.account(span)
            for one, rate in zip(active, rates):
                one.left -= rate * span
                if one.phase == "running":
                    one.work_done += rate * span
                elif one.phase == "transfer":
                    one.moved += rate * span
                    self.sent[one.source] += rate * span
                    self.received[one.target] += rate * span
            self.now += span
            if self.now + first - span > until:
                self.now = until
                return
            for one, rate in zip(active, rates):
                if one.left <= SAME * rate:
                    self.end_phase(one)

    def account(self, span: float) -> None:
        for host in range(self.cluster.n_hosts):
            running = sum(one.host == host for one in self.in_phase("running"))
            share = min(1.0, running * min(1.0, CORES / self.cluster.cores[host]))
            self.busy[host] += share * span
            curve = self.cluster.power_w[host]
            self.energy[host] += float(np.interp(share, np.linspace(0, 1, len(curve)), curve)) * span

    def end_phase(self, piece: Piece) -> None:
        if piece.phase == "delay" and piece.to_move > 0:
            piece.phase, piece.left = "transfer", piece.to_move
        elif piece.phase != "running":
            self.arrive(piece)
        else:
            piece.times["finished"] = self.now
            self.events.append((FINISHED, piece.number, self.now))
            self.ram[piece.host] -= piece.ram
            piece.phase = "done"
            if piece.is_last:
                self.send(piece, "result", piece.host, self.cluster.n_hosts, piece.returned)

    def arrive(self, piece: Piece) -> None:
        if piece.purpose == "result":
            piece.phase = "done"
            piece.times["delivered"] = self.now
            self.events.append((DELIVERED, piece.number, self.now))
            return
        if piece.purpose == "migration":
            self.ram[piece.host] -= piece.ram
            piece.host = piece.target
            piece.times["migration"] = piece.times.get("migration", 0.0) + self.now - piece.began
            self.events.append((MIGRATED, piece.number, self.now))
        else:
            piece.times["started"] = self.now
        piece.phase, piece.left = "running", piece.work


@dataclass(frozen=True)
class Job:
    """A fragment that enters in `round`; in every later one it is told to move to, or ("stop") to end."""

    round: int
    host: int
    source: int
    work: float
    ram: float
    received: float
    returned: float
    is_last: bool
    orders: Tuple[int, ...]


STAY, STOP = -1, -2
# A few round amounts among the others, so that things are due together, and nothing is also an amount.
jobs = st.lists(
    st.builds(
        Job,
        round=st.integers(0, ROUNDS - 1),
        host=st.integers(0, HOSTS - 1),
        source=st.integers(0, HOSTS),
        work=st.one_of(st.sampled_from([0.0, 1000.0, 2000.0]), st.floats(0.0, 40_000.0)),
        ram=st.one_of(st.sampled_from([0.0, 100.0]), st.floats(1.0, 900.0)),
        received=st.one_of(st.sampled_from([0.0, 10.0, 50.0]), st.floats(1e-3, 60.0)),
        returned=st.one_of(st.sampled_from([0.0, 10.0]), st.floats(1e-3, 100.0)),
        is_last=st.booleans(),
        orders=st.tuples(*[st.sampled_from([STAY] * 6 + [0, 1, 2] * 2 + [STOP])] * ROUNDS),
    ),
    min_size=1,
    max_size=14,
)
factor = st.sampled_from([0.2, 0.5, 0.8, 1.0, 1.0])
factors = st.tuples(*[st.tuples(*[factor] * HOSTS)] * ROUNDS)


def unequal_cluster(broker_link_mb_s: float) -> Cluster:
    made = made_cluster(HOSTS, broker_link_mb_s=broker_link_mb_s)
    made.cores[:], made.mips[:] = [2.0, 4.0, 8.0], [1000.0, 2000.0, 3000.0]
    made.link_mb_s[1] = 25.0
    return made


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workload=jobs, mobility=factors, broker_link_mb_s=st.sampled_from([1.0, 12.0, 40.0, 1000.0]))
def test_the_engine_does_what_the_reference_does(
    workload: List[Job], mobility: Sequence[Sequence[float]], broker_link_mb_s: float
) -> None:
    cluster = unequal_cluster(broker_link_mb_s)
    engine = Engine(cluster, FragmentSettings(cores=CORES), EngineSettings(swap_penalty=SWAP_PENALTY))
    slow = Reference(cluster)
    for number in range(ROUNDS + 1):
        if number < ROUNDS:
            give_orders(engine, slow, workload, number, np.array(mobility[number]))
        until = (number + 1) * ROUND_S if number < ROUNDS else 5000.0  # at 1 MB/s some take long
        engine.advance(until)
        slow.advance(until)
        expect_same_state(engine, slow)
    expect_same_events(engine, slow)


def give_orders(engine: Engine, slow: Reference, workload: Sequence[Job], now: int, share: np.ndarray) -> None:  # type: ignore[type-arg]
    engine.set_links(slow.cluster.link_mb_s * share, slow.cluster.ping_s / share)
    slow.links[:HOSTS], slow.pings[:HOSTS] = (slow.cluster.link_mb_s * share), (slow.cluster.ping_s / share)
    for piece in slow.pieces:
        order = workload[piece.number].orders[now]
        if order == STOP:
            engine.stop(piece.number)
            slow.stop(piece)
        elif order not in (STAY, piece.host) and piece.phase == "running":
            engine.migrate(piece.number, order)
            slow.migrate(piece, order)
    entering = [(number, one) for number, one in enumerate(workload) if one.round == now]
    engine.start([
        StartOrder(
            made_fragment(
                number, work_mi=one.work, ram_mb=one.ram, input_mb=one.received, output_mb=one.returned,
                is_last=one.is_last,
            ),
            one.host,
        )
        for number, one in entering
    ])  # fmt: skip
    engine.send([Transfer(number, one.source, one.host, one.received) for number, one in entering])
    for number, one in entering:
        slow.start(number, one.host, one.source, one)


def close(expected: object) -> object:
    return pytest.approx(expected, rel=1e-7, abs=1e-6, nan_ok=True)


def expect_same_state(engine: Engine, slow: Reference) -> None:
    ids, hosts, left, movable = engine.active_fragments()
    held = sorted(
        (one for one in slow.pieces if one.phase != "done" and "finished" not in one.times), key=lambda one: one.number
    )
    assert ids.tolist() == [one.number for one in held]
    assert hosts.tolist() == [one.host for one in held]
    assert movable.tolist() == [one.phase == "running" for one in held]
    assert left == close([one.left if one.phase == "running" else one.work for one in held])
    assert engine.host_state()[1] == close(slow.ram)
    usage = engine.take_usage()
    assert usage.energy_wh == close([one / 3600 for one in slow.energy])
    assert [*usage.sent_mb, usage.broker_sent_mb] == close(slow.sent)
    assert [*usage.received_mb, usage.broker_received_mb] == close(slow.received)
    for counts in (slow.busy, slow.energy, slow.sent, slow.received):
        counts[:] = [0.0] * len(counts)
    for one in slow.pieces:
        times = engine.times(one.number)
        assert times.started_s == close(one.times.get("started", math.nan))
        assert times.finished_s == close(one.times.get("finished", math.nan))
        assert times.delivered_s == close(one.times.get("delivered", math.nan))
        assert times.migration_s == close(one.times.get("migration", 0.0))
        assert times.work_done_mi == close(one.work_done)
        assert times.received_mb == close(one.moved)


def expect_same_events(engine: Engine, slow: Reference) -> None:
    events = [(one.kind, one.fragment_id, one.time_s) for one in engine.take_events()]
    assert [one[2] for one in events] == sorted(one[2] for one in events)
    happened = {one[:2]: [] for one in slow.events}  # type: Dict[Tuple[str, int], List[float]]
    for kind, number, when in slow.events:
        happened[kind, number].append(when)
    for kind, number, when in events:
        assert when == close(happened[kind, number].pop(0))
    assert not any(happened.values())
