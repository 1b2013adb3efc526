"""The global constants of COSCO's ``main.py``, read without running it, so that the user's edits count."""
from __future__ import annotations

import ast
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Tuple, Type

from ..errors import CheckoutError
from .checkout import parse, why_unparsable
from .interface import MAIN

LARGEST_SEQUENCE = 1_000_000  # items or characters that a repetition may make


@dataclass(frozen=True)
class MainConstants:
    """What ``main.py`` sets before it builds anything; its names in brackets.

    intervals : scheduling intervals of a run (NUM_SIM_STEPS).
    hosts, containers : their numbers (HOSTS, CONTAINERS).
    total_power_w : handed to the simulator, which does not use it (TOTAL_POWER).
    router_mb_s : bandwidth that one interval's migrations share (ROUTER_BW).
    interval_s : length of an interval in seconds (INTERVAL_TIME).
    new_containers : mean number of new containers an interval (NEW_CONTAINERS).
    database_name, database_host, database_port : InfluxDB's (DB_NAME, DB_HOST, DB_PORT).
    host_addresses : addresses of the framework's hosts (HOSTS_IP).
    """

    intervals: int
    hosts: int
    containers: int
    total_power_w: float
    router_mb_s: float
    interval_s: float
    new_containers: float
    database_name: str
    database_host: str
    database_port: int
    host_addresses: Tuple[str, ...]


_KINDS: Mapping[str, Tuple[str, Callable[[Any], Any]]] = {
    "NUM_SIM_STEPS": ("intervals", int),
    "HOSTS": ("hosts", int),
    "CONTAINERS": ("containers", int),
    "TOTAL_POWER": ("total_power_w", float),
    "ROUTER_BW": ("router_mb_s", float),
    "INTERVAL_TIME": ("interval_s", float),
    "NEW_CONTAINERS": ("new_containers", float),
    "DB_NAME": ("database_name", str),
    "DB_HOST": ("database_host", str),
    "DB_PORT": ("database_port", int),
    "HOSTS_IP": ("host_addresses", tuple),
}


def main_constants(root: Path, environment: str = "", given: Optional[Mapping[str, Any]] = None) -> MainConstants:
    """The constants of `root`'s ``main.py``.

    Parameters
    ----------
    root : the checkout.
    environment : what ``-e`` is, as HOSTS depends on it; "" is the simulator.
    given : values that take the place of the file's, by name (``{"HOSTS": 10}``); what depends on them follows.

    Raises
    ------
    CheckoutError
        A constant is missing or can't be worked out without running ``main.py``; the message says how to give it.
    """
    values, unread = read_constants(root / MAIN, environment, given or {})
    for name in _KINDS:
        if name not in values:
            reason = unread.get(name, "it is not set at the top level of the file")
            raise CheckoutError(f"{root / MAIN}: {name} can't be read: {reason}. Set it to a plain value there")
    fields = {}
    for name, (field, kind) in _KINDS.items():
        try:
            fields[field] = kind(values[name])
        except (TypeError, ValueError):
            raise CheckoutError(f"{root / MAIN}: {name} is {values[name]!r}, not a {kind.__name__}") from None
    return MainConstants(**fields)


def read_constants(
    main_file: Path, environment: str, given: Mapping[str, Any]
) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Values of the capital-letter names that `main_file` sets, and why others can't be worked out."""
    try:
        tree = parse(main_file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise CheckoutError(f"{main_file} does not parse: {why_unparsable(error)}") from None
    except OSError as error:
        raise CheckoutError(f"{main_file} can't be read: {error.strerror}") from None
    reader = _Reader(environment, given)
    reader.read(tree.body)
    return {name: value for name, value in reader.values.items() if name.isupper()}, reader.unread


class _Unknown(Exception):
    """An expression needs more than literals, arithmetic, comparisons and ``opts.env``."""


_OPERATORS: Mapping[Type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Not: operator.not_, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "int": int, "float": float, "str": str, "round": round, "min": min, "max": max, "len": len, "abs": abs
}  # fmt: skip


class _Reader:
    """Follows assignments and plain ``if`` statements in order; calls nothing of the file's."""

    def __init__(self, environment: str, given: Mapping[str, Any]) -> None:
        self.environment = environment
        self.given = given
        self.values: Dict[str, Any] = {}
        self.unread: Dict[str, str] = {}

    def read(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    self._assign(target, statement.value)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self._assign(statement.target, statement.value)
            elif isinstance(statement, ast.AugAssign):
                value = ast.BinOp(_loaded(statement.target), statement.op, statement.value)
                self._assign(statement.target, ast.copy_location(value, statement))
            elif isinstance(statement, ast.If):
                self._branch(statement)

    def _branch(self, statement: ast.If) -> None:
        try:
            self.read(statement.body if self.value(statement.test) else statement.orelse)
        except _Unknown:
            return  # such as "if __name__ == '__main__'", which comes after the constants

    def _assign(self, target: ast.expr, expression: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(expression, (ast.Tuple, ast.List)):
            if len(target.elts) == len(expression.elts):
                for one, value in zip(target.elts, expression.elts):
                    self._assign(one, value)
            return
        if not isinstance(target, ast.Name):
            return
        name = target.id
        try:
            self.values[name] = self.given[name] if name in self.given else self.value(expression)
            self.unread.pop(name, None)
        except (_Unknown, ArithmeticError, TypeError, ValueError) as error:
            self.values.pop(name, None)
            self.unread[name] = f"line {expression.lineno} {error}"

    def value(self, node: ast.expr) -> Any:
        """The value of `node`, from what is known so far."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.values:
            return self.values[node.id]
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self.value(one) for one in node.elts]
        if isinstance(node, ast.Attribute) and node.attr == "env" and _is_name(node.value, "opts"):
            return self.environment
        if isinstance(node, ast.IfExp):
            return self.value(node.body if self.value(node.test) else node.orelse)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self.value(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _arithmetic(node.op, self.value(node.left), self.value(node.right))
        if isinstance(node, ast.BoolOp):
            return self._either(node)
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            if not node.keywords:
                return _FUNCTIONS[node.func.id](*[self.value(one) for one in node.args])
        raise _Unknown("needs the program to run")

    def _either(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for one in node.values:
            value = self.value(one)
            if bool(value) == isinstance(node.op, ast.Or):
                break
        return value

    def _compared(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for sign, right_node in zip(node.ops, node.comparators):
            right = self.value(right_node)
            if type(sign) not in _OPERATORS:
                raise _Unknown("compares identities")
            if not _OPERATORS[type(sign)](left, right):
                return False
            left = right
        return True


def _arithmetic(sign: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(sign, ast.Mult):
        for many, times in ((left, right), (right, left)):
            if isinstance(many, (str, bytes, list)) and isinstance(times, int):
                if len(many) * times > LARGEST_SEQUENCE:
                    raise _Unknown("makes too long a sequence")
    return _OPERATORS[type(sign)](left, right)


def _loaded(target: ast.expr) -> ast.expr:
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name

