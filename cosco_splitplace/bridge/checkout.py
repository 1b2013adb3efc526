"""Finding a COSCO checkout and telling whether it is one that we understand, by reading it, never by importing it."""
from __future__ import annotations

import ast
import hashlib
import os
import subprocess  # git only, with an argument list and a time limit
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

from ..errors import CheckoutError
from .interface import INTERFACE, KNOWN_COMMIT, KNOWN_DIGESTS, MAIN, PACKAGES

HOME_VARIABLE = "COSCO_HOME"
GIT_TIMEOUT_S = 10.0
SHOWN = 5  # differences named in a message
AnyPath = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Checkout:
    """A folder that may hold COSCO.

    root : absolute path.
    lacking : what this plugin needs of it and does not find, one phrase each; empty if it is COSCO.
    """

    root: Path
    lacking: Tuple[str, ...] = ()

    @property
    def main_file(self) -> Path:
        """Its ``main.py``."""
        return self.root / MAIN

    @property
    def summary(self) -> str:
        """What it lacks, in one line: the first few by name."""
        rest = len(self.lacking) - SHOWN
        return "; ".join([*self.lacking[:SHOWN], *([f"and {rest} more"] if rest > 0 else [])])


def open_checkout(path: Optional[AnyPath] = None) -> Checkout:
    """The COSCO checkout at `path`, else at ``$COSCO_HOME``, else in the current directory.

    Raises
    ------
    CheckoutError
        It is not a COSCO that we understand; the message names what it lacks.
    """
    root, named = _where(path)
    checkout = inspect_checkout(root)
    if checkout.lacking:
        raise CheckoutError(
            f"{root} ({named}) is not a COSCO that cosco-splitplace understands: {checkout.summary}. "
            f"Give the folder of a COSCO checkout (commit {KNOWN_COMMIT[:7]} is known to work)"
        )
    return checkout


def inspect_checkout(root: AnyPath) -> Checkout:
    """Look at `root` and report what it lacks; raises nothing for a folder that is something else."""
    root = Path(root).expanduser().absolute()
    if not root.is_dir():
        return Checkout(root, (f"there is no folder {root}",))
    if not (root / MAIN).is_file() and not any((root / one).is_dir() for one in PACKAGES):
        return Checkout(root, (f"it has neither {MAIN} nor any of COSCO's folders ({', '.join(PACKAGES)})",))
    lacking: List[str] = [] if (root / MAIN).is_file() else [f"there is no {MAIN}"]
    for name, classes in INTERFACE.items():
        lacking += _lacking_in(root, name, classes)
    return Checkout(root, tuple(lacking))


def place_of(path: Optional[AnyPath] = None) -> Path:
    """Where `open_checkout` would look, absolute; what is there is not looked at."""
    return _where(path)[0]


def _where(path: Optional[AnyPath]) -> Tuple[Path, str]:
    if path is not None:
        return Path(path).expanduser().absolute(), "as given"
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE]).expanduser().absolute(), f"from {HOME_VARIABLE}"
    return Path.cwd(), "the current directory"


def _lacking_in(root: Path, name: str, classes: Mapping[str, Sequence[str]]) -> List[str]:
    file = root / name
    if not file.is_file():
        return [f"there is no {name}"]
    try:
        found = _classes(parse(file.read_bytes()))
    except (SyntaxError, ValueError) as error:
        return [f"{name} does not parse ({why_unparsable(error)})"]
    except OSError as error:
        return [f"{name} can't be read ({error.strerror})"]
    lacking = [f"{name} has no class {one}" for one in classes if one not in found]
    for one in set(classes) & set(found):
        missing = [method for method in classes[one] if method not in found[one]]
        if missing:
            lacking.append(f"{name}: class {one} has no {', '.join(missing)}")
    return lacking


def _classes(tree: ast.Module) -> Dict[str, Set[str]]:
    """Class -> methods, of a module."""
    return {
        node.name: {one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def parse(content: bytes) -> ast.Module:
    """The syntax tree of a file; its own doubtful escapes are no concern of ours.

    Raises
    ------
    SyntaxError, ValueError
        It does not parse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content)


def why_unparsable(error: Exception) -> str:
    """Line and reason of an error that the parser raised; an unfinished merge is called by its name."""
    if not isinstance(error, SyntaxError):
        return str(error)
    text = (error.text or "").strip()
    reason = "an unfinished merge" if text.startswith(("<<<<<<<", "=======", ">>>>>>>")) else error.msg
    return f"line {error.lineno}: {reason}" if error.lineno else str(error.msg)


def changed_files(root: Path) -> Tuple[str, ...]:
    """Files that we rely on and that are not what they were at ``KNOWN_COMMIT``; line ends do not count."""
    return tuple(name for name, digest in KNOWN_DIGESTS.items() if _digest(root / name) != digest)


def _digest(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:16]


def commit_of(root: Path) -> Optional[str]:
    """The commit that is checked out at `root`, None where git does not say (no repository of its own, no git)."""
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 the arguments are ours
            ["git", "-C", str(root), "rev-parse", "--verify", "HEAD"],  # noqa: S607 git is where the user has it
            capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
