"""The fragment runtime: ``python -m cosco_splitplace.agent.runtime FOLDER`` runs the fragment in a workspace.

It streams: each input is answered as soon as it is there, so that the next fragment works on the first micro-batch
while this one works on the second. Only one micro-batch is in memory, and torch is given at most ``images_at_once`` of
it. Started again in the same folder, it goes on after the last output that is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import PayloadError
from ..pipeline.payload import TENSOR
from ..splitting.artifact_folders import storable
from ..splitting.artifacts import input_tensors, load_fragment
from ..splitting.graphs.graph import payload_names
from ..splitting.graphs.module import GraphModule
from ..splitting.measure import peak_rss_kb
from .allocation import reuse_freed_memory
from .workspace import OUTPUT_BELL, Workspace

TOLD_CHUNKS = 64  # of so many, the first ones, the result record says how long each took; for profiles
DONE, FAILED, STOPPED = 0, 1, 75  # exit codes; 75 is EX_TEMPFAIL: to be gone on with


class _Stop:
    """SIGTERM ends the work after the micro-batch that it is at."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: Any) -> None:
        self.asked = True


def run_fragment(folder: Path) -> int:
    """Run the fragment in `folder` to its end, or until SIGTERM; returns the exit code."""
    reuse_freed_memory()
    stop, workspace = _Stop(), Workspace(folder)
    spec = workspace.spec()
    torch.set_num_threads(max(1, int(spec["cpus"])))
    module = load_fragment(folder / "artifact", spec["index"])
    done = workspace.outputs()
    digests = workspace.begin_digests(done)
    record: Dict[str, Any] = {
        "resumed_at": done, "images": 0, "bytes_in": 0, "bytes_out": 0, "compute_s": 0.0, "wait_s": 0.0,
        "first_compute_s": [], "first_cpu_s": [],
    }  # fmt: skip
    began = time.monotonic()
    for chunk in range(done, spec["chunks"]):
        waiting = time.monotonic()
        if spec.get("made_up_images"):
            _make_up(workspace, chunk, spec)
        while not workspace.wait_for_input(chunk):
            if stop.asked:
                return STOPPED
        record["wait_s"] += time.monotonic() - waiting
        if not workspace.started():
            workspace.mark_started()
            workspace.ring(OUTPUT_BELL)
        digests.append(_answer(workspace, module, chunk, spec["images_at_once"], record))
        if stop.asked:
            return STOPPED
    record["wall_s"] = time.monotonic() - began
    _write_result(workspace, spec, record, digests)
    return DONE


def _answer(
    workspace: Workspace, module: torch.nn.Module, chunk: int, images_at_once: int, record: Dict[str, Any]
) -> str:
    path = workspace.input(chunk)
    tensors = _read(path, getattr(module, "input_names", (TENSOR,)))
    record["images"] += len(tensors[0])
    record["bytes_in"] += path.stat().st_size
    began, cpu_began = time.monotonic(), time.process_time()
    with torch.inference_mode():
        answers = run_parts(module, tensors, images_at_once)
    compute_s = time.monotonic() - began
    record["compute_s"] += compute_s
    if len(record["first_compute_s"]) < TOLD_CHUNKS:
        record["first_compute_s"].append(compute_s)
        record["first_cpu_s"].append(time.process_time() - cpu_began)
    tensors.clear()  # their file may be removed from now on, and CRIU freezes no removed file of that size
    content = payload(module, answers)
    digest = hashlib.sha256(content).hexdigest()
    workspace.add_digest(digest)
    record["bytes_out"] += len(content)
    target = workspace.output(chunk)
    draft = target.with_name(f".{target.name}")
    draft.write_bytes(content)
    os.replace(draft, target)
    workspace.ring(OUTPUT_BELL)
    return digest


def run_parts(module: torch.nn.Module, tensors: List[torch.Tensor], images_at_once: int) -> List[torch.Tensor]:
    """What the fragment makes of its inputs, at most so many images at once; takes the tensors out of their list."""
    parts = [list(part) for part in zip(*(torch.split(one, images_at_once) for one in tensors))]
    tensors.clear()
    made: List[Sequence[torch.Tensor]] = []
    while parts:
        part = parts.pop(0)
        made.append(module.run(part) if isinstance(module, GraphModule) else (module(*part),))
    return [one[0] if len(one) == 1 else torch.cat(one) for one in zip(*made)]


def payload(module: torch.nn.Module, answers: List[torch.Tensor]) -> bytes:
    """What a fragment has made, as safetensors; takes the tensors out of their list."""
    named = storable(dict(zip(getattr(module, "output_names", (TENSOR,)), answers)))
    answers.clear()
    content: bytes = save(named)
    return content


def _make_up(workspace: Workspace, chunk: int, spec: Dict[str, Any]) -> None:
    """An input of random numbers of the shape that the fragment takes: COSCO's opcodes bring no data."""
    size = -(-spec["made_up_images"] // spec["chunks"])
    count = min(size, spec["made_up_images"] - chunk * size)
    generator = torch.Generator().manual_seed(chunk)
    specs = input_tensors(workspace.path / "artifact", spec["index"])
    tensors = {name: one.random(count, generator) for name, one in zip(payload_names(specs), specs)}
    draft = workspace.path / f".input-{chunk}"
    draft.write_bytes(save(tensors))
    os.replace(draft, workspace.input(chunk))


def _read(path: Path, names: Sequence[str]) -> List[torch.Tensor]:
    """The tensors of these names in a payload, mapped, not copied."""
    try:
        with safe_open(str(path), framework="pt") as file:
            if set(file.keys()) != set(names):
                raise PayloadError(f"input {path.name} holds {sorted(file.keys())}, not {sorted(names)}")
            return [file.get_tensor(name) for name in names]
    except SafetensorError as error:
        raise PayloadError(f"input {path.name} is no safetensors ({error})") from None


def _write_result(workspace: Workspace, spec: Dict[str, Any], record: Dict[str, Any], digests: List[str]) -> None:
    """The result record; ``output_sha256`` is the hash of the outputs' hashes, in order."""
    usage = os.times()
    record.update(
        chunks=spec["chunks"],
        cpu_s=usage.user + usage.system,
        peak_rss_mb=peak_rss_kb() / 1024,
        output_sha256=hashlib.sha256("".join(digests).encode("ascii")).hexdigest(),
        torch=str(torch.__version__),
        threads=torch.get_num_threads(),
    )
    draft = workspace.path / ".result.json"
    draft.write_text(json.dumps(record), encoding="utf-8")
    os.replace(draft, workspace.path / "result.json")
    workspace.ring(OUTPUT_BELL)


def main(arguments: List[str]) -> int:
    """Run the fragment in the folder that the argument names; what goes wrong is the last line of its log."""
    try:
        return run_fragment(Path(arguments[0]))
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
