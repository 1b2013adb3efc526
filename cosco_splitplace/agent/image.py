"""The fragment image, made from the Python that runs this: no registry and no internet is needed.

It holds the interpreter, the packages that the fragment runtime imports, the shared libraries that it maps, and this
package's code; nothing else, not even a shell. ``data/deploy/Dockerfile`` makes an equivalent one by pip.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import threading
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple

from .. import __version__
from ..errors import EngineError

PYTHON_HOME, SITE = "/opt/python", "/opt/site"
REPOSITORY = "cosco-splitplace-fragment"
COMMAND = [f"{PYTHON_HOME}/bin/python", "-m", "cosco_splitplace.agent.runtime", "/work"]
ENVIRONMENT = {"PYTHONHOME": PYTHON_HOME, "PYTHONPATH": SITE, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp",  # noqa: S108
               "OMP_NUM_THREADS": "1"}
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "__pycache__", "site-packages",
            "include", "share", "pkgconfig"}
_PACKAGE = Path(__file__).resolve().parents[1]
_ASK = """
import json, sys
import cosco_splitplace.agent.runtime
import numpy.random, torch.nn
files = sorted({m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)})
maps = sorted({line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if ".so" in line and "/" in line})
print(json.dumps({"files": files, "maps": maps}))
"""


def image_name() -> str:
    """Repository and tag: the tag says which code and which packages are in it."""
    versions = json.dumps([__version__, sys.version, _distribution_versions(), _code_hash()])
    return f"{REPOSITORY}:{hashlib.sha256(versions.encode()).hexdigest()[:16]}"


def import_image(client: Any) -> str:
    """Make the image in the Docker daemon of `client` (docker SDK), unless it is there; returns its name.

    Raises
    ------
    EngineError
        The daemon refuses it.
    """
    import docker.errors

    name = image_name()
    try:
        client.images.get(name)
        return name
    except docker.errors.ImageNotFound:
        pass
    repository, _, tag = name.partition(":")
    read_end, write_end = os.pipe()
    failures: List[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(write_end, "wb", buffering=2**20) as pipe:
                write_tar(pipe)
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        with os.fdopen(read_end, "rb") as stream:
            client.api.import_image_from_stream(stream, repository=repository, tag=tag)
    except docker.errors.DockerException as error:
        raise EngineError(f"the fragment image can't be made ({error})") from None
    writer.join()
    if failures:
        raise EngineError(f"the fragment image can't be made ({failures[0]})")
    return name


def write_tar(stream: Any) -> None:
    """Write the image's file system as a tar."""
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for folder in ("proc", "sys", "dev", "tmp", "work", "etc", "lib", "lib64", "usr/lib"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        written: Set[str] = set()
        for path, name in _contents():
            if name not in written:
                written.add(name)
                entry = archive.gettarinfo(str(path.resolve()), name.lstrip("/"))
                entry.type, entry.linkname = tarfile.REGTYPE, ""
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = "root"
                entry.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(entry, file)


def _contents() -> Iterator[Tuple[Path, str]]:
    """(file here, file there) of everything."""
    asked = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(_PACKAGE.parent), "OMP_NUM_THREADS": "1"},
    )
    seen: Dict[str, List[str]] = json.loads(asked.stdout)
    base = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    yield Path(os.path.realpath(sys.executable)), f"{PYTHON_HOME}/bin/python"
    for path in _files(base / "lib" / version):
        yield path, f"{PYTHON_HOME}/lib/{version}/{path.relative_to(base / 'lib' / version)}"
    for path in _files(_PACKAGE, skip={"data"}):
        yield path, f"{SITE}/cosco_splitplace/{path.relative_to(_PACKAGE)}"
    for place, package in sorted(_packages(seen["files"])):
        if package.is_file():
            yield package, f"{SITE}/{package.name}"
            continue
        for path in _files(package):
            yield path, f"{SITE}/{path.relative_to(place)}"
        libraries = place / f"{package.name}.libs"  # where wheels keep shared libraries of their own
        for path in _files(libraries) if libraries.is_dir() else ():
            yield path, f"{SITE}/{path.relative_to(place)}"
    for text in [*seen["maps"], *_loaders()]:
        yield Path(text), text
        for name in _other_names(Path(text)):
            yield Path(text), str(name)


def _packages(files: Iterable[str]) -> Set[Tuple[Path, Path]]:
    """(site folder, package or module in it) of all that was imported from site folders."""
    found = set()
    for text in files:
        path = Path(text)
        for parent in path.parents:
            if parent.name in ("site-packages", "dist-packages"):
                top = path.relative_to(parent).parts[0]
                if top != "cosco_splitplace":
                    found.add((parent, parent / top))
                break
    return found


def _files(folder: Path, skip: Iterable[str] = ()) -> Iterator[Path]:
    left_out = LEFT_OUT - {"include", "share"} | set(skip)
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in left_out)
        for name in sorted(names):
            if not name.endswith((".pyc", ".a", ".h", ".hpp", ".cuh")):
                yield Path(path) / name


def _other_names(library: Path) -> Iterator[Path]:
    """The names that programs ask for a library by: links to it in its folder."""
    for one in library.parent.glob(f"{library.name.split('.so')[0].split('-')[0]}*.so*"):
        if one.is_symlink() and one.resolve() == library.resolve():
            yield one


def _loaders() -> Iterator[str]:
    """The dynamic loader, under the name that programs ask for it by."""
    for text in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"):
        if Path(text).exists():
            yield text


def _distribution_versions() -> List[str]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("torch", "numpy", "safetensors", "zstandard"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} -")
    return [*found, sysconfig.get_platform()]


def _code_hash() -> str:
    digest = hashlib.sha256()
    for path in _files(_PACKAGE, skip={"data"}):
        digest.update(str(path.relative_to(_PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

