"""Fragments as Docker containers, frozen and moved by CRIU.

A container has no network, a read-only root, no capabilities and no way to new ones, and limits on memory, CPU and
processes; all that it can write is its own workspace, so that the image, the frozen memory and the workspace are all
that has to travel. Only containers that carry this agent's label are ever touched.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any, Dict, Optional

import docker
import docker.errors
import requests
from docker.types import LogConfig

from ...errors import EngineError
from ..image import COMMAND, ENVIRONMENT, import_image
from .freezing import missing_for_freezing
from .port import Engine, Limits, Usage

logger = logging.getLogger(__name__)
LABEL = "cosco-splitplace.agent"
CHECKPOINT = "frozen"
PROCESSES, TMP_MB = 256, 64
ANSWER_S = 300.0
OUT_OF_MEMORY = "it took more than its memory"


class DockerEngine(Engine):
    """Containers in the daemon at `socket`.

    Parameters
    ----------
    socket : the daemon's unix socket.
    label : what marks this agent's containers.

    Raises
    ------
    EngineError
        The daemon does not answer, or can't make the image.
    """

    name = "docker"

    def __init__(self, socket: str, label: str) -> None:
        self._label = label
        try:
            self._client = docker.DockerClient(base_url=f"unix://{socket}", timeout=ANSWER_S)
            info = self._client.info()
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise EngineError(f"no Docker daemon answers at {socket} ({error})") from None
        self._root = Path(info["DockerRootDir"])
        self._experimental = bool(info.get("ExperimentalBuild"))
        self._image = import_image(self._client)
        self._ending: Dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self.live_migration = not self.missing()
        for one in self._client.containers.list(all=True, filters={"label": f"{LABEL}={label}"}):
            self._remove(one)  # of an earlier agent in this folder: fragments go on after their last micro-batch

    def missing(self) -> str:
        if not self._experimental:
            return "the Docker daemon has no checkpoints; start it with --experimental"
        return missing_for_freezing()

    def start(self, name: str, work: Path, limits: Limits) -> None:
        try:
            container = self._create(name, work, limits)
            container.start()
        except (docker.errors.DockerException, requests.RequestException) as error:
            self.stop(name)
            raise EngineError(f"{name} can't be started ({_reason(error)})") from None
        self._wait_for(name, container)

    def stop(self, name: str, grace_s: float = 0.0) -> None:
        ending = self._ending.pop(name, None)
        if ending is not None:
            ending.set()
        container = self._find(name)
        if container is None:
            return
        try:
            if grace_s:
                container.stop(timeout=int(grace_s))
        except (docker.errors.DockerException, requests.RequestException) as error:
            logger.info("%s does not stop by itself (%s)", name, _reason(error))
        self._remove(container)

    def usage(self, name: str) -> Usage:
        container = self._find(name)
        if container is None:
            return Usage(0.0, 0.0)
        try:
            found = container.stats(stream=False)
            return Usage(found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, found["memory_stats"]["usage"] / 2**20)
        except (docker.errors.DockerException, requests.RequestException, KeyError):
            return Usage(0.0, 0.0)

    def checkpoint(self, name: str, folder: Path) -> None:
        container, ending = self._find(name), self._ending.pop(name, None)
        if container is None:
            raise EngineError(f"{name} does not run")
        if ending is not None:
            ending.set()  # its end is wanted
        body = {"CheckpointID": CHECKPOINT, "CheckpointDir": str(folder), "Exit": True}
        try:
            self._post(f"/containers/{container.id}/checkpoints", body)
        except EngineError as error:
            reason = f"{error}; {self._criu_log(container)}"
            container.reload()
            if container.status == "running":
                self._wait_for(name, container)
                raise EngineError(f"{name} can't be frozen: {reason}") from None
            raise EngineError(f"{name} ended while it was frozen: {reason}") from None
        self._remove(container)

    def restore(self, name: str, work: Path, limits: Limits, folder: Path) -> None:
        self.stop(name)
        try:
            container = self._create(name, work, limits)
            place = self._root / "containers" / container.id / "checkpoints"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder / CHECKPOINT, place / CHECKPOINT, copy_function=_link_or_copy)
            self._post(f"/containers/{container.id}/start?checkpoint={CHECKPOINT}", None)
            container.reload()
        except (docker.errors.DockerException, requests.RequestException, OSError, EngineError) as error:
            found = self._find(name)
            detail = self._criu_log(found) if found is not None else ""
            self.stop(name)
            raise EngineError(f"{name} can't be restored: {_reason(error)}; {detail}") from None
        shutil.rmtree(place, ignore_errors=True)
        self._wait_for(name, container)

    def close(self) -> None:
        for name in list(self._ending):
            self.stop(name)

    # ---- inside ----

    def _create(self, name: str, work: Path, limits: Limits) -> Any:
        binds = {str(work): {"bind": "/work", "mode": "rw"}}
        for part in ("input", "artifact"):
            binds[str(work / part)] = {"bind": f"/work/{part}", "mode": "ro"}
        return self._client.containers.create(
            self._image,
            COMMAND,
            name=self._container_name(name),
            labels={LABEL: self._label},
            environment=ENVIRONMENT,
            working_dir="/work",
            user=f"{os.getuid()}:{os.getgid()}",
            network_mode="none",
            read_only=True,
            tmpfs={"/tmp": f"size={TMP_MB}m,mode=1777"},  # noqa: S108  (within the container)
            volumes=binds,
            mem_limit=f"{limits.memory_mb}m",
            memswap_limit=f"{limits.memory_mb}m",
            nano_cpus=int(limits.cpus * 1e9),
            pids_limit=PROCESSES,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges", "seccomp=unconfined"],
            log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
        )

    def _container_name(self, name: str) -> str:
        return f"cosco-splitplace-{self._label}-{name}"

    def _find(self, name: str) -> Optional[Any]:
        try:
            container = self._client.containers.get(self._container_name(name))
        except docker.errors.NotFound:
            return None
        except (docker.errors.DockerException, requests.RequestException) as error:
            logger.warning("the Docker daemon does not answer (%s)", _reason(error))
            return None
        return container if container.labels.get(LABEL) == self._label else None

    def _remove(self, container: Any) -> None:
        try:
            container.remove(force=True)
        except docker.errors.NotFound:
            pass
        except (docker.errors.DockerException, requests.RequestException) as error:
            logger.warning("%s can't be removed (%s)", container.name, _reason(error))

    def _wait_for(self, name: str, container: Any) -> None:
        """Tell when it ends by itself."""
        ending = threading.Event()
        self._ending[name] = ending

        def wait() -> None:
            while not ending.is_set():
                try:
                    code = int(container.wait()["StatusCode"])
                    why = ""
                    if code:
                        container.reload()
                        said = container.logs(tail=1).decode("utf-8", "replace").strip()[:300]
                        why = OUT_OF_MEMORY if container.attrs["State"]["OOMKilled"] else said
                except requests.exceptions.ReadTimeout:
                    continue
                except (docker.errors.DockerException, requests.RequestException) as error:
                    code, why = 255, f"its Docker daemon is gone ({_reason(error)})"
                if not ending.is_set():
                    self._ending.pop(name, None)
                    self.exited(name, code, why)
                return

        threading.Thread(target=wait, name=f"wait-{name}", daemon=True).start()

    def _post(self, path: str, body: Optional[Dict[str, Any]]) -> None:
        """A request that the docker SDK has no method for."""
        api = self._client.api
        try:
            reply = api.post(api._url(path), json=body)
        except requests.RequestException as error:
            raise EngineError(f"the Docker daemon does not answer ({error})") from None
        if not reply.ok:
            raise EngineError(f"the Docker daemon says: {reply.text.strip()[:500]}")

    def _criu_log(self, container: Any) -> str:
        """The first error in CRIU's own log: what Docker says of it ("type NOTIFY errno 0") explains nothing."""
        for path in sorted(self._root.parent.rglob(f"*{container.id}*/**/criu-*.log")) + sorted(
            self._root.glob(f"containers/{container.id}/**/*.log")
        ):
            try:
                said = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            lines = [one for one in said.splitlines() if "Error" in one]
            if lines:
                return f"{path.name}: {lines[0].strip()[:300]}"
        return "no log of CRIU was found"


def _link_or_copy(source: str, target: str) -> None:
    """Hundreds of megabytes of frozen memory are not copied where both folders are on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "explanation", "") or error)[:300]
