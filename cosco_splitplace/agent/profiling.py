"""A fragment measured by an agent on its host: it runs it on images of its own making and tells how long it took.

Every batch size is a run of its own, so that its peak memory is its own; the first micro-batch warms up.
"""

from __future__ import annotations

import math
import secrets
import statistics
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence

from ..errors import SplitPlaceError, require
from ..splitting.graphs.graph import TensorSpec
from ..splitting.measure import TIMED_BATCH, timing
from ..splitting.names import MANIFEST, fragment_file
from .client import AgentClient, AgentSilent
from .fragments import FAILED, FINISHED
from .names import MOST_CHUNKS
from .runtime import TOLD_CHUNKS

RUNS = 20  # of a batch size, after the warm-up; our choice
MEMORY_MB = 2000
PATIENCE_S = 600.0
LOOK_S = 5.0


class AgentMeasurement:
    """Measures fragments at an agent; an instance is a ``profiles.Measure``.

    Parameters
    ----------
    client : the agent.
    memory_mb : what a fragment may take there; 0: MEMORY_MB, or what there is.

    ``host`` says what the agent's host is. Raises SplitPlaceError if the agent does not answer.
    """

    def __init__(self, client: AgentClient, memory_mb: int = 0) -> None:
        self._client = client
        with _answering():
            self.host = client.host()
        self._memory_mb = memory_mb or min(MEMORY_MB, int(self.host["memory_mb"]))

    def __call__(
        self, folder: Path, index: int, _inputs: Sequence[TensorSpec], batches: Sequence[int], threads: int
    ) -> Mapping[str, Any]:
        """What ``measure.measure_fragment`` returns; raises SplitPlaceError if the agent can't run the fragment."""
        sizes = sorted({1, TIMED_BATCH, *batches})
        with _answering():
            records = [self._record(folder, index, batch, threads) for batch in sizes]
        timed = [_timing(batch, record) for batch, record in zip(sizes, records)]
        peaks = {one["batch"]: one["peak_rss_mb"] for one in timed}
        few, many = sizes[-2:]
        usual = next(one for one in timed if one["batch"] == TIMED_BATCH)
        return {
            "runtime_rss_mb": math.nan, "load_s": math.nan, "threads": int(records[0]["threads"]),
            "ram_base_mb": peaks[1],
            "ram_per_image_kb": round(max(0.0, (peaks[many] - peaks[few]) * 1024 / (many - few)), 2),
            "seconds_per_1000_images": round(usual["latency_ms"] / TIMED_BATCH, 4), "batches": timed,
        }  # fmt: skip

    def _record(self, folder: Path, index: int, batch: int, threads: int) -> Mapping[str, Any]:
        """The result record of one run of ``RUNS`` + 1 micro-batches of `batch` images."""
        client, name = self._client, f"profile-{secrets.token_hex(4)}"
        chunks = min(RUNS + 1, TOLD_CHUNKS, MOST_CHUNKS // batch)
        spec: Dict[str, Any] = {
            "manifest": client.put_artifact((folder / MANIFEST).read_bytes()),
            "weights": client.put_artifact((folder / fragment_file(index)).read_bytes()),
            "index": index, "chunks": chunks, "images_at_once": batch, "memory_mb": self._memory_mb,
            "cpus": float(threads), "made_up_images": batch * chunks,
        }  # fmt: skip
        client.create(name, spec)
        try:
            return self._result(name, f"fragment {index} of {folder} on batches of {batch} images")
        finally:
            client.delete(name)

    def _result(self, name: str, what: str) -> Mapping[str, Any]:
        incarnation, since, until = "", -1, time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            told = self._client.notifications(incarnation, since, LOOK_S)
            incarnation, since = told["incarnation"], told["version"]
            for one in told["fragments"]:
                if one["name"] == name and one["state"] == FINISHED:
                    result: Mapping[str, Any] = one["result"]
                    require("first_cpu_s" in result, f"the agent {self._client.url} is too old to be asked for a "
                            "profile; install this version of cosco-splitplace there", SplitPlaceError)  # fmt: skip
                    return result
                if one["name"] == name and one["state"] == FAILED:
                    raise SplitPlaceError(f"the agent {self._client.url} can't run {what}: {one['error']}")
        raise SplitPlaceError(f"the agent {self._client.url} did not finish {what} in {PATIENCE_S:.0f} s")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except AgentSilent as error:
        raise SplitPlaceError(f"the agent does not answer ({error}); is it up, and the address right?") from None


def _timing(batch: int, record: Mapping[str, Any]) -> Dict[str, Any]:
    told = timing(batch, record["first_compute_s"][1:], statistics.mean(record["first_cpu_s"][1:]))
    return {**told, "peak_rss_mb": round(float(record["peak_rss_mb"]), 1)}
