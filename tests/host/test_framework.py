"""COSCO's Framework on agents that answer its opcodes: real HTTP on loopback, containers that run nothing, all faults.

Time is the test's own: an interval lasts as long as the loop sleeps, which is no time at all.
"""
from __future__ import annotations

import logging
import math
import random
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest
from fake_agents import FakeAgent, fake_agents
from host_parts import entered, small

from cosco_splitplace.bridge.opcode_backend import AgentsError, OpcodeBackend, WallClock
from cosco_splitplace.bridge.scheduler_placer import SchedulerPlacer
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.invariants import check_result
from cosco_splitplace.records import DELIVERED, FINISHED, LOST, MIGRATED, StartOrder, Transfer
from cosco_splitplace.simulation import build_loop, result_of

HOSTS = 3
INTERVAL_S = 300.0


class Time:
    """A clock that sleeping moves on; ``meanwhile`` is called in the middle of every sleep."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.meanwhile: List[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds / 2
        for act in self.meanwhile:
            act()
        self.now += seconds / 2


@pytest.fixture()
def time() -> Time:
    return Time()


@pytest.fixture()
def agents(time: Time) -> Iterator[List[FakeAgent]]:
    made = fake_agents(HOSTS, now=lambda: time.now)
    yield made
    for one in made:
        one.close()


def made_backend(agents: List[FakeAgent], time: Time, image: Callable[[Any], str] = lambda _: "image") -> OpcodeBackend:
    cluster = made_cluster(HOSTS, mips=8000.0, ram_mb=8000.0)
    clock = WallClock(lambda: time.now, time.sleep)
    backend = OpcodeBackend(cluster, [one.address for one in agents], image, cluster.ram_mb, clock=clock, answer_s=5.0)
    time.meanwhile.insert(0, backend.settle)
    return backend


# ---- the backend by itself ----


@pytest.fixture()
def backend(agents: List[FakeAgent], time: Time) -> Iterator[OpcodeBackend]:
    made = made_backend(agents, time)
    yield made
    made.close()


def launch(backend: OpcodeBackend, number: int, host: int, **changes: Any) -> None:
    backend.start([StartOrder(made_fragment(number, **changes), host)])
    backend.send([Transfer(number, HOSTS, host, 1.0)])


def after(backend: OpcodeBackend, intervals: int = 1) -> List[List[str]]:
    """The kinds of events, by interval."""
    kinds = []
    for _ in range(intervals):
        backend.clock.wait_until(backend.clock.now_s + INTERVAL_S)
        kinds.append([one.kind for one in backend.poll()])
    return kinds


def test_the_life_of_a_fragment(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    launch(backend, 0, 1)
    launch(backend, 1, 2, is_last=False)
    assert backend.snapshot().fragment_hosts.tolist() == [1, 2]
    assert after(backend) == [[]]
    assert (len(agents[1].running), len(agents[2].running)) == (1, 1)
    assert backend.snapshot().movable.tolist() == [True, True]
    assert backend.usage().cpu_utilisation.tolist() == [0.0, 0.1, 0.1]
    time.meanwhile.append(agents[1].finish)
    time.meanwhile.append(agents[2].finish)
    assert after(backend) == [[FINISHED, DELIVERED, FINISHED]]
    times = backend.times(0)
    assert (times.placed_s, times.finished_s) == (0.0, 450.0)  # not when it was looked at, 600
    assert times.started_s in (0.0, 150.0)  # the agent's answer comes before or after the made clock moves
    assert times.delivered_s == 450.0 and math.isnan(backend.times(1).delivered_s)
    assert len(backend.snapshot().fragment_ids) == 0
    assert backend.usage().work_mi.tolist() == [0.0, 1000.0, 1000.0]
    assert after(backend) == [[]]
    assert not any(one.containers for one in agents)  # what has ended was deleted
    assert backend.failures == []


@pytest.mark.parametrize("skew_s", [-3600.0, 3600.0])
def test_an_agents_clock_may_be_wrong(time: Time, skew_s: float) -> None:
    agents = fake_agents(HOSTS, now=lambda: time.now + skew_s)
    backend = made_backend(agents, time)
    launch(backend, 0, 0)
    after(backend)
    time.meanwhile.append(agents[0].finish)
    assert after(backend) == [[FINISHED, DELIVERED]]
    assert backend.times(0).finished_s == pytest.approx(450.0, abs=1e-3)
    backend.close()
    for one in agents:
        one.close()


def test_an_agent_that_says_nothing_of_time(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    launch(backend, 0, 0)
    after(backend)
    time.meanwhile.append(agents[0].finish)
    time.meanwhile.append(lambda: agents[0].containers[next(iter(agents[0].containers))].__setattr__(
        "finished_at", "yesterday"))
    after(backend)
    assert backend.times(0).finished_s == 600.0


def test_a_refused_creation(backend: OpcodeBackend, agents: List[FakeAgent]) -> None:
    agents[0].broken = {"create"}
    launch(backend, 0, 0)
    assert after(backend) == [[LOST]]
    assert "create 0_" in backend.failures[0] and "HTTP 500" in backend.failures[0]
    launch(backend, 0, 1)
    assert after(backend) == [[]]
    assert len(agents[1].running) == 1
    with pytest.raises(ValueError, match="started before"):
        launch(backend, 0, 2)


def test_a_creation_whose_answer_is_lost(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    agents[0].mute = {"create"}
    launch(backend, 0, 0)
    assert after(backend) == [[]]  # it runs, and is not run twice
    assert "no answer" in backend.failures[0]
    assert backend.times(0).started_s == 300.0
    time.meanwhile.append(agents[0].finish)
    assert after(backend) == [[FINISHED, DELIVERED]]
    assert sum(body["opcode"] == "create" for body in agents[0].asked) == 1


def test_a_container_that_fails_or_vanishes(backend: OpcodeBackend, agents: List[FakeAgent]) -> None:
    launch(backend, 0, 0)
    launch(backend, 1, 1)
    after(backend)
    for one in agents[0].containers.values():
        one.running, one.error, one.finished_at = False, "out of memory", "2023-11-14T22:20:00Z"
    agents[1].containers.clear()
    assert after(backend) == [[LOST, LOST]]
    assert any("out of memory" in one for one in backend.failures)
    assert any("has no container 1_" in one for one in backend.failures)
    assert backend.usage().work_mi.sum() == 0


def test_a_silent_agent(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    launch(backend, 0, 0)
    after(backend)
    agents[0].close()
    assert after(backend) == [[]]  # it may come back
    shown = backend.snapshot()
    assert (shown.ram_used_mb[0], shown.cpu_utilisation[0]) == (8000.0, 1.0)  # nothing more is placed there
    assert shown.movable.tolist() == [False]
    assert after(backend) == [[LOST]]
    launch(backend, 0, 1)
    agents[0].open()
    assert after(backend, 2) == [[], []]
    assert agents[0].containers == {}  # the old one was deleted when the agent came back
    assert len(agents[1].running) == 1
    assert backend.snapshot().ram_used_mb[0] == 0
    time.meanwhile.append(agents[1].finish)
    assert after(backend, 2) == [[FINISHED, DELIVERED], []]


def test_a_short_silence_costs_nothing(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    launch(backend, 0, 0)
    after(backend)
    agents[0].close()
    after(backend)
    agents[0].finish()
    agents[0].open()
    assert after(backend) == [[FINISHED, DELIVERED]]
    assert backend.times(0).finished_s == 600.0  # when it ended, while nobody could ask


def test_nonsense_is_silence(backend: OpcodeBackend, agents: List[FakeAgent]) -> None:
    launch(backend, 0, 0)
    after(backend)
    for content in ({"stats": "none"}, {"stats": [1]}, {"stats": [{"name": "x"}]}, {}):
        agents[0]._do = lambda *_, content=content: (200, content)  # type: ignore[method-assign]
        after(backend)
    del agents[0]._do
    agents[0].lying = {"hostStat"}
    after(backend)
    assert "lists no containers" in backend.failures[0]
    assert "its cpu is None" in backend.failures[-1]


def test_containers_of_others_are_left_alone(backend: OpcodeBackend, agents: List[FakeAgent]) -> None:
    agents[0].answer({"opcode": "create", "name": "0_0", "image": "of an earlier run"})
    agents[0].finish()
    launch(backend, 0, 0)
    assert after(backend, 2) == [[], []]  # 0_0 has ended, our fragment 0 has not
    assert "0_0" in agents[0].containers


def moving(backend: OpcodeBackend) -> None:
    launch(backend, 0, 0)
    after(backend)
    backend.migrate(0, 1)
    assert backend.snapshot().movable.tolist() == [False]


def test_migration(backend: OpcodeBackend, agents: List[FakeAgent], time: Time) -> None:
    moving(backend)
    assert after(backend) == [[MIGRATED]]
    times = backend.times(0)
    assert (times.host, times.migrations) == (1, 1)
    assert (agents[0].containers, len(agents[1].running)) == ({}, 1)
    time.meanwhile.append(agents[1].finish)
    assert after(backend) == [[FINISHED, DELIVERED]]
    assert [body["targetIP"] for body in agents[0].asked if body["opcode"] == "migrate"] == ["127.0.0.2"]


@pytest.mark.parametrize("fault", ["broken", "lying", "mute"])
@pytest.mark.parametrize("opcode", ["checkpoint", "migrate", "restore"])
def test_a_migration_that_fails_is_never_a_completion(
    backend: OpcodeBackend, agents: List[FakeAgent], time: Time, opcode: str, fault: str
) -> None:
    """COSCO counts each of these as a container that has finished."""
    for one in agents[:2]:
        setattr(one, fault, {opcode})
    moving(backend)
    if (opcode, fault) == ("checkpoint", "broken"):
        assert after(backend, 2) == [[], []]  # it goes on where it is
        assert backend.times(0).host == 0 and len(agents[0].running) == 1
        return
    assert after(backend) == [[LOST]]
    launch(backend, 0, 2)
    time.meanwhile.append(agents[2].finish)
    after(backend, 2)
    assert math.isfinite(backend.times(0).finished_s)
    for one in agents[:2]:
        setattr(one, fault, set())
    after(backend)
    assert not any(one.containers for one in agents)  # nothing is left of the attempt


def test_what_ended_before_it_could_move_has_ended(
    backend: OpcodeBackend, agents: List[FakeAgent], time: Time
) -> None:
    launch(backend, 0, 0)
    after(backend)
    agents[0].finish()
    backend.migrate(0, 1)
    assert after(backend) == [[FINISHED, DELIVERED]]
    assert backend.times(0).host == 0


def test_stop_and_close(agents: List[FakeAgent], time: Time) -> None:
    backend = made_backend(agents, time)
    launch(backend, 0, 0)
    launch(backend, 1, 1)
    after(backend)
    backend.stop(0)
    assert after(backend) == [[]]
    assert (agents[0].containers, len(agents[1].running)) == ({}, 1)
    backend.close()
    assert agents[1].containers == {}


def test_bad_orders(backend: OpcodeBackend) -> None:
    with pytest.raises(ValueError, match="there is no host 3"):
        backend.start([StartOrder(made_fragment(0), HOSTS)])
    with pytest.raises(ValueError, match="fragment 7 was not started"):
        backend.send([Transfer(7, HOSTS, 0, 1.0)])
    with pytest.raises(ValueError, match="fragment 7 was not started"):
        backend.migrate(7, 0)
    with pytest.raises(ValueError, match="2 addresses for 3 hosts"):
        OpcodeBackend(made_cluster(3), ["a", "b"], str, made_cluster(3).ram_mb)


def test_no_agent_at_all(backend: OpcodeBackend, agents: List[FakeAgent]) -> None:
    agents[0].close()
    backend.greet()  # two answer
    for one in agents:
        one.close()
    with pytest.raises(AgentsError, match=r"none of the 3 agents answers: .*no answer .*mend the addresses"):
        backend.greet()


def test_being_late_is_said(caplog: pytest.LogCaptureFixture) -> None:
    clock = WallClock(iter([0.0, 310.0]).__next__, lambda _: None)
    clock.wait_until(300.0)
    assert "10.0 s late" in caplog.text


# ---- under COSCO's classes ----


@pytest.fixture()
def env(cosco_root: Path, agents: List[FakeAgent], time: Time) -> Iterator[Any]:
    """A SplitPlaceFramework on the fake agents, driven by its loop."""
    with entered(cosco_root):
        from cosco_splitplace.framework_patches import SplitPlaceDatacenter, SplitPlaceFramework
        from cosco_splitplace.scheduler import SplitPlaceScheduler
        from cosco_splitplace.workload import SplitPlaceFrameworkWorkload

        cluster = made_cluster(HOSTS, mips=8000.0, ram_mb=8000.0)
        nodes = SplitPlaceDatacenter(cluster).generateNodes([one.address for one in agents])
        scheduler = SplitPlaceScheduler("least-loaded")
        made = SplitPlaceFramework(scheduler, HOSTS, 300, nodes, None, "VLAN", logging.getLogger("test"), "grow")
        backend = made_backend(agents, time, SplitPlaceFrameworkWorkload(made).image)
        settings = small("least-loaded", decider="layer").replace(cluster={"hosts": HOSTS}, arrivals={"rate": 1.0})
        made.drive(build_loop(settings, lambda setup: SchedulerPlacer(made, setup), cluster=cluster, backend=backend))
        yield made
        backend.close()


def run(env: Any, intervals: int) -> None:
    for _ in range(intervals):
        env.loop.run_interval(len(env.loop.history.intervals))
        env.conclude()


def expect_all_done(env: Any, before: int) -> None:
    """Every task that arrived before an interval has left, once, and the laws hold."""
    left = [one.task.task_id for one in env.loop.history.outcomes]
    arrived = [one.task_id for one in env.loop.history.tasks if one.arrival_interval < before]
    assert arrived and set(arrived) <= set(left) and len(set(left)) == len(left)
    check_result(result_of(env.loop), env.loop.cluster, env.loop.backend.exact)


def test_tasks_run_to_their_end(env: Any, agents: List[FakeAgent], time: Time) -> None:
    time.meanwhile += [one.finish for one in agents]
    run(env, 12)
    expect_all_done(env, before=5)
    assert all(one.split == "layer" and one.response_s > 900 for one in env.loop.history.outcomes)
    asked = [body for agent in agents for body in agent.asked]
    created = [body for body in asked if body["opcode"] == "create"]
    assert len(created) == len(env.loop.history.input_link_mb)
    assert {body["image"].rpartition("-")[0] for body in created} <= {
        f"cosco-splitplace/{one}-layer" for one in ("mnist", "fashionmnist", "cifar100")
    }
    assert all(body["name"].split("_")[0].isdigit() for body in created)  # COSCO reads the creation id there
    assert env.loop.backend.failures == []


def test_nodes_and_tasks_are_coscos(env: Any, agents: List[FakeAgent]) -> None:
    run(env, 3)
    shown = [one for one in env.containerlist if one]
    from framework.node.Node import Node  # type: ignore[import-not-found]
    from framework.task.Task import Task  # type: ignore[import-not-found]

    assert all(isinstance(one, Task) for one in shown) and all(isinstance(one, Node) for one in env.hostlist)
    assert shown[0].image.startswith("cosco-splitplace/")
    assert not hasattr(shown[0], "application")  # POND knows no images but COSCO's
    assert shown[0].sla == env.loop.history.tasks[0].deadline_intervals  # relative, as in COSCO's framework
    for node, agent in zip(env.hostlist, agents):
        assert node.getCPU() == pytest.approx(10.0 * len(agent.running))
        assert node.getCurrentRAM()[0] == sum(one.getRAM()[0] for one in shown if one.hostid == node.id)
        node.updateUtilizationMetrics()
    with pytest.raises(NotImplementedError, match="simulationStep"):
        shown[0].allocateAndExecute(0)
    with pytest.raises(NotImplementedError, match="simulationStep"):
        shown[0].allocateAndrestore(0)


def test_coscos_protocol_too(env: Any, agents: List[FakeAgent], time: Time) -> None:
    time.meanwhile += [one.finish for one in agents]
    for _ in range(8):
        deployed, _ = env.addContainers(env.workload.generateNewContainers(env.interval))
        migrations = env.simulationStep(env.scheduler.placement(deployed))
        env.workload.updateDeployedContainers(env.getCreationIDs(migrations, deployed))
    assert env.loop.history.outcomes
    with pytest.raises(RuntimeError):
        env.simulationStep([])


def test_a_dead_agents_tasks_finish_elsewhere(env: Any, agents: List[FakeAgent], time: Time) -> None:
    run(env, 3)
    busiest = max(agents, key=lambda one: len(one.running))
    assert busiest.running
    busiest.close()
    time.meanwhile += [one.finish for one in agents if one is not busiest]
    run(env, 15)
    expect_all_done(env, before=8)
    assert any("has been silent for 2 intervals" in one for one in env.loop.backend.failures)
    placed_late = [one for one in env.loop.history.input_link_mb if env.loop.backend.times(one).placed_s > 1500]
    assert {env.loop.backend.times(one).host for one in placed_late} == {0, 1, 2} - {agents.index(busiest)}
    deployed = env.workload.deployedContainers
    assert [number for number, one in enumerate(deployed) if one] == sorted(env.loop.history.input_link_mb)


@pytest.mark.parametrize("seed", range(3))
def test_no_fault_costs_a_task(env: Any, agents: List[FakeAgent], time: Time, seed: int) -> None:
    """Agents die, come back, refuse, lie and swallow answers; containers vanish and fail; fragments are moved about."""
    draw = random.Random(seed)
    opcodes = ("create", "delete", "checkpoint", "migrate", "restore", "ContainerStat", "hostStat")

    def trouble() -> None:
        for one in agents:
            one.close()
            for name in ("broken", "lying", "mute"):
                setattr(one, name, {draw.choice(opcodes)} if draw.random() < 0.3 else set())
            one.lying -= {"ContainerStat", "hostStat"}  # it can't say what it does not know
            if draw.random() < 0.8:
                one.open()
            if draw.random() < 0.5:
                one.finish()
            for container in list(one.containers):
                if draw.random() < 0.1:
                    del one.containers[container]

    time.meanwhile.append(trouble)
    for _ in range(25):
        backend = env.loop.backend
        shown = backend.snapshot()
        for number in shown.fragment_ids[shown.movable].tolist():
            if draw.random() < 0.3:
                backend.migrate(number, draw.randrange(HOSTS))
        run(env, 1)
    assert len(env.loop.backend.failures) > 20
    time.meanwhile.remove(trouble)
    for one in agents:
        one.close()
        one.broken, one.lying, one.mute = set(), set(), set()
        one.open()
    time.meanwhile += [one.finish for one in agents]
    run(env, 15)
    expect_all_done(env, before=25)
