"""Payloads come out as they went in; a link's encoding is the faster one, as measured."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosco_splitplace.errors import PayloadError
from cosco_splitplace.pipeline import payload
from cosco_splitplace.pipeline.payload import (
    PLAIN,
    ZSTD,
    LinkCodec,
    Packed,
    compress,
    decode,
    decompress,
    digest,
    encode,
    joined,
    parted,
)


@given(arrays.arrays(st.sampled_from([np.uint8, np.float32]), arrays.array_shapes(min_dims=1, max_dims=4, max_side=6)))
def test_a_tensor_comes_out_as_it_went_in(tensor: np.ndarray) -> None:
    content = encode(tensor)
    found = decode(decompress(compress(content), len(content)))
    assert found.dtype == tensor.dtype and found.tobytes() == tensor.tobytes() and found.shape == tensor.shape


def test_a_name_is_that_of_the_content() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(encode(np.zeros(3))) == digest(encode(np.zeros(3))) != digest(encode(np.ones(3)))


def test_more_than_one_tensor_is_refused() -> None:
    from safetensors.numpy import save

    with pytest.raises(PayloadError, match="not one tensor"):
        decode(save({"activation": np.zeros(2), "other": np.zeros(2)}))


def sent(codec: LinkCodec, link_bytes_s: float, compress_bytes_s: float, ratio: float, times: int = 40) -> str:
    """Send payloads of 1 MB over such a link; the encoding that is chosen most at the end."""
    chosen = []
    for _ in range(times):
        encoding = codec.choose()
        chosen.append(encoding)
        wire = 1_000_000 * (ratio if encoding == ZSTD else 1.0)
        spent = 1_000_000 / compress_bytes_s if encoding == ZSTD else 0.0
        codec.measured(1_000_000, int(wire), spent, wire / link_bytes_s)
    last = chosen[-20:]
    return max(set(last), key=last.count)


@pytest.mark.parametrize(
    ("link", "best"), [(10e6, ZSTD), (100e6, ZSTD), (1000e6, PLAIN), (3000e6, PLAIN)]
)  # compressing at 400 MB/s to half the size pays below 200 MB/s
def test_the_encoding_that_gets_it_there_sooner_is_chosen(link: float, best: str) -> None:
    assert sent(LinkCodec(), link, 400e6, 0.5) == best


def test_a_link_that_gets_slower_is_noticed() -> None:
    codec = LinkCodec()
    assert sent(codec, 1000e6, 400e6, 0.5) == PLAIN
    assert sent(codec, 10e6, 400e6, 0.5) == ZSTD
    assert sent(codec, 1000e6, 400e6, 0.5, times=80) == PLAIN


@pytest.mark.parametrize("contents", [[], [b""], [b"a", b"", bytes(1000)]])
def test_what_is_joined_is_parted(contents: List[bytes]) -> None:
    assert parted(joined(contents)) == contents


@pytest.mark.parametrize("cut", [1, 7, 8, 12])
def test_what_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(PayloadError, match="where a content ends"):
        parted(joined([b"abcde"])[:cut])


def test_a_broadcast_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(payload, "compress", lambda content: calls.append(content) or bytes(3))
    packed = Packed(b"images")
    with ThreadPoolExecutor(5) as links:
        assert set(links.map(lambda _: packed.compressed(), range(5))) == {bytes(3)}
    assert calls == [b"images"] and packed.sha256 == digest(b"images")
