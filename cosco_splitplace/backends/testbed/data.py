"""What tasks are made of on real hosts: their images, their networks' files, and what came back."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ...arrivals.catalogue import Application
from ...pipeline.inference import load_network
from ...pipeline.payload import TENSOR, Packed, encode
from ...records import Fragment, Task
from ...splitting.datasets import ImageSet, load_images
from ...splitting.names import MANIFEST, fragment_file
from ...splitting.split_network import BRANCHES, SplitNetwork
from ...threads import limited_threads

CLOSE = 1e-5  # by which a logit may differ from that of the same network run in one piece


class Answer(NamedTuple):
    """What a task's results are worth: the share of right answers, and the largest difference from one piece."""

    accuracy: float
    difference: float
    same_classes: bool


@lru_cache(maxsize=8)
def _images(application: str, source: str) -> ImageSet:
    return load_images(application, source=source, train=False)


class TaskData:
    """Images, artifacts and results of a run's tasks.

    Parameters
    ----------
    applications : the catalogue.
    folder : where results are kept, one file a last fragment.
    micro_batch : images in one payload.
    """

    def __init__(self, applications: Mapping[str, Application], folder: Path, micro_batch: int) -> None:
        self._applications, self._folder, self.micro_batch = applications, folder, micro_batch
        folder.mkdir(parents=True, exist_ok=True)
        self._making = threading.Lock()
        self._chunks: Dict[int, List[Packed]] = {}  # of the last tasks

    def network(self, task: Task, split: str) -> SplitNetwork:
        """The split network of a task."""
        return load_network(self._applications[task.application].split(split).artifact)

    def files(self, task: Task, fragment: Fragment) -> Tuple[bytes, bytes]:
        """Manifest and weights of a fragment."""
        folder = self._applications[task.application].split(fragment.split).artifact
        return (folder / MANIFEST).read_bytes(), (folder / fragment_file(fragment.index)).read_bytes()

    def images(self, task: Task) -> Tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """A task's images and their labels: drawn from the held-out ones with the task's own seed."""
        held_out = _images(task.application, self._applications[task.application].data_source)
        chosen = np.random.default_rng(task.image_seed).integers(len(held_out.test_images), size=task.batch_images)
        return held_out.test_images[chosen], held_out.test_labels[chosen]

    def n_chunks(self, task: Task) -> int:
        """How many payloads its images make."""
        return -(-task.batch_images // self.micro_batch)

    def chunks(self, task: Task) -> Sequence[Packed]:
        """Its images as payloads."""
        with self._making:  # several links ask for the same task at once
            if task.task_id not in self._chunks:
                images = self.images(task)[0]
                starts = range(0, len(images), self.micro_batch)
                while len(self._chunks) >= 8:
                    del self._chunks[next(iter(self._chunks))]
                self._chunks[task.task_id] = [Packed(encode(images[at : at + self.micro_batch])) for at in starts]
            return self._chunks[task.task_id]

    def keep_result(self, fragment_id: int, parts: Sequence[NDArray[np.float32]]) -> None:
        """Keep what a last fragment put out."""
        path = self._path(fragment_id)
        draft = path.with_suffix(f".{os.getpid()}.new")
        save_file({TENSOR: np.concatenate(parts)}, str(draft))
        os.replace(draft, path)

    def answer(self, task: Task, split: str, last_fragments: Sequence[int], verify: bool) -> Answer:
        """What came back, put together by the plan's concat, against the labels and against the network in one piece.

        Parameters
        ----------
        last_fragments : whose outputs make the result, in order.
        verify : whether to run the network in one piece; the difference is else 0.
        """
        network = self.network(task, split)
        parts = [load_file(str(self._path(one)))[TENSOR] for one in last_fragments]
        images, labels = self.images(task)
        logits = parts[0]
        if network.structure == BRANCHES:
            order = np.argsort(np.concatenate(network.class_groups))
            logits = np.concatenate(parts, axis=1)[:, order]
        found = logits.argmax(axis=1)
        accuracy = float(np.mean(found == labels))
        if not verify:
            return Answer(accuracy, 0.0, True)
        with limited_threads(1):
            whole = network.logits(images, self.micro_batch)
        return Answer(accuracy, float(np.abs(whole - logits).max()), bool(np.array_equal(whole.argmax(axis=1), found)))

    def _path(self, fragment_id: int) -> Path:
        return self._folder / f"{fragment_id}.safetensors"
