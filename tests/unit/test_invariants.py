"""The checker lets a real run pass, and names the law that a tampered one breaks."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Callable, List

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.errors import InvariantError
from cosco_splitplace.invariants import check_result
from cosco_splitplace.records import FragmentRow, RunResult

Rows = List[FragmentRow]
Tamper = Callable[[RunResult], RunResult]


def row_where(result: RunResult, holds: Callable[[FragmentRow], bool]) -> int:
    return next(number for number, row in enumerate(result.fragments) if holds(row))


def finished(row: FragmentRow) -> bool:
    return row.times is not None and math.isfinite(row.times.finished_s)


def under_way(row: FragmentRow) -> bool:
    return row.times is not None and math.isfinite(row.times.started_s) and not finished(row)


def delivered(row: FragmentRow) -> bool:
    return row.times is not None and math.isfinite(row.times.delivered_s)


def with_row(result: RunResult, number: int, row: FragmentRow) -> RunResult:
    rows = list(result.fragments)
    rows[number] = row
    return replace(result, fragments=rows)


def with_times(result: RunResult, number: int, **changes: Any) -> RunResult:
    row = result.fragments[number]
    assert row.times is not None
    return with_row(result, number, replace(row, times=replace(row.times, **changes)))


def with_hosts(result: RunResult, name: str, change: Callable[[np.ndarray], None]) -> RunResult:  # type: ignore[type-arg]
    values = getattr(result.hosts, name).copy()
    change(values)
    return replace(result, hosts=replace(result.hosts, **{name: values}))


def work_lost(result: RunResult) -> RunResult:
    number = row_where(result, finished)
    return with_times(result, number, work_done_mi=result.fragments[number].fragment.work_mi * 0.999)


def work_made(result: RunResult) -> RunResult:
    number = row_where(result, under_way)
    return with_times(result, number, work_done_mi=result.fragments[number].fragment.work_mi * 1.001)


def work_without_a_host(result: RunResult) -> RunResult:
    def change(work: np.ndarray) -> None:  # type: ignore[type-arg]
        work[3, 2] += 1e-5 * work.sum()

    return with_hosts(result, "work_mi", change)


def bytes_lost(result: RunResult) -> RunResult:
    number = row_where(result, delivered)
    times = result.fragments[number].times
    assert times is not None
    return with_times(result, number, received_mb=times.received_mb - 1.0)


def bytes_sent_and_not_received(result: RunResult) -> RunResult:
    def change(sent: np.ndarray) -> None:  # type: ignore[type-arg]
        sent[5] += 3.0

    return with_hosts(result, "broker_sent_mb", change)


def bytes_on_links_that_no_fragment_moved(result: RunResult) -> RunResult:
    def change(megabytes: np.ndarray) -> None:  # type: ignore[type-arg]
        megabytes[5, 0] += 3.0

    return with_hosts(with_hosts(result, "sent_mb", change), "received_mb", change)


def later_layer(result: RunResult, holds: Callable[[FragmentRow], bool]) -> int:
    return row_where(result, lambda row: bool(row.fragment.depends_on) and holds(row))


def placed_before_predecessor_finished(result: RunResult) -> RunResult:
    number = later_layer(result, lambda row: row.times is not None)
    row = result.fragments[number]
    assert row.times is not None
    before = result.fragments[row.fragment.depends_on[0]].times
    assert before is not None
    early = before.finished_s - 1.0
    return with_row(result, number, replace(row, ready_s=early, times=replace(row.times, placed_s=early)))


def started_before_the_output_arrived(result: RunResult) -> RunResult:
    number = later_layer(result, lambda row: under_way(row) and row.input_link_mb > 0)
    return with_times(result, number, received_mb=result.fragments[number].input_link_mb / 2)


def times_backwards(result: RunResult) -> RunResult:
    number = row_where(result, finished)
    times = result.fragments[number].times
    assert times is not None
    return with_times(result, number, started_s=times.finished_s + 1.0)


def step_skipped(result: RunResult) -> RunResult:
    return with_times(result, row_where(result, finished), started_s=math.nan)


def left_twice(result: RunResult) -> RunResult:
    return replace(result, outcomes=[*result.outcomes, result.outcomes[0]])


def left_and_never_came(result: RunResult) -> RunResult:
    stranger = replace(result.outcomes[0], task=replace(result.outcomes[0].task, task_id=9999))
    return replace(result, outcomes=[*result.outcomes, stranger])


def lost(result: RunResult) -> RunResult:
    return replace(result, outcomes=result.outcomes[1:])


def left_too_early(result: RunResult) -> RunResult:
    gone = {one.task.task_id for one in result.outcomes}
    early = next(one for one in result.tasks if one.task_id not in gone)
    return replace(result, outcomes=[*result.outcomes, replace(result.outcomes[0], task=early)])


def not_decided(result: RunResult) -> RunResult:
    return replace(result, decisions=result.decisions[:-1])


def arrived_twice(result: RunResult) -> RunResult:
    return replace(result, tasks=[*result.tasks, result.tasks[0]], decisions=[*result.decisions, result.decisions[0]])


def cpu_over(result: RunResult) -> RunResult:
    def change(work: np.ndarray) -> None:  # type: ignore[type-arg]
        work[:, 0] += work[:, 1]
        work[:, 1] = 0
        work[0, 0], work[1:, 0] = work[:, 0].sum(), 0

    return with_hosts(result, "work_mi", change)


def ram_over(result: RunResult) -> RunResult:
    def change(ram: np.ndarray) -> None:  # type: ignore[type-arg]
        ram[2, 0] = result.hosts.ram_mb[0] * 1.001

    return with_hosts(result, "ram_used_mb", change)


def all_at_once(megabytes: np.ndarray) -> None:  # type: ignore[type-arg]
    megabytes[0], megabytes[1:] = megabytes.sum(axis=0), 0


def uplink_over(result: RunResult) -> RunResult:
    return with_hosts(result, "sent_mb", all_at_once)


def downlink_over(result: RunResult) -> RunResult:
    return with_hosts(result, "received_mb", all_at_once)


def utilisation_over(result: RunResult) -> RunResult:
    def change(share: np.ndarray) -> None:  # type: ignore[type-arg]
        share[1, 1] = 1.01

    return with_hosts(result, "cpu_utilisation", change)


def test_a_real_run_passes(short_run: RunResult) -> None:
    check_result(short_run, load_cluster(short_run.settings.cluster))
    assert short_run.metrics["finished"] > 0 and short_run.metrics["unfinished"] > 0


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (work_lost, r"fragment \d+ did .* MI, finished: True"),
        (work_made, r"fragment \d+ did .* MI, finished: False"),
        (work_without_a_host, "hosts worked .* MI, fragments"),
        (bytes_lost, r"fragment \d+ moved .* MB"),
        (bytes_sent_and_not_received, "MB were sent and .* MB received"),
        (bytes_on_links_that_no_fragment_moved, "crossed the links, fragments account for"),
        (placed_before_predecessor_finished, r"fragment \d+ was placed before \d+ finished"),
        (started_before_the_output_arrived, r"fragment \d+ started before the output of \d+ had arrived"),
        (times_backwards, r"fragment \d+ went back in time"),
        (step_skipped, r"fragment \d+ skipped a step"),
        (left_twice, "a task left twice"),
        (left_and_never_came, "never arrived"),
        (lost, r"task \d+ has 0 results to come, left: False"),
        (left_too_early, r"task \d+ has [1-9]\d* results to come, left: True"),
        (not_decided, "decided twice or not at all"),
        (arrived_twice, "decided twice or not at all"),
        (cpu_over, "CPU"),
        (ram_over, "RAM"),
        (uplink_over, "uplink"),
        (downlink_over, "downlink"),
        (utilisation_over, "utilisation"),
    ],
)
def test_a_broken_law_is_named(short_run: RunResult, tamper: Tamper, message: str) -> None:
    with pytest.raises(InvariantError, match=f"a law of the system is broken: .*{message}"):
        check_result(tamper(short_run), load_cluster(short_run.settings.cluster))


def test_the_brokers_link_is_checked(short_run: RunResult) -> None:
    cluster = load_cluster(short_run.settings.cluster)
    busiest = float(short_run.hosts.broker_sent_mb.max()) / short_run.settings.run.interval_s
    check_result(short_run, replace(cluster, broker_link_mb_s=busiest))
    with pytest.raises(InvariantError, match="broker's uplink"):
        check_result(short_run, replace(cluster, broker_link_mb_s=busiest * 0.999))
