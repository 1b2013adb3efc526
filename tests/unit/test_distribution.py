"""Container images to all hosts: by hand, over real sizes, and what the decider needs."""
from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.config import Settings
from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.distribution import distribute, splits_of
from cosco_splitplace.errors import DataFileError

STILL = Settings().replace(cluster={"hosts": 10, "mobility": False})


@pytest.mark.parametrize(
    ("decider", "splits"),
    [("mab", ("layer", "semantic")), ("gillis", ("layer", "compressed")), ("compressed", ("compressed",)),
     ("unsplit", ("unsplit",)), ("deadline", ("layer", "semantic")), ("a:B", ("layer", "semantic", "compressed"))],
)  # fmt: skip
def test_what_a_decider_may_choose(decider: str, splits: "tuple[str, ...]") -> None:
    assert splits_of(STILL.replace(run={"decider": decider})) == splits


def test_the_sizes_are_those_of_the_shipped_files() -> None:
    found = distribute(STILL)
    files = [path for split in ("layer", "semantic") for path in Path(DATA_DIR, "artifacts").glob(f"*/{split}/*.safe*")]
    assert found.images == len(files) == 27
    assert found.megabytes == pytest.approx(sum(path.stat().st_size for path in files) / 1e6)


def test_ten_hosts_share_the_brokers_link_by_hand() -> None:
    found = distribute(STILL.replace(images={"base_mb": 100.0}, run={"decider": "compressed"}))
    # 40 MB/s of the broker for ten hosts; 1 ms of the broker and 2 or 3 of the host come first
    assert found.seconds == pytest.approx(found.megabytes * 10 / 40 + 0.004, abs=0.002)
    assert found.per_host_s.shape == (10,) and found.per_host_s.min() > found.seconds - 0.01
    alone = distribute(STILL.replace(cluster={"hosts": 1}, images={"base_mb": 100.0}, run={"decider": "compressed"}))
    assert alone.seconds == pytest.approx(found.megabytes / 10 + 0.003, abs=0.001)  # the host's own 10 MB/s


def test_a_slow_link_takes_intervals_and_a_cloud_longer() -> None:
    edge = Settings().replace(images={"sizes": "paper"}, run={"decider": "compressed"})
    cloud = edge.replace(cluster={"location": "cloud"})
    assert distribute(edge).megabytes == 14 + 56 + 76
    assert distribute(cloud).seconds == pytest.approx(distribute(edge).seconds * 40 / 2.67, rel=0.01)


def test_moving_hosts_get_theirs_over_their_own_links() -> None:
    still = Settings().replace(cluster={"mobility": False, "hosts": 4}, images={"base_mb": 2000.0})
    moving = still.replace(cluster={"mobility": True, "mobility_file": "sumo"})
    calm, slow = distribute(still).per_host_s, distribute(moving).per_host_s
    assert (slow[1::2] > calm[1::2] * 1.2).all() and slow[0] == pytest.approx(calm[0], rel=0.01)


def test_an_application_without_a_size_in_the_paper_is_named(tmp_path: Path) -> None:
    content = (DATA_DIR / "apps.json").read_text().replace('"MNIST":', '"Kuzushiji":', 1)
    path = tmp_path / "apps.json"
    path.write_text(content)
    assert "Kuzushiji" in load_catalogue(str(path))
    with pytest.raises(DataFileError, match=r"no image size of 'Kuzushiji', only of MNIST, FashionMNIST, CIFAR100"):
        distribute(STILL.replace(arrivals={"apps_file": str(path)}, images={"sizes": "paper"}))
