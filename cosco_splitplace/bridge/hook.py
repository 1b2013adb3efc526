"""The one line that ``cosco-splitplace install`` adds to COSCO's ``main.py``, and nothing else of it is touched.

The line does nothing unless ``main.py`` is run as a program with ``--scheduler``. The file is handled as bytes, so that
line ends, a byte order mark, the encoding and a missing last newline stay what they are, and removing the line gives
back the very file.
"""
from __future__ import annotations

import ast
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Set, Tuple

from ..errors import CheckoutError
from .checkout import parse, why_unparsable
from .interface import MAIN

VERSION = 1
MARK = f"# cosco-splitplace hook {VERSION}"
HOOK_LINE = (
    "if __name__ == '__main__' and '--scheduler' in [a.split('=')[0] for a in __import__('sys').argv]: "
    "import sys, importlib.util; importlib.util.find_spec('cosco_splitplace') or "
    "sys.exit('--scheduler needs cosco-splitplace installed in ' + sys.executable); "
    f"from cosco_splitplace.bridge.entry import main; main(__file__)  {MARK}"
)
_MARKED = re.compile(rb"[ \t]*if\b.*# cosco-splitplace hook(?: \d+)?[ \t]*(?:\r\n|\r|\n)?")

ABSENT, CURRENT, OLDER = "absent", "current", "older"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class HookChange:
    """What was done to a ``main.py``.

    file : the file that was looked at, links followed.
    before : "absent", "current" or "older", the hook's state before.
    line : number of the line that was added or removed, 0 if none was.
    """

    file: Path
    before: str
    line: int

    @property
    def changed(self) -> bool:
        """Was the file written?"""
        return self.line > 0


def hook_state(root: Path) -> str:
    """Is the hook in `root`'s ``main.py`` "absent", "current" or "older"?"""
    return _state(_Source.read(root / MAIN))


def install_hook(root: Path) -> HookChange:
    """Add the line to `root`'s ``main.py``, in place of marked lines that are there; a current one is left alone.

    Raises
    ------
    CheckoutError
        The file is missing, does not parse, leaves no room for a line of its own, or can't be written. It is then as
        it was.
    """
    source = _Source.read(root / MAIN)
    before = _state(source)
    if before == CURRENT:
        return HookChange(source.file, before, 0)
    bare = source.without(source.marked())
    row = bare.first_statement()
    hooked = bare.with_line(row, HOOK_LINE.encode("ascii"))
    if hooked.marked() != [row] or hooked.without([row]).lines != bare.lines:
        raise CheckoutError(f"{source.file}: the line can't be added so that it can be removed again; nothing was done")
    hooked.write()
    return HookChange(source.file, before, row + 1)


def uninstall_hook(root: Path) -> HookChange:
    """Remove every marked line, and nothing else, from `root`'s ``main.py``; raises as `install_hook` does."""
    source = _Source.read(root / MAIN)
    before, rows = _state(source), source.marked()
    if not rows:
        return HookChange(source.file, before, 0)
    source.without(rows).write()
    return HookChange(source.file, before, rows[0] + 1)


def _state(source: _Source) -> str:
    rows = source.marked()
    if not rows:
        return ABSENT
    in_place = len(rows) == 1 and source.without(rows).first_statement() == rows[0]
    return CURRENT if in_place and source.text(rows[0]) == HOOK_LINE.encode("ascii") else OLDER


@dataclass(frozen=True)
class _Source:
    """A Python file as lines of bytes, each with its line end."""

    file: Path
    lines: Tuple[bytes, ...]

    @classmethod
    def read(cls, path: Path) -> _Source:
        file = path.resolve()  # the link stays, its target is edited
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise CheckoutError(f"there is no {path}; give the folder of a COSCO checkout") from None
        except OSError as error:
            raise CheckoutError(f"{file} can't be read: {error.strerror}") from None
        source = cls(file, tuple(content.splitlines(keepends=True)))
        source.tree()
        return source

    def tree(self) -> ast.Module:
        try:
            return parse(b"".join(self.lines))
        except (SyntaxError, ValueError) as error:
            raise CheckoutError(
                f"{self.file} does not parse ({why_unparsable(error)}); mend it first, it was not touched. "
                f"The line of this plugin, if there, ends with '{MARK}'"
            ) from None

    def marked(self) -> List[int]:
        """Rows, from 0, of marked lines that are whole statements at the top level."""
        rows = [row for row, line in enumerate(self.lines) if _MARKED.fullmatch(_no_bom(line))]
        return [row for row in rows if row in self._lone_statements()] if rows else []

    def _lone_statements(self) -> Set[int]:
        return {node.lineno - 1 for node in self.tree().body if node.lineno == node.end_lineno}

    def text(self, row: int) -> bytes:
        """A line without byte order mark and line end."""
        return _no_bom(self.lines[row]).rstrip(b"\r\n")

    def without(self, rows: List[int]) -> _Source:
        kept = [line for row, line in enumerate(self.lines) if row not in rows]
        if 0 in rows and self.lines[0].startswith(BOM) and kept:
            kept[0] = BOM + kept[0]
        return _Source(self.file, tuple(kept))

    def with_line(self, row: int, text: bytes) -> _Source:
        """A line more, before `row`, with that row's line end."""
        lines = list(self.lines)
        line_end = _line_end(lines[row]) or _line_end(lines[0]) or b"\n"
        if row == 0 and lines[0].startswith(BOM):
            text, lines[0] = BOM + text, lines[0][len(BOM):]
        lines.insert(row, text + line_end)
        return _Source(self.file, tuple(lines))

    def first_statement(self) -> int:
        """Row of the first statement that is neither the docstring nor an import from ``__future__``."""
        body = self.tree().body
        previous_end = 0
        for number, node in enumerate(body):
            if not (number == 0 and _is_docstring(node)) and not _is_future(node):
                return _free_row(self.file, node, previous_end)
            previous_end = node.end_lineno or node.lineno
        raise CheckoutError(f"{self.file} holds no statements: it is not COSCO's {MAIN}")

    def write(self) -> None:
        """Replace the file in one step, keeping its mode; on failure it is as it was."""
        temporary: Optional[str] = None
        try:
            mode = stat.S_IMODE(self.file.stat().st_mode)
            handle, temporary = tempfile.mkstemp(prefix=f".{self.file.name}.", dir=str(self.file.parent))
            with os.fdopen(handle, "wb") as stream:
                stream.write(b"".join(self.lines))
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, mode)
            os.replace(temporary, self.file)
        except OSError as error:
            if temporary is not None and os.path.exists(temporary):
                os.unlink(temporary)
            raise CheckoutError(f"{self.file} can't be written: {error.strerror}; it is as it was") from None


def _free_row(file: Path, node: ast.stmt, previous_end: int) -> int:
    """Row, from 0, where `node` starts, if the statement before does not end on it."""
    line: int = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    if line <= previous_end:
        raise CheckoutError(f"{file}: line {line} holds several statements; put them on lines of their own first")
    return line - 1


def _no_bom(line: bytes) -> bytes:
    return line[len(BOM):] if line.startswith(BOM) else line


def _line_end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")):]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.level == 0
