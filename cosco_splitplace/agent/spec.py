"""What an agent is told about a fragment: which network, how much, within which limits, and where its output goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Tuple

from ..errors import AgentRefusal
from . import names

MOST_IMAGES = 65_536  # in one micro-batch
MOST_MEMORY_MB, MOST_CPUS, MOST_TARGETS, MOST_INDEX = 4_194_304, 1024, 64, 9_999


@dataclass(frozen=True)
class Target:
    """A fragment at another agent that takes payloads in."""

    agent: str
    fragment: str

    @classmethod
    def from_json(cls, value: Any) -> "Target":
        """Checked; raises `AgentRefusal`."""
        names.table(value, "a target", {"agent": str, "fragment": str}, {})
        return cls(names.agent_url(value["agent"]), names.fragment_name(value["fragment"]))


@dataclass(frozen=True)
class FragmentSpec:
    """One fragment of one task.

    Parameters
    ----------
    manifest, weights : SHA-256 of the artifact's manifest and of this fragment's weights.
    index : which fragment of the artifact it is.
    chunks : how many micro-batches come in, and go out.
    images_at_once : the most images that torch is given at once: it bounds the peak memory.
    memory_mb, cpus : what it may take of its host.
    forward : who takes its outputs; none: they stay until they are fetched.
    relay : who takes its *inputs* on, for a broadcast in a ring.
    made_up_images : it works on so many images of its own making, and waits for no input; 0: it waits.
    """

    manifest: str
    weights: str
    index: int
    chunks: int
    images_at_once: int
    memory_mb: int
    cpus: float
    forward: Tuple[Target, ...] = ()
    relay: Tuple[Target, ...] = ()
    made_up_images: int = 0

    @classmethod
    def from_json(cls, value: Any) -> "FragmentSpec":
        """Checked; raises `AgentRefusal`, which says what came and what is allowed."""
        required = {
            "manifest": str,
            "weights": str,
            "index": int,
            "chunks": int,
            "images_at_once": int,
            "memory_mb": int,
        }
        optional = {"cpus": object, "forward": list, "relay": list, "made_up_images": int}
        names.table(value, "a fragment", required, optional)
        return cls(
            manifest=names.sha256(value["manifest"]),
            weights=names.sha256(value["weights"]),
            index=names.whole(value["index"], "index", 0, MOST_INDEX),
            chunks=names.whole(value["chunks"], "chunks", 1, names.MOST_CHUNKS),
            images_at_once=names.whole(value["images_at_once"], "images_at_once", 1, MOST_IMAGES),
            memory_mb=names.whole(value["memory_mb"], "memory_mb", 1, MOST_MEMORY_MB),
            cpus=names.number(value.get("cpus", 1.0), "cpus", 0.01, MOST_CPUS),
            forward=targets(value.get("forward", []), "forward"),
            relay=targets(value.get("relay", []), "relay"),
            made_up_images=names.whole(value.get("made_up_images", 0), "made_up_images", 0, names.MOST_CHUNKS),
        )

    def to_json(self) -> Dict[str, Any]:
        """What ``from_json`` reads."""
        return {**asdict(self), "forward": list(map(vars, self.forward)), "relay": list(map(vars, self.relay))}

    def same_work(self, other: "FragmentSpec") -> bool:
        """Is it the same but for where data goes?"""
        mine, theirs = self.to_json(), other.to_json()
        return all(mine[key] == theirs[key] for key in mine if key not in ("forward", "relay"))


def targets(value: Any, what: str) -> Tuple[Target, ...]:
    """A list of targets, checked."""
    if not isinstance(value, (list, tuple)) or len(value) > MOST_TARGETS:
        raise AgentRefusal(f"{what} is {names.shown(value)}; allowed: a list of at most {MOST_TARGETS} targets")
    return tuple(Target.from_json(one) for one in value)


def links(value: Any) -> Mapping[int, str]:
    """``{"chunks": {"0": sha256, ...}}``: which payload is which chunk."""
    chunks = names.table(value, "links", {"chunks": dict}, {})["chunks"]
    if len(chunks) > names.MOST_CHUNKS:
        raise AgentRefusal(f"{len(chunks)} chunks came; allowed: {names.MOST_CHUNKS}")
    return {chunk_index(key): names.sha256(one) for key, one in chunks.items()}


def chunk_index(text: str) -> int:
    """The number of a chunk, as a path or a JSON key has it."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise AgentRefusal(f"{names.shown(text)} is no chunk's number")
    return names.whole(int(text), "a chunk's number", 0, names.MOST_CHUNKS - 1)
