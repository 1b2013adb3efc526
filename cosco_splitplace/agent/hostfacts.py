"""What a host is and what it does now, by psutil."""

from __future__ import annotations

import platform
import threading
import time
from pathlib import Path
from typing import Any, Dict

import psutil

STARTED = time.monotonic()
CPU_WINDOW_S = 1.0  # a share of CPU over less than that says little


class HostFacts:
    """Facts about this host.

    Parameters
    ----------
    folder : whose disk counts.
    memory_mb : what fragments may take together.
    """

    def __init__(self, folder: Path, memory_mb: int) -> None:
        self._folder, self.memory_mb = folder, memory_mb
        self._lock = threading.Lock()
        self._cpu_share, self._measured = 0.0, 0.0
        psutil.cpu_percent()

    def still(self) -> Dict[str, Any]:
        """What does not change."""
        return {
            "machine": platform.machine(),
            "system": platform.system(),
            "cores": psutil.cpu_count() or 1,
            "total_memory_mb": psutil.virtual_memory().total // 10**6,
            "memory_mb": self.memory_mb,
        }

    def now(self) -> Dict[str, float]:
        """What changes."""
        memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(str(self._folder)), psutil.net_io_counters()
        return {
            "cpu_share": self._cpu(),
            "free_memory_mb": memory.available / 1e6,
            "total_memory_mb": memory.total / 1e6,
            "free_disk_mb": disk.free / 1e6,
            "disk_mb": disk.total / 1e6,
            "sent_mb": network.bytes_sent / 1e6,
            "received_mb": network.bytes_recv / 1e6,
            "up_s": time.monotonic() - STARTED,
        }

    def _cpu(self) -> float:
        """The CPU's share in use since it was last measured, in [0, 1]."""
        with self._lock:
            now = time.monotonic()
            if now - self._measured >= CPU_WINDOW_S:
                self._cpu_share, self._measured = psutil.cpu_percent() / 100, now
            return self._cpu_share
