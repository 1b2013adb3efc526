"""The one line in ``main.py``: added, renewed and removed without another byte changing."""
from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Callable

import pytest

from cosco_splitplace.bridge.hook import (
    ABSENT,
    CURRENT,
    HOOK_LINE,
    OLDER,
    hook_state,
    install_hook,
    uninstall_hook,
)
from cosco_splitplace.errors import CheckoutError

LINE = HOOK_LINE.encode("ascii")
BOM = b"\xef\xbb\xbf"

SOURCES = {
    "plain": (b"import os\nprint(1)\n", 0),
    "docstring": (b'"""Doc\n\nstring."""\n\nimport os\n', 4),
    "future": (b"from __future__ import annotations\nfrom __future__ import division\nx = 1\n", 2),
    "docstring and future": (b"#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n'd\xe9j\xe0'\n"
                             b"from __future__ import division\n\nx = 1\n", 5),
    "comments": (b"#!/usr/bin/env python\n# hello\n\nimport os\n", 3),
    "crlf": (b"'doc'\r\nimport os\r\nx = 1\r\n", 1),
    "cr": (b"'doc'\rimport os\rx = 1\r", 1),
    "mixed line ends": (b"import os\r\nx = 1\ny = 2\r\n", 0),
    "bom": (BOM + b"import os\nx = 1\n", 0),
    "bom and docstring": (BOM + b"'doc'\r\nimport os\r\n", 1),
    "no final newline": (b"import os\nx = 1", 0),
    "one line": (b"x = 1", 0),
    "one line and bom": (BOM + b"x = 1", 0),
    "docstring, no final newline": (b"'doc'\nx = 1", 1),
    "decorator": (b"@staticmethod\ndef f():\n\tpass\n", 0),
    "form feed": (b"\x0cimport os\n", 0),
    "later string is no docstring": (b"x = 1\n'not one'\n", 0),
}  # fmt: skip


def made(folder: Path, content: bytes) -> Path:
    """A checkout that is nothing but a ``main.py``, which is all that the hook looks at."""
    (folder / "main.py").write_bytes(content)
    return folder


@pytest.mark.parametrize(("content", "row"), SOURCES.values(), ids=SOURCES)
def test_the_line_comes_first_and_goes_without_trace(tmp_path: Path, content: bytes, row: int) -> None:
    root = made(tmp_path, content)
    change = install_hook(root)
    hooked = (root / "main.py").read_bytes()
    lines = hooked.splitlines(keepends=True)
    assert (change.before, change.line, change.changed) == (ABSENT, row + 1, True)
    assert lines[row].removeprefix(BOM).rstrip(b"\r\n") == LINE
    assert hooked.startswith(BOM) == content.startswith(BOM)
    compile(hooked, "main.py", "exec")
    assert hook_state(root) == CURRENT
    assert uninstall_hook(root).line == row + 1
    assert (root / "main.py").read_bytes() == content


def test_line_end_is_that_of_the_file(tmp_path: Path) -> None:
    install_hook(made(tmp_path, b"'doc'\r\nimport os\r\n"))
    assert (tmp_path / "main.py").read_bytes() == b"'doc'\r\n" + LINE + b"\r\nimport os\r\n"


def test_second_install_leaves_the_file_alone(tmp_path: Path) -> None:
    install_hook(made(tmp_path, b"import os\n"))
    before = (tmp_path / "main.py").stat()
    change = install_hook(tmp_path)
    assert (change.before, change.changed) == (CURRENT, False)
    after = (tmp_path / "main.py").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "old",
    [
        b"if True: pass  # cosco-splitplace hook",
        b"if '--scheduler' in []: import nothing  # cosco-splitplace hook 0",
        LINE.replace(b"hook 1", b"hook 999"),
        LINE.replace(b"--scheduler", b"--sched"),  # an edited one
    ],
)
def test_an_older_line_is_replaced_and_removed(tmp_path: Path, old: bytes) -> None:
    root = made(tmp_path, b"'doc'\nimport os\n" + old + b"\nx = 1\n")
    assert hook_state(root) == OLDER
    assert install_hook(root).before == OLDER
    assert (root / "main.py").read_bytes() == b"'doc'\n" + LINE + b"\nimport os\nx = 1\n"
    made(tmp_path, old + b"\n'doc'\n" + LINE + b"\nimport os\n" + old + b"\n")
    uninstall_hook(root)
    assert (root / "main.py").read_bytes() == b"'doc'\nimport os\n"


def test_user_edits_before_and_after_survive(tmp_path: Path) -> None:
    install_hook(made(tmp_path, b"'doc'\nimport os\n"))
    hooked = (tmp_path / "main.py").read_bytes()
    edited = hooked.replace(b"'doc'\n", b"'doc'\nimport first\n") + b"NUM_SIM_STEPS = 7\n"
    made(tmp_path, edited)
    assert hook_state(tmp_path) == OLDER  # it is no longer the first statement
    assert install_hook(tmp_path).line == 2
    assert (tmp_path / "main.py").read_bytes() == (
        b"'doc'\n" + LINE + b"\nimport first\nimport os\nNUM_SIM_STEPS = 7\n"
    )
    uninstall_hook(tmp_path)
    assert (tmp_path / "main.py").read_bytes() == b"'doc'\nimport first\nimport os\nNUM_SIM_STEPS = 7\n"


def test_only_marked_statements_are_removed(tmp_path: Path) -> None:
    kept = (
        b"import os\n# if: about the # cosco-splitplace hook 1\n"
        b"text = '''\nif it is in a string # cosco-splitplace hook 1\n'''\n"
        b"def f():\n    if os: pass  # cosco-splitplace hook 1\n"
    )
    root = made(tmp_path, kept)
    assert not uninstall_hook(root).changed
    install_hook(root)
    uninstall_hook(root)
    assert (root / "main.py").read_bytes() == kept


def test_link_stays_and_its_target_is_edited(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "cosco_main.py"
    target.write_bytes(b"import os\n")
    (tmp_path / "main.py").symlink_to(Path("elsewhere") / "cosco_main.py")
    assert install_hook(tmp_path).file == target
    assert (tmp_path / "main.py").is_symlink()
    assert target.read_bytes() == LINE + b"\nimport os\n"
    uninstall_hook(tmp_path)
    assert (tmp_path / "main.py").is_symlink()
    assert target.read_bytes() == b"import os\n"


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444])
def test_mode_is_kept_and_nothing_is_left_beside(tmp_path: Path, mode: int) -> None:
    root = made(tmp_path, b"import os\n")
    (root / "main.py").chmod(mode)
    install_hook(root)
    assert stat.S_IMODE((root / "main.py").stat().st_mode) == mode
    uninstall_hook(root)
    assert stat.S_IMODE((root / "main.py").stat().st_mode) == mode
    assert [one.name for one in root.iterdir()] == ["main.py"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"import os\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n", "line 2: an unfinished merge"),
        (b"def f(:\n", "does not parse"),
        (b"print 'Python 2'\n", "does not parse"),
        ("x = 1\n".encode("utf-16"), "does not parse"),
        (b"x = 'caf\xe9'\n", "does not parse"),
        (b"'doc'; import os\n", "line 1 holds several statements"),
        (b"from __future__ import division; x = 1\n", "line 1 holds several statements"),
        (b"# nothing\n", "holds no statements"),
        (b"", "holds no statements"),
    ],
)
@pytest.mark.parametrize("action", [install_hook, uninstall_hook], ids=["install", "uninstall"])
def test_what_is_not_understood_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, message: str, action: Callable[[Path], object]
) -> None:
    root = made(tmp_path, content)
    if action is uninstall_hook and "parse" not in message and "merge" not in message:
        action(root)  # there is nothing to remove
    else:
        with pytest.raises(CheckoutError, match=message):
            action(root)
    assert (root / "main.py").read_bytes() == content
    assert [one.name for one in root.iterdir()] == ["main.py"]


def test_no_main_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match=r"there is no .*main\.py"):
        install_hook(tmp_path)


def test_a_failing_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made(tmp_path, b"import os\n")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CheckoutError, match="No space left on device; it is as it was"):
        install_hook(root)
    assert (root / "main.py").read_bytes() == b"import os\n"
    assert [one.name for one in root.iterdir()] == ["main.py"]


# ---- in a checkout ----


def listing(root: Path) -> dict[str, bytes]:
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def test_install_and_uninstall_by_command(cosco_root: Path, call) -> None:  # type: ignore[no-untyped-def]
    before = listing(cosco_root)
    code, out, _ = call("install", cosco_root)
    assert code == 0
    assert "added one line to" in out and "--scheduler list" in out and "--scheduler SplitPlace" in out
    changed = {name for name, content in listing(cosco_root).items() if before.get(name) != content}
    assert changed == {"main.py"}
    assert "has the line already; nothing was done" in call("install", cosco_root)[1]
    code, out, _ = call("uninstall", cosco_root)
    assert code == 0 and "removed this plugin's line" in out
    assert listing(cosco_root) == before
    assert "nothing was done" in call("uninstall", cosco_root)[1]


def test_main_without_scheduler_is_what_it_was(cosco_root: Path, python) -> None:  # type: ignore[no-untyped-def]
    """Also where COSCO can't run for want of its own packages: the same output, errors and files."""
    plain = [python(["main.py", *options], cosco_root) for options in ([], ["--help"], ["-e"])]
    files = set(listing(cosco_root))
    install_hook(cosco_root)
    hooked = [python(["main.py", *options], cosco_root) for options in ([], ["--help"], ["-e"])]

    def without_line_numbers(text: str) -> list[str]:
        return [line for line in text.splitlines() if 'main.py", line' not in line]

    for one, other in zip(plain, hooked):
        assert other.returncode == one.returncode
        assert other.stdout == one.stdout
        assert without_line_numbers(other.stderr) == without_line_numbers(one.stderr)
    assert set(listing(cosco_root)) == files


def test_importing_main_does_not_trigger_the_line(standin_root: Path, python) -> None:  # type: ignore[no-untyped-def]
    install_hook(standin_root)
    done = python(["-c", "import sys; import main; print(main.NUM_SIM_STEPS)"], standin_root)
    assert done.stdout == "3\n"
    code = "import sys; sys.argv += ['--scheduler', 'x']; import runpy; runpy.run_path('main.py', run_name='other')"
    assert "no such option: --scheduler" in python(["-c", code], standin_root).stderr


def test_python_without_this_package_is_told_so(standin_root: Path, python) -> None:  # type: ignore[no-untyped-def]
    install_hook(standin_root)
    done = python(["-S", "-E", "main.py", "--scheduler=SplitPlace"], standin_root)  # -S: no site-packages
    assert done.returncode == 1
    assert done.stderr.startswith("--scheduler needs cosco-splitplace installed in ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("spelling", [["--scheduler", "no-such"], ["--scheduler=no-such"]])
def test_with_scheduler_this_package_takes_over(cosco_root: Path, python, spelling) -> None:  # type: ignore[no-untyped-def]
    install_hook(cosco_root)
    done = python(["main.py", *spelling], cosco_root)
    assert done.returncode == 2
    assert "no-such" in done.stderr and "Random" in done.stderr and "SplitPlace" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("remove", ["simulator/Simulator.py", "scheduler"])
def test_something_else_is_named_and_left_alone(standin_root: Path, call, remove: str) -> None:  # type: ignore[no-untyped-def]
    before = (standin_root / "main.py").read_bytes()
    (standin_root / remove).rename(standin_root / "moved")
    code, _, errors = call("install", standin_root)
    assert code == 2
    assert f"there is no {remove}" in " ".join(errors.split())
    assert (standin_root / "main.py").read_bytes() == before


def test_an_edited_class_is_named(standin_root: Path, call) -> None:  # type: ignore[no-untyped-def]
    file = standin_root / "simulator" / "Simulator.py"
    file.write_text(file.read_text().replace("class Simulator:", "class Simulation:"))
    task = standin_root / "framework" / "task" / "Task.py"
    task.write_text(task.read_text().replace("def allocateAndrestore", "def restore"))
    code, _, errors = call("install", standin_root)
    assert code == 2
    assert "simulator/Simulator.py has no class Simulator" in " ".join(errors.split())
    assert "framework/task/Task.py: class Task has no allocateAndrestore" in " ".join(errors.split())


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_a_folder_without_cosco(tmp_path: Path, call, where: str) -> None:  # type: ignore[no-untyped-def]
    code, _, errors = call("install", tmp_path / where)
    assert code == 2
    assert "is not a COSCO that cosco-splitplace understands" in " ".join(errors.split())
