"""What a fragment makes of a batch, written part by part into the payload that leaves it.

safetensors' own ``save`` holds all tensors three times: as they were made, as bytes, and in the file's content. Here
the content is there from the first part on, and each part is copied to its place; it is what ``save`` would write.
"""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List, Sequence, Tuple

import torch

from ..pipeline.payload import TENSOR
from ..splitting.graphs.module import GraphModule

__all__ = ["answer"]

# Types in the order in which the writer of the safetensors format puts them into a file.
_TYPES = {
    torch.int64: "I64", torch.float64: "F64", torch.float32: "F32", torch.int32: "I32", torch.bfloat16: "BF16",
    torch.float16: "F16", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_ALIGNED = 8  # bytes, to which the header is filled up with spaces


def answer(module: torch.nn.Module, tensors: List[torch.Tensor], images_at_once: int) -> bytearray:
    """The payload that `module` makes of its inputs, at most so many images at once; empties the list of inputs."""
    images, start = len(tensors[0]), 0
    parts = [list(part) for part in zip(*(torch.split(one, images_at_once) for one in tensors))]
    tensors.clear()
    content, places = bytearray(), list[torch.Tensor]()
    while parts:
        given = parts.pop(0)
        end = start + len(given[0])
        made = list(module.run(given) if isinstance(module, GraphModule) else (module(*given),))
        if not start:
            content, places = _laid_out(getattr(module, "output_names", (TENSOR,)), made, images)
        for place in places:
            place[start:end] = made.pop(0)
        start = end
    return content


def _laid_out(
    names: Sequence[str], made: Sequence[torch.Tensor], images: int
) -> Tuple[bytearray, List[torch.Tensor]]:
    """The content for so many images, still without numbers, and the place of each tensor in it."""
    order = list(_TYPES)
    header: Dict[str, Any] = {}
    size = 0
    for name, one in sorted(zip(names, made), key=lambda pair: (order.index(pair[1].dtype), pair[0])):
        shape = (images, *one.shape[1:])
        begin, size = size, size + math.prod(shape) * one.element_size()
        header[name] = {"dtype": _TYPES[one.dtype], "shape": shape, "data_offsets": (begin, size)}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % _ALIGNED)
    head = len(text).to_bytes(8, "little") + text
    content = bytearray(len(head) + size)  # zeroed memory is not resident until it is written
    content[: len(head)] = head

    def place(name: str, dtype: torch.dtype) -> torch.Tensor:
        begin, end = header[name]["data_offsets"]
        if begin == end:
            return torch.empty(header[name]["shape"], dtype=dtype)
        count = (end - begin) // dtype.itemsize
        whole = torch.frombuffer(content, dtype=dtype, offset=len(head) + begin, count=count)
        return whole.view(header[name]["shape"])

    return content, [place(name, one.dtype) for name, one in zip(names, made)]
