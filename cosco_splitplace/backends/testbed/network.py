"""A network of a testbed's own: a namespace and an address for each agent, a bridge between them, shaped links.

Everything carries the testbed's tag in its name, so that what a crash left behind can be found and removed; nothing
else on the machine is touched. Needs root, and `ip` and `tc` (Debian: iproute2).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import List, Tuple

from ...errors import ConfigurationError, SplitPlaceError

SUBNETS = 200  # 10.77.x.0/24, x by the tag
BURST_S = 0.01  # of a link's bandwidth that may pass at once
LATENCY = "400ms"  # that data may wait before it is dropped


@dataclass(frozen=True)
class Network:
    """The network tagged `tag` (4 hexadecimal digits) of `workers` agents."""

    tag: str
    workers: int

    @property
    def bridge(self) -> str:
        """Name of the bridge, to which the broker is connected, too."""
        return f"sp{self.tag}"

    def namespace(self, number: int) -> str:
        """Name of an agent's namespace."""
        return f"sp{self.tag}n{number}"

    def address(self, number: int) -> str:
        """An agent's address."""
        return f"{self._prefix}.{number + 10}"

    def within(self, number: int) -> List[str]:
        """What a command is preceded by to run in an agent's namespace; `ip netns exec` would hide the cgroups."""
        return ["nsenter", f"--net=/run/netns/{self.namespace(number)}"]

    def up(self, link_mb_s: float) -> None:
        """Make it, with links of `link_mb_s` each way for every agent.

        Raises
        ------
        ConfigurationError
            It is not root, or a program is missing.
        SplitPlaceError
            The kernel refuses it; what was made is removed.
        """
        refuse_impossible()
        try:
            _do("ip", "link", "add", self.bridge, "type", "bridge")
            _do("ip", "address", "add", f"{self._prefix}.1/24", "dev", self.bridge)
            _do("ip", "link", "set", self.bridge, "up")
            for number in range(self.workers):
                self._connect(number, link_mb_s)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Remove it; what is not there is no error."""
        for number in range(self.workers):
            _try("ip", "netns", "delete", self.namespace(number))
            _try("ip", "link", "delete", self._host_end(number))
        _try("ip", "link", "delete", self.bridge)

    def cut(self, number: int) -> None:
        """Cut an agent's link."""
        _do("ip", "link", "set", self._host_end(number), "down")

    def mend(self, number: int) -> None:
        """Mend a link that was cut."""
        _do("ip", "link", "set", self._host_end(number), "up")

    def shape(self, number: int, link_mb_s: float) -> None:
        """Change the bandwidth of an agent's link, each way; what is on its way stays."""
        for before, device in self._ends(number):
            _do(*before, "tc", "qdisc", "change", "dev", device, "root", *_bucket(link_mb_s))

    def _ends(self, number: int) -> List[Tuple[List[str], str]]:
        """Both ends of an agent's link, each with what a command about it is preceded by."""
        return [([], self._host_end(number)), (self.within(number), f"sp{self.tag}i{number}")]

    @property
    def _prefix(self) -> str:
        return f"10.77.{int(self.tag, 16) % SUBNETS}"

    def _host_end(self, number: int) -> str:
        return f"sp{self.tag}h{number}"

    def _connect(self, number: int, link_mb_s: float) -> None:
        namespace, ((_, outer), (within, inner)) = self.namespace(number), self._ends(number)
        _do("ip", "netns", "add", namespace)
        _do("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
        _do("ip", "link", "set", inner, "netns", namespace)
        _do("ip", "link", "set", outer, "master", self.bridge, "up")
        _do(*within, "ip", "link", "set", "lo", "up")
        _do(*within, "ip", "address", "add", f"{self.address(number)}/24", "dev", inner)
        _do(*within, "ip", "link", "set", inner, "up")
        for before, device in self._ends(number):
            _do(*before, "tc", "qdisc", "add", "dev", device, "root", *_bucket(link_mb_s))


def _bucket(link_mb_s: float) -> List[str]:
    """tc's words for a token bucket of this bandwidth."""
    burst = max(16_000, int(link_mb_s * 1e6 * BURST_S))
    return ["tbf", "rate", f"{link_mb_s * 8:g}mbit", "burst", str(burst), "latency", LATENCY]


def refuse_impossible() -> None:
    """Refuse where namespaces can't be made, saying why."""
    if os.geteuid() != 0:
        raise ConfigurationError("network namespaces need root; leave --netns out, or run it as root")
    missing = [one for one in ("ip", "tc", "nsenter") if shutil.which(one) is None]
    if missing:
        raise ConfigurationError(f"{', '.join(missing)} is missing; on Debian: apt-get install iproute2 util-linux")


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SplitPlaceError(f"{' '.join(command)}: {done.stderr.strip() or f'exit status {done.returncode}'}")


def _try(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=False)  # noqa: S603
