"""A payload: the tensor of one micro-batch as safetensors, named by its SHA-256, compressed where the link is slow.

The name is that of the uncompressed content, so that both ends agree whatever a link makes of it. Nothing here imports
torch: an agent passes payloads on without looking into them.
"""
from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Union

import numpy as np
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import PayloadError

Content = Union[bytes, memoryview]
TENSOR = "activation"
PLAIN, ZSTD = "identity", "zstd"
LENGTH = 8  # bytes of a length
LEVEL = 1  # on activations level 3 takes twice the time and saves 3 %


def encode(tensor: NDArray[Any]) -> bytes:
    """The content of a payload: `tensor` as safetensors."""
    return bytes(save({TENSOR: np.ascontiguousarray(tensor)}))


def decode(content: bytes) -> NDArray[Any]:
    """The tensor in `content`.

    Raises
    ------
    PayloadError
        It is no safetensors, or holds something else than one tensor of that name.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise PayloadError(f"a payload of {len(content)} bytes is no safetensors ({error})") from None
    if set(tensors) != {TENSOR}:
        raise PayloadError(f"a payload holds {sorted(tensors)}, not one tensor {TENSOR!r}")
    tensor: NDArray[Any] = tensors[TENSOR]
    return tensor


def digest(content: Content) -> str:
    """The name of a payload: the SHA-256 of its content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Packed:
    """A content for several links: its SHA-256, and its compressed form, which is made once, for whoever asks first."""

    def __init__(self, content: bytes) -> None:
        self.content, self.sha256 = content, digest(content)
        self._compressed: Optional[bytes] = None
        self._lock = threading.Lock()

    def compressed(self) -> bytes:
        """`compress` of the content."""
        with self._lock:
            if self._compressed is None:
                self._compressed = compress(self.content)
            return self._compressed


def joined(contents: Sequence[bytes]) -> bytes:
    """Several contents as one body: each after its length, 8 bytes, little endian."""
    return b"".join(part for one in contents for part in (len(one).to_bytes(LENGTH, "little"), one))


def parted(body: bytes) -> List[bytes]:
    """What was `joined`.

    Raises
    ------
    PayloadError
        It is cut short.
    """
    found, at = [], 0
    while at < len(body):
        end = at + LENGTH + int.from_bytes(body[at : at + LENGTH], "little")
        if end > len(body):
            raise PayloadError(f"{len(body)} bytes came, where a content ends at {end}")
        found.append(body[at + LENGTH : end])
        at = end
    return found


def compress(content: bytes) -> bytes:
    """`content` as a zstd frame that says how long it is."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(content)


def decompress(body: Content, most_bytes: int) -> bytes:
    """The content of a zstd frame.

    Raises
    ------
    PayloadError
        It is none, is cut short, or would grow beyond `most_bytes`.
    """
    try:
        size = zstandard.frame_content_size(body)
        if not 0 <= size <= most_bytes:
            raise PayloadError(f"a compressed payload says that it holds {size} bytes; {most_bytes} are allowed")
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=most_bytes)
    except zstandard.ZstdError as error:
        raise PayloadError(f"a compressed payload is damaged ({error})") from None


@dataclass
class LinkCodec:
    """Which encoding gets a payload across one link sooner, by what was measured on it.

    Compressing pays where size / speed of the link falls by more than compressing takes: on 10 MB/s nearly always, on
    loopback never. Both are tried before one is chosen, and the other is tried again now and then.
    """

    link_bytes_s: float = 0.0
    compress_bytes_s: float = 0.0
    ratio: float = 0.0
    sent: int = 0

    NEWEST = 0.3  # weight of the newest measurement; our choice
    AGAIN = 64  # payloads after which the encoding that is not in use is tried again; our choice

    def choose(self) -> str:
        """The encoding for the next payload."""
        if not self.link_bytes_s:
            return PLAIN
        if not self.compress_bytes_s:
            return ZSTD
        plain_s = 1 / self.link_bytes_s
        zstd_s = 1 / self.compress_bytes_s + self.ratio / self.link_bytes_s
        faster, slower = (ZSTD, PLAIN) if zstd_s < plain_s else (PLAIN, ZSTD)
        return slower if self.sent % self.AGAIN == self.AGAIN - 1 else faster

    def measured(self, content: int, on_wire: int, compressing_s: float, sending_s: float) -> None:
        """A payload of `content` bytes crossed the link as `on_wire` bytes in `sending_s`."""
        self.sent += 1
        self.link_bytes_s = self._mean(self.link_bytes_s, on_wire / max(sending_s, 1e-6))
        if compressing_s > 0:
            self.compress_bytes_s = self._mean(self.compress_bytes_s, content / compressing_s)
            self.ratio = self._mean(self.ratio, on_wire / content)

    def _mean(self, before: float, newest: float) -> float:
        return newest if not before else before + self.NEWEST * (newest - before)
