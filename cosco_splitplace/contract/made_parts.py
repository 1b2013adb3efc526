"""Hand-made clusters, fragments, tasks and placement problems, with numbers that are easy to reckon with."""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from cosco_splitplace.arrivals.catalogue import BRANCHES, CHAIN, Application, FragmentProfile, SplitProfile
from cosco_splitplace.cluster import Cluster
from cosco_splitplace.placement import WAIT, PlacementProblem
from cosco_splitplace.records import Fragment, FragmentTimes, Snapshot, Task, TaskOutcome

IDLE_W, STEP_W = 100.0, 10.0  # the made power curve: 100 W idle, 10 W more for every 10 %


def made_cluster(
    n_hosts: int = 3,
    cores: float = 2.0,
    mips: float = 1000.0,
    ram_mb: float = 1000.0,
    link_mb_s: float = 10.0,
    broker_link_mb_s: float = 40.0,
    power_w: Optional[Sequence[float]] = None,
) -> Cluster:
    """Equal hosts: latency 1 s (broker 0.5 s), so that data from the broker is on its way for 1.5 s before it flows."""
    curve = [IDLE_W + STEP_W * point for point in range(11)] if power_w is None else list(power_w)
    return Cluster(
        host_types=("made",) * n_hosts,
        cores=np.full(n_hosts, cores),
        mips=np.full(n_hosts, mips),
        ram_mb=np.full(n_hosts, ram_mb),
        ping_s=np.full(n_hosts, 1.0),
        link_mb_s=np.full(n_hosts, link_mb_s),
        price_usd_h=np.full(n_hosts, 0.1),
        power_w=np.array([curve] * n_hosts),
        broker_link_mb_s=broker_link_mb_s,
        broker_ping_s=0.5,
    )


def made_fragment(fragment_id: int, **changes: Any) -> Fragment:
    """A fragment that is alone in its task: 1000 MI, 100 MB RAM, no input and no output to speak of."""
    values: Dict[str, Any] = dict(
        fragment_id=fragment_id, task_id=fragment_id, index=0, split="layer", depends_on=(), is_last=True,
        work_mi=1000.0, ram_mb=100.0, input_mb=0.0, output_mb=0.0,
    )
    return Fragment(**{**values, **changes})


def made_task(task_id: int = 0, **changes: Any) -> Task:
    """A task of application A: 1000 images, deadline 10 intervals."""
    values: Dict[str, Any] = dict(
        task_id=task_id, application="A", batch_images=1000, deadline_intervals=10, arrival_interval=0, image_seed=1
    )
    return Task(**{**values, **changes})


def made_outcome(task: Task, split: str = "layer", **changes: Any) -> TaskOutcome:
    """A task that left after 5 intervals with accuracy 0.8, in time."""
    values: Dict[str, Any] = dict(
        left_interval=4, response_s=1500.0, response_intervals=5, wait_s=100.0, transfer_s=200.0, compute_s=1150.0,
        migration_s=50.0, migrations=1, hosts=(0,), accuracy=0.8, violated=False, reward=0.9,
    )
    return TaskOutcome(task=task, split=split, **{**values, **changes})


def made_times(fragment_id: int, placed: float, started: float, finished: float, **changes: Any) -> FragmentTimes:
    """Times in seconds; delivered never, unless given."""
    values: Dict[str, Any] = dict(
        host=0, delivered_s=math.nan, migration_s=0.0, migrations=0, work_done_mi=1000.0, received_mb=0.0
    )
    return FragmentTimes(
        fragment_id=fragment_id, placed_s=placed, started_s=started, finished_s=finished, **{**values, **changes}
    )


def made_application(name: str = "A", scale: float = 7.0) -> Application:
    """Layer split: chain of 3; semantic split: 2 branches; compressed: 1 fragment.

    Sizes an image: 10 -> 20 -> 4 -> 1 kB, 10 -> 0.5 kB, 10 -> 1 kB.
    """

    def profile(multiply_adds: int, received: int, put_out: int) -> FragmentProfile:
        return FragmentProfile(
            multiply_adds, received, put_out, ram_base_mb=200.0, ram_per_image_kb=50.0, weights_bytes=20_000
        )

    chain = (profile(1000, 10_000, 20_000), profile(2000, 20_000, 4_000), profile(500, 4_000, 1_000))
    branches = (profile(300, 10_000, 500), profile(400, 10_000, 500))
    pruned = (profile(900, 10_000, 1_000),)
    return Application(
        name=name,
        data_source="made",
        deadline_scale_intervals=scale,
        splits={
            "layer": SplitProfile("layer", CHAIN, Path("nowhere/layer"), 0.9, chain),
            "semantic": SplitProfile("semantic", BRANCHES, Path("nowhere/semantic"), 0.8, branches),
            "compressed": SplitProfile("compressed", CHAIN, Path("nowhere/compressed"), 0.85, pruned),
        },
    )


def made_problem(
    cluster: Cluster,
    current: Sequence[int],
    ram_mb: Sequence[float],
    free_ram_mb: Sequence[float],
    movable: Optional[Sequence[bool]] = None,
    layer: Optional[Sequence[bool]] = None,
    semantic: Optional[Sequence[bool]] = None,
) -> PlacementProblem:
    """A problem with hosts idle but for the placed fragments; placed ones come first.

    What is no layer split is a semantic one, unless `semantic` says otherwise.
    """
    where = np.array(current, dtype=np.int64)
    n, placed = len(where), where != WAIT
    moves = placed if movable is None else np.array(movable, dtype=bool)
    layers = np.arange(n) % 2 == 0 if layer is None else np.array(layer, dtype=bool)
    counts = np.bincount(where[placed], minlength=cluster.n_hosts)
    free = np.array(free_ram_mb, dtype=float)
    snapshot = Snapshot(
        time_s=0.0,
        cpu_utilisation=np.minimum(1.0, counts * cluster.fragment_mips(2.0) / cluster.mips),
        placed_fragments=counts,
        ram_used_mb=np.maximum(cluster.ram_mb - free, 0.0),
        bandwidth_mb_s=cluster.link_mb_s,
        latency_s=cluster.ping_s,
        fragment_ids=np.arange(n)[placed],
        fragment_hosts=where[placed],
        work_left_mi=np.full(int(placed.sum()), 1000.0),
        movable=moves[placed],
    )
    return PlacementProblem(
        cluster=cluster,
        snapshot=snapshot,
        fragment_ids=np.arange(n),
        layer=layers,
        semantic=~layers if semantic is None else np.array(semantic, dtype=bool),
        task_ids=np.arange(n),
        due_s=np.full(n, 3000.0),
        steps_after=np.zeros(n, dtype=np.int64),
        work_after_mi=np.zeros(n),
        work_left_mi=np.full(n, 1000.0),
        ram_mb=np.array(ram_mb, dtype=float),
        input_mb=np.full(n, 10.0),
        source=np.full(n, cluster.n_hosts),
        current=where,
        movable=moves,
        free_ram_mb=free,
    )


def random_problem(cluster: Cluster, seed: int, n_placed: int, n_queued: int) -> PlacementProblem:
    """Fragments of 100 to 1500 MB, the placed ones at random hosts, the memory partly taken."""
    draw = np.random.default_rng(seed)
    n = n_placed + n_queued
    current = np.concatenate([draw.integers(cluster.n_hosts, size=n_placed), np.full(n_queued, WAIT)])
    movable = np.concatenate([draw.random(n_placed) < 0.5, np.zeros(n_queued, dtype=bool)])
    free = draw.uniform(0, 0.6, cluster.n_hosts) * cluster.ram_mb
    return made_problem(cluster, current.tolist(), draw.uniform(100, 1500, n).tolist(), free.tolist(), movable.tolist())


def parts_of(reason: str) -> Mapping[str, float]:
    """The scores by arm that a bandit's reason shows: "high deadline: layer 0.715, semantic 0.4"."""
    pairs: List[Tuple[str, str]] = [tuple(one.split()) for one in reason.partition(": ")[2].split(", ")]  # type: ignore[misc]
    return {name: float(value) for name, value in pairs}
