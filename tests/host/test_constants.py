"""The constants of ``main.py`` are read, edits of the user included, and nothing of it is run."""
from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.bridge.constants import main_constants, read_constants
from cosco_splitplace.errors import CheckoutError


def edited(root: Path, old: str, new: str) -> Path:
    text = (root / "main.py").read_text()
    assert old in text
    (root / "main.py").write_text(text.replace(old, new))
    return root


def test_both_checkouts(cosco_root: Path) -> None:
    simulator, framework = main_constants(cosco_root), main_constants(cosco_root, "VLAN")
    assert (simulator.new_containers, simulator.interval_s, simulator.router_mb_s) == (5, 300, 10000)
    assert simulator.containers == simulator.hosts and simulator.hosts % 10 == 0
    assert framework.hosts < simulator.hosts and framework.new_containers == 0
    assert (simulator.database_port, simulator.host_addresses) == (0, ())


def test_a_given_value_is_followed_by_what_depends_on_it(standin_root: Path) -> None:
    read = main_constants(standin_root, given={"HOSTS": 4})
    assert (read.hosts, read.containers, read.new_containers) == (4, 4, 0)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("50", 50), ("2 ** 3", None), ("int(7.9)", 7), ("max(3, min(9, 5))", 5), ("-(-8)", 8), ("17 // 4 + 17 % 4", 5),
        ("10 if opts.env in ('', 'VLAN') and not False else 3", 10), ("10 if 1 < 2 < 3 else 5", 10),
        ("len([1, 2, 3])", 3), ("int(os.environ['N'])", None), ("__import__('os').system('true')", None),
        ("1 / 0", None), ("'a' * 10**9", None), ("0 or 6", 6),
    ],
)  # fmt: skip
def test_expressions(standin_root: Path, expression: str, value: object) -> None:
    edited(standin_root, "NUM_SIM_STEPS = 3", f"NUM_SIM_STEPS = {expression}")
    if value is None:
        with pytest.raises(CheckoutError, match="NUM_SIM_STEPS can't be read: line"):
            main_constants(standin_root)
        assert main_constants(standin_root, given={"NUM_SIM_STEPS": 7}).intervals == 7
    else:
        assert main_constants(standin_root).intervals == value


def test_statements(tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text(
        "A = B = 2\nC, D = 3, [4, 'x']\nA += 5\nE: int = A\nlower = 1\n"
        "if opts.env == '':\n    F = 1\nelse:\n    F = 2\n"
        "if __name__ == '__main__':\n    A = 99\nG = unknown()\nG = 5\nB = unknown()\n"
    )
    values, unread = read_constants(file, "", {})
    assert values == {"A": 7, "C": 3, "D": [4, "x"], "E": 7, "F": 1, "G": 5}
    assert unread == {"B": "line 14 needs the program to run"}
    assert read_constants(file, "VLAN", {})[0]["F"] == 2


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("", "TOTAL_POWER can't be read: it is not set"),
        ("TOTAL_POWER = 'much'", "TOTAL_POWER is 'much', not a float"),
        ("TOTAL_POWER = (", "does not parse"),
    ],
)
def test_unreadable(standin_root: Path, new: str, message: str) -> None:
    edited(standin_root, "TOTAL_POWER = 1000", new)
    with pytest.raises(CheckoutError, match=message):
        main_constants(standin_root)
