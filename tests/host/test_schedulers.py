"""COSCO's own schedulers in our loop, and ours in COSCO's."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
import torch
from host_parts import entered, responses, small

from cosco_splitplace.bridge import bundled
from cosco_splitplace.bridge.gobi_checkpoints import own_checkpoint
from cosco_splitplace.bridge.gobi_training import train_gobi
from cosco_splitplace.bridge.running import refuse_unbuildable, simulate_inside
from cosco_splitplace.bridge.scheduler_placer import SchedulerError
from cosco_splitplace.errors import ConfigurationError, DataFileError, ResultExistsError, UnknownNameError


@pytest.fixture()
def real(real_root: Path) -> Iterator[Path]:
    """A copy of the real checkout, in use."""
    with entered(real_root) as root:
        yield root


@pytest.fixture()
def root(cosco_root: Path) -> Iterator[Path]:
    with entered(cosco_root):
        yield cosco_root


def names_in_checkout() -> List[str]:
    """COSCO's schedulers where a real checkout is given."""
    home = os.environ.get("COSCO_HOME")
    return [one.name for one in bundled.bundled_schedulers(Path(home).expanduser())] if home else ["none"]


@pytest.mark.parametrize("name", names_in_checkout())
def test_every_bundled_scheduler_runs(real: Path, name: str) -> None:
    """12 intervals at 10 hosts; how long each takes ``benchmarks/cosco_schedulers.py`` tells."""
    before = files_of(real)
    result, parts = simulate_inside(small(f"cosco/{name}"), real)
    assert result.intervals_done == 12
    assert sum(one.placed_fragments for one in result.intervals) > 0
    assert type(parts.scheduler).__module__.startswith("scheduler.")
    assert files_of(real) == before


def files_of(root: Path) -> Dict[str, int]:
    """All files but compiled ones, with their sizes."""
    every = [one for one in root.rglob("*") if one.is_file() and "__pycache__" not in one.parts]
    return {str(one.relative_to(root)): one.stat().st_size for one in every}


def test_there_are_25_of_them(real_root: Path) -> None:
    assert len(bundled.bundled_schedulers(real_root)) == 25
    assert {"GOBI", "GOBI2", "POND", "GA", "IQRMMTR", "LRMMTR", "Random"} <= set(names_in_checkout())


@pytest.mark.parametrize("name", ["GOBI", "Random", "IQRMMTR"])
def test_a_seed_repeats_a_run(real: Path, name: str) -> None:
    first, second = (simulate_inside(small(f"cosco/{name}", intervals=6), real)[0] for _ in range(2))
    other = simulate_inside(small(f"cosco/{name}", intervals=6, seed=8), real)[0]
    assert [one.objective for one in first.intervals] == pytest.approx(
        [one.objective for one in second.intervals], rel=0, abs=0, nan_ok=True
    )
    assert responses(first) == responses(second)
    assert [one.arrived for one in first.intervals] != [one.arrived for one in other.intervals]


def test_gobi_sees_pages_of_as_many_containers_as_hosts(real: Path) -> None:
    settings = small("cosco/GOBI", intervals=8).replace(arrivals={"rate": 4.0})
    result, parts = simulate_inside(settings, real)
    assert max(one.active_fragments for one in result.intervals) > 10
    assert parts.environment.containerlimit == 10
    assert {len(one["hostalloc"]) % 10 for one in parts.stats.activecontainerinfo} == {0}


def test_a_missing_checkpoint_is_never_an_untrained_model(real: Path) -> None:
    for name, remedy in {"GOBI": "train gobi --cosco", "GOBI2": "--scheduler GOBI2", "HGP": "train.py"}.items():
        for one in [*real.glob("scheduler/*/checkpoints/energy_latency*_10*")]:
            one.unlink()
        with pytest.raises(DataFileError, match="no trained model for 10 hosts") as error:
            bundled.build(real, name, 10)
        assert remedy in str(error.value)


def test_training_goes_to_the_cache_and_is_found(real: Path) -> None:
    checkpoint = real / "scheduler" / "BaGTI" / "checkpoints" / "energy_latency_10_Trained.ckpt"
    settings = small("random", intervals=30)
    with pytest.raises(ResultExistsError, match="not overwritten"):
        train_gobi(settings, real, "GOBI", write=True)
    checkpoint.unlink()
    before = files_of(real)
    training = train_gobi(settings, real, "GOBI")
    assert training.files == (own_checkpoint("energy_latency_10"),)
    assert files_of(real) == before
    try:
        assert bundled.build(real, "GOBI", 10).checkpoint == str(training.files[0])
        training.files[0].write_bytes(b"no checkpoint")
        with pytest.raises(DataFileError, match="is damaged"):
            bundled.build(real, "GOBI", 10)
    finally:
        training.files[0].unlink()
    written = train_gobi(settings, real, "GOBI", write=True)
    own_checkpoint("energy_latency_10").unlink()
    assert checkpoint in written.files
    assert bundled.build(real, "GOBI", 10).checkpoint.endswith("energy_latency_10_Trained.ckpt")
    with pytest.raises(ConfigurationError, match="no surrogate that can be trained"):
        train_gobi(settings, real, "Random")


def test_missing_checkpoint_of_the_stand_in(anchored: Path) -> None:
    with entered(anchored), pytest.raises(DataFileError, match="silently use an untrained one"):
        refuse_unbuildable([small("cosco/GOBI")], anchored)


def test_a_checkpoint_makes_it_run(standin_root: Path) -> None:
    with entered(standin_root):
        model = bundled.build(standin_root, "GOBI", 10, untrained=True).scheduler.model
        folder = standin_root / "scheduler" / "BaGTI" / "checkpoints"
        folder.mkdir()
        torch.save({"model_state_dict": model.state_dict()}, folder / "energy_latency_10_Trained.ckpt")
        result, parts = simulate_inside(small("cosco/GOBI"), standin_root)
        assert parts.checkpoint.endswith("energy_latency_10_Trained.ckpt")
        assert sum(one.placed_fragments for one in result.intervals) > 0


def test_hosts_without_a_model(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="models for 10 or 50 hosts only, not for 20; give --hosts 10 or 50"):
        bundled.build(root, "GOBI", 20)


@pytest.mark.parametrize("name", ["Random", "RF", "RL"])
def test_schedulers_without_a_model_take_any_number_of_hosts(root: Path, name: str) -> None:
    settings = small(f"cosco/{name}", intervals=5).replace(cluster={"hosts": 7})
    result, _ = simulate_inside(settings, root)
    assert result.intervals_done == 5


def test_names(root: Path) -> None:
    assert bundled.resolve(root, "Random").placer == "cosco/Random"  # COSCO's, exactly so written
    assert bundled.resolve(root, "random").placer == "random"  # ours
    assert bundled.resolve(root, "GOBI").placer == "cosco/GOBI"
    assert bundled.resolve(root, "M+G").placer == "gobi"
    assert (bundled.resolve(root, "SplitPlace").decider, bundled.resolve(root, "DASO").placer) == ("mab", "daso")
    assert bundled.resolve(root, "RF").decider == "mab"
    assert bundled.model_name_inside(root, "layer", "cosco/RF") == "layer+cosco/RF"
    with pytest.raises(UnknownNameError, match=r"unknown scheduler 'GOBY'; known: .*GOBI.*Random.*SplitPlace"):
        bundled.resolve(root, "GOBY")


def test_a_scheduler_that_fails(root: Path) -> None:
    (root / "scheduler" / "Broken.py").write_text(
        "from .Scheduler import *\n\nclass BrokenScheduler(Scheduler):\n"
        "    def placement(self, ids):\n        raise KeyError('no')\n"
    )
    bundled.bundled_schedulers.cache_clear()
    with pytest.raises(SchedulerError, match="COSCO's BrokenScheduler failed in interval 1: KeyError: 'no'"):
        simulate_inside(small("cosco/Broken"), root)


def test_decisions_on_hosts_that_do_not_exist_are_left_out(root: Path) -> None:
    (root / "scheduler" / "Astray.py").write_text(
        "from .Scheduler import *\n\nclass AstrayScheduler(Scheduler):\n"
        "    def filter_placement(self, decision):\n        return decision\n\n"
        "    def placement(self, ids):\n        return [(one, host) for one in ids for host in (-1, 99)] + [(79, 0)]\n"
    )
    bundled.bundled_schedulers.cache_clear()
    result, _ = simulate_inside(small("cosco/Astray"), root)
    assert result.outcomes == []


def test_ours_from_coscos_own_code(root: Path) -> None:
    from cosco_splitplace.scheduler import DASOScheduler, SplitPlaceScheduler

    assert [one.__name__ for one in DASOScheduler.__mro__[:3]] == ["DASOScheduler", "SplitPlaceScheduler", "Scheduler"]
    with pytest.raises(RuntimeError, match="works in a SplitPlaceSimulator"):
        DASOScheduler().placer  # noqa: B018
    with pytest.raises(UnknownNameError):
        SplitPlaceScheduler("nobody")
