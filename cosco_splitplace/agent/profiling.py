"""A fragment measured by an agent on its host: it runs it on images of its own making and tells how long it took.

Every batch size is a run of its own, so that its peak memory is its own; the first micro-batch warms up.
"""

from __future__ import annotations

import logging
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
from .held import FAILED, FINISHED
from .names import MOST_CHUNKS
from .runtime import TOLD_CHUNKS

logger = logging.getLogger(__name__)

RUNS = 20  # of a batch size, after the warm-up; our choice
PROBE = 4  # images at once that tell what more would take
ROOM = 0.9  # of a fragment's memory may be taken by what that says; our choice
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
        """What ``measure.measure_fragment`` returns; raises SplitPlaceError if the agent can't run the fragment.

        Sizes that would not fit into its memory are left out, which is said: images of a photo's size take megabytes.
        """
        with _answering():
            timed = {batch: self._timing(folder, index, batch, threads) for batch in (1, PROBE)}
            base_mb, probe_mb = (timed[batch]["peak_rss_mb"] for batch in (1, PROBE))
            image_mb = max(0.0, probe_mb - base_mb) / (PROBE - 1)
            for batch in sorted({*batches, TIMED_BATCH} - {1, PROBE}):
                if base_mb + batch * image_mb <= ROOM * self._memory_mb:
                    timed[batch] = self._timing(folder, index, batch, threads)
                elif batch in batches:
                    logger.warning("fragment %d on %d images at once is left out: it would take about %.0f MB, and may "
                                   "take %d there; --memory-mb gives it more", index, batch, base_mb + batch * image_mb,
                                   self._memory_mb)  # fmt: skip
        few, many = sorted(timed)[-2:]
        usual = max(batch for batch in timed if batch <= TIMED_BATCH)
        grown_mb = timed[many]["peak_rss_mb"] - timed[few]["peak_rss_mb"]
        return {
            "runtime_rss_mb": math.nan, "load_s": math.nan, "threads": threads, "ram_base_mb": base_mb,
            "ram_per_image_kb": round(max(0.0, grown_mb * 1024 / (many - few)), 2),
            "seconds_per_1000_images": round(timed[usual]["latency_ms"] / usual, 4),
            "batches": [timed[batch] for batch in sorted(timed)],
        }  # fmt: skip

    def _timing(self, folder: Path, index: int, batch: int, threads: int) -> Dict[str, Any]:
        record = self._record(folder, index, batch, threads)
        told = timing(batch, record["first_compute_s"][1:], statistics.mean(record["first_cpu_s"][1:]))
        return {**told, "peak_rss_mb": round(float(record["peak_rss_mb"]), 1)}

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
