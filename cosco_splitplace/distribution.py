"""The one-time event before a run: the broker sends every host the container images of all fragments (section 3).

They cross the simulated links of the run's first intervals, all hosts at once; nothing else is on the links.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from .arrivals.catalogue import Application, SplitProfile, load_catalogue
from .cluster import load_cluster
from .config import PAPER, Settings
from .datafiles import DATA_DIR, field, read_json
from .errors import DataFileError
from .records import COMPRESSED, LAYER, SEMANTIC, SPLITS, UNSPLIT, FloatArray, Fragment, StartOrder, Transfer
from .simulation import simulated_backend

REMEDY = "reinstall cosco-splitplace (image-sizes.json is hand-written from section 6.2)"
BYTES_PER_MB = 1e6
LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True)
class Distribution:
    """How long the images take: ``seconds`` until the last host has all, ``per_host_s`` (n_hosts,) for each.

    ``megabytes`` go to each host, in ``images`` images, for these ``splits`` of every application.
    """

    splits: Tuple[str, ...]
    images: int
    megabytes: float
    seconds: float
    per_host_s: FloatArray


def distribute(settings: Settings) -> Distribution:
    """Send every host the images that the decider of `settings` may ask for.

    Raises
    ------
    SplitPlaceError
        A data file is missing or damaged, or holds no size of an application's images.
    """
    cluster = load_cluster(settings.cluster)
    splits = splits_of(settings)
    applications = load_catalogue(settings.arrivals.apps_file, settings.arrivals.applications)
    sizes = [one for application in applications.values() for one in _sizes_mb(application, splits, settings)]
    megabytes = settings.images.base_mb + sum(sizes)
    backend = simulated_backend(settings.replace(churn={"stay_intervals": 0.0}), cluster)
    backend.snapshot()  # the hosts' links are those of interval 0
    backend.start([StartOrder(_parcel(host, megabytes), host) for host in range(cluster.n_hosts)])
    backend.send([Transfer(host, cluster.n_hosts, host, megabytes) for host in range(cluster.n_hosts)])
    arrived: FloatArray = np.full(cluster.n_hosts, math.nan)
    interval = 0
    while np.isnan(arrived).any() and backend.clock.now_s < LONGEST_S:
        interval += 1
        backend.clock.wait_until(interval * settings.run.interval_s)
        arrived = np.array([backend.times(host).started_s for host in range(cluster.n_hosts)])
        backend.snapshot()
    return Distribution(splits, len(sizes), megabytes, float(arrived.max()), arrived)


def splits_of(settings: Settings) -> Tuple[str, ...]:
    """The splits that the decider of `settings` may choose: all, where it is none of ours."""
    known: Mapping[str, Sequence[str]] = {
        "layer": (LAYER,), "semantic": (SEMANTIC,), "compressed": (COMPRESSED,), "unsplit": (UNSPLIT,),
        "gillis": (LAYER, COMPRESSED), "deadline": settings.deadline.splits,
        "deadline-training": settings.deadline.splits,
        **dict.fromkeys(("random", "mab", "mab-training"), (LAYER, SEMANTIC)),
    }  # fmt: skip
    return tuple(known.get(settings.run.decider, SPLITS))


def _sizes_mb(application: Application, splits: Sequence[str], settings: Settings) -> List[float]:
    """Of the images of one application, in MB."""
    profiles = [application.split(one) for one in splits]
    if settings.images.sizes != PAPER:
        return [fragment.weights_bytes / BYTES_PER_MB for split in profiles for fragment in split.fragments]
    ranges = _paper_ranges()
    if application.name not in ranges:
        raise DataFileError(
            f"the paper gives no image size of {application.name!r}, only of {', '.join(ranges)}; "
            "set images.sizes = \"artifacts\""
        )
    return [size for split in profiles for size in _of_range(split, *ranges[application.name])]


def _of_range(split: SplitProfile, low: float, high: float) -> List[float]:
    """The middle of the paper's range for a fragment; its upper end for a network in one container (our choice)."""
    count = len(split.fragments)
    return [high] if count == 1 else [(low + high) / 2] * count


def _paper_ranges() -> Dict[str, Tuple[float, float]]:
    path = DATA_DIR / "image-sizes.json"
    ranges = field(read_json(path, REMEDY), "megabytes", dict, path, REMEDY)
    return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}


def _parcel(host: int, megabytes: float) -> Fragment:
    """What stands for all images on their way to one host: nothing runs, nothing comes back."""
    return Fragment(
        fragment_id=host, task_id=host, index=0, split=LAYER, depends_on=(), is_last=False, work_mi=0.0, ram_mb=0.0,
        input_mb=megabytes, output_mb=0.0,
    )  # fmt: skip
