"""The simulator, given the testbed's measured hosts, predicts what runs on them take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from cosco_splitplace.backends.testbed.hosts_file import read_hosts_file
from cosco_splitplace.backends.testbed.local import LocalTestbed
from cosco_splitplace.backends.testbed.running import DEFAULTS, run_on_testbed, settings_on_hosts
from cosco_splitplace.backends.testbed.twin import make_twin
from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.simulation import simulate

WITHIN = 0.2
ROUNDS = 3  # another program may take the machine's cores; the twin of a quiet round must be right


def settings() -> Settings:
    tables = {name: dict(values) for name, values in DEFAULTS.items()}
    tables["run"].update(decider="random", placer="least-loaded", intervals=3, interval_s=4.0, seed=2)
    tables["arrivals"].update(rate=1.5, batch_min=10_000, batch_max=30_000, applications=["MNIST"])
    tables["testbed"] = {"pipelining": False, "verify": False}
    return Settings.from_mapping(tables)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a twin of two hosts: this machine has one core")
def test_the_mean_response_is_predicted(tmp_path: Path) -> None:
    agents = LocalTestbed(tmp_path / "testbed")
    ratios: List[float] = []
    agents.up(2, 3000)
    try:
        hosts = read_hosts_file(agents.hosts_file)
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            twin = make_twin(settings(), hosts, folder / "twin")
            assert load_cluster(twin.cluster).n_hosts == 2
            assert Settings.from_toml(folder / "twin" / "settings.toml") == twin
            predicted = simulate(twin)
            measured = run_on_testbed(settings_on_hosts(settings(), hosts), hosts, folder).result
            assert sorted(one.task.task_id for one in predicted.outcomes) == sorted(
                one.task.task_id for one in measured.outcomes
            )
            assert {one.split for one in measured.outcomes} == {"layer", "semantic"}
            mean_s = [sum(one.response_s for one in run.outcomes) / len(run.outcomes) for run in (predicted, measured)]
            ratios.append(mean_s[0] / mean_s[1])
            if abs(ratios[-1] - 1) <= WITHIN:
                return
    finally:
        agents.down()
    raise AssertionError(f"predicted over measured: {ratios}")
