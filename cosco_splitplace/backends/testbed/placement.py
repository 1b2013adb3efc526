"""A fragment on a host of the testbed, from its placement to its end."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Dict

from ...records import Fragment

ACTIVE, FINISHED, LOST, STOPPED, RELEASED = "active", "finished", "lost", "stopped", "released"
NOWHERE = -1


@dataclass
class Placement:
    """See the module; times are seconds since the run began, NaN what has not happened.

    Parameters
    ----------
    name : how agents call it; each placement of a fragment has one of its own.
    number : which placement of the fragment it is, from 1.
    host, moving_to : where it is, and where it is on its way to.
    sent : whether its input was ordered.
    created : whether its agent said that it is there.
    relay_to : the placement that it hands its input on to, in a ring.
    """

    name: str
    fragment: Fragment
    number: int
    host: int
    chunks: int
    placed_s: float
    state: str = ACTIVE
    started_s: float = math.nan
    finished_s: float = math.nan
    delivered_s: float = math.nan
    migration_s: float = 0.0
    migrations: int = 0
    moving_to: int = NOWHERE
    received: int = 0
    outputs: int = 0
    forwarded: int = 0
    sent: bool = False
    created: bool = False
    relay_to: str = ""

    def to_json(self) -> Dict[str, Any]:
        """What ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Dict[str, Any]) -> "Placement":
        """From the journal."""
        fragment = Fragment(**{**body["fragment"], "depends_on": tuple(body["fragment"]["depends_on"])})
        return cls(**{**body, "fragment": fragment})

    @property
    def share_done(self) -> float:
        """Of its work, by outputs."""
        return self.outputs / self.chunks
