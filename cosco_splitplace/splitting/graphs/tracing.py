"""From a torch module or an exported program to a graph, by ``torch.export`` with a free number of images.

torch.export and not torch.fx: it sees through any Python that torch can follow, names the line where it can't, and
gives torch's own operators, of which there is a list, where fx keeps calls of the model's Python classes. It takes
seconds where fx takes a tenth of one.
"""

from __future__ import annotations

import contextlib
import io
import logging
import operator
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node as FxNode

from ...errors import ConfigurationError
from .graph import DTYPES, Batch, Graph, Node, TensorSpec, Value, Weight, references
from .module import GraphModule, meta_run
from .operators import OPERATORS, VIEWS, draws_random_numbers, resolve

__all__ = ["TracedModel", "load_exported", "trace_module", "trace_program"]

INPUT = "input"
_IMAGES = 2  # of the example; torch.export takes 0 and 1 for constants
_TORCH = os.path.dirname(torch.__file__)
_PASSED_ON = ("alias.default", "detach.default", "lift_fresh_copy.default")  # nothing happens
_DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout")
_CHECKS = ("_assert_async.msg", "_assert_scalar.default", "_assert_tensor_metadata.default",
           "sym_constrain_range_for_size.default", "sym_constrain_range.default")
_WRITES = ("the model writes into a tensor that it has other uses for ({name}){line}; make a new tensor in its place "
           "(torch.where, torch.cat, masked_fill)")


@dataclass(frozen=True, eq=False)
class TracedModel:
    """A graph, its weights by name, and which of them are trained numbers (the others: statistics, constants)."""

    graph: Graph
    weights: dict[str, torch.Tensor]
    parameters: frozenset[str]


def trace_module(module: nn.Module, input_shape: Sequence[int], dtype: str = "float32") -> TracedModel:
    """Trace `module` in eval mode.

    Parameters
    ----------
    module : takes one tensor, gives one or several.
    input_shape : of one image, without the batch dimension.
    dtype : of the input.

    Raises
    ------
    ConfigurationError
        It can't be traced: the message names the source line and what to do.
    """
    example = torch.zeros((_IMAGES, *input_shape), dtype=DTYPES[dtype])
    module = module.eval()
    try:
        with torch.no_grad():
            module(example)
    except Exception as error:
        raise ConfigurationError(f"the model does not run on {dtype} of shape {(_IMAGES, *input_shape)}: "
                                 f"{_first(error)}{_where(error)}; give the shape of one input with "
                                 "--input-shape") from error
    try:
        with torch.no_grad(), _quiet():
            program = torch.export.export(module, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
    except Exception as error:
        raise ConfigurationError(_explained(error)) from error
    return trace_program(program)


def load_exported(file: Path) -> ExportedProgram:
    """The program in a ``.pt2`` file, of which torch's own loader is the judge: open only files that you trust."""
    try:
        with _quiet():
            return torch.export.load(file)
    except Exception as error:
        raise ConfigurationError(f"{file} can't be read as an exported program ({_first(error)}); write it with "
                                 "torch.export.save") from error


def trace_program(program: ExportedProgram) -> TracedModel:
    """The graph of an exported program.

    Raises
    ------
    ConfigurationError
        It changes its own weights, takes several inputs, has a fixed batch size, or holds an operator that is not
        allowed: the message names the source line.
    """
    reading = _Reading(program)
    for node in program.graph.nodes:
        reading.take(node)
    return reading.finish()


class _Reading:
    """What was read of an exported program so far."""

    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.values: dict[str, Any] = {}  # by fx name: Value, Weight, Batch, whole number, None
        self.nodes: list[Node] = []
        self.weights: dict[str, torch.Tensor] = {}
        self.parameters: set[str] = set()
        self.inputs: list[TensorSpec] = []
        self.outputs: list[str] = []
        self._by_memory: dict[Any, str] = {}
        self._targets = {one.arg.name: one for one in program.graph_signature.input_specs if hasattr(one.arg, "name")}
        changed = [one for one in program.graph_signature.output_specs if one.kind != OutputKind.USER_OUTPUT]
        if changed:
            raise ConfigurationError(f"the model changes {changed[0].target!r} while it runs; a fragment keeps nothing "
                                     "from one batch to the next: make it a function of its input alone")

    def take(self, node: FxNode) -> None:
        if node.op == "placeholder":
            self._placeholder(node)
        elif node.op == "output":
            for one in node.args[0]:  # type: ignore[union-attr]
                found = self.values[one.name] if isinstance(one, FxNode) else None
                if not isinstance(found, Value):
                    raise ConfigurationError("an output of the model does not depend on its input; leave it out")
                self.outputs.append(found.name)
        elif node.op == "call_function":
            self._call(node)
        else:
            raise ConfigurationError(f"the program holds a {node.op} ({node.name}){_line(node)}; only torch operators "
                                     "can be split: inline what it calls")

    def _placeholder(self, node: FxNode) -> None:
        spec = self._targets[node.name]
        if spec.kind == InputKind.USER_INPUT:
            shape = node.meta["val"].shape if isinstance(node.meta.get("val"), torch.Tensor) else None
            if self.inputs or shape is None:
                raise ConfigurationError("the model takes more than one tensor; wrap it in a module that takes one")
            if isinstance(shape[0], int):
                raise ConfigurationError(
                    f"the program was exported for exactly {shape[0]} inputs at once; export it with dynamic_shapes="
                    "({0: torch.export.Dim('batch')},), so that the batch size is free")
            self.inputs.append(TensorSpec(INPUT, tuple(int(one) for one in shape[1:]), _dtype(node.meta["val"])))
            self.values[node.name] = Value(INPUT)
            return
        tensor = (self.program.state_dict.get(str(spec.target)) if spec.target in self.program.state_dict
                  else self.program.constants.get(str(spec.target)))
        if not isinstance(tensor, torch.Tensor):
            raise ConfigurationError(f"the model holds {spec.target!r}, which is no tensor; only tensors can be "
                                     "written")
        self.values[node.name] = self._weight(str(spec.target), tensor)
        if spec.kind == InputKind.PARAMETER:
            self.parameters.add(self.values[node.name].name)

    def _weight(self, name: str, tensor: torch.Tensor) -> Weight:
        """Weights that share memory (tied embeddings) are one."""
        tensor = tensor.detach()
        memory = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype) if tensor.numel() else name
        if memory not in self._by_memory:
            self._by_memory[memory] = name
            self.weights[name] = tensor
        return Weight(self._by_memory[memory])

    def _call(self, node: FxNode) -> None:
        value = node.meta.get("val")
        if isinstance(value, (torch.SymInt, int)) and not isinstance(value, bool):
            self.values[node.name] = _batch_multiple(value, node)
            return
        name = "getitem" if node.target is operator.getitem else _operator_name(node)
        args = tuple(self._argument(one) for one in node.args)
        kwargs = {key: self._argument(one) for key, one in node.kwargs.items()
                  if key not in ("device", "pin_memory", "layout") and one is not None}
        if name in _CHECKS:
            return
        if name in _PASSED_ON and isinstance(args[0], Value):
            self.values[node.name] = args[0]
            return
        if name.startswith(_DROPOUTS):
            if args[2]:
                raise ConfigurationError(f"the model draws random numbers (dropout){_line(node)} in eval mode; "
                                         "pass training=self.training to it")
            self.values[node.name] = args[0]
            return
        self.values[node.name] = made = self._made(node, name, args, kwargs)
        if name != node_name(node):
            self._written(node, made)

    def _made(self, node: FxNode, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name not in OPERATORS:
            raise ConfigurationError(f"the operator {name!r}{_line(node)} is not among those that a fragment may hold "
                                     "(cosco_splitplace/splitting/graphs/operators.py lists them); write the model "
                                     "with others, or ask for it to be added")
        if name.startswith("batch_norm") and args[5]:
            raise ConfigurationError(f"a batch norm uses the statistics of the batch{_line(node)}; a fragment takes "
                                     "running statistics: call the model's eval() and keep them")
        if draws_random_numbers(name, args, kwargs):
            raise ConfigurationError(f"attention draws random numbers (dropout){_line(node)} in eval mode; pass "
                                     "dropout_p=0.0 to it unless self.training")
        made = Node(node.name, name, args, kwargs)
        used = list(references(made))
        if not any(isinstance(one, (Value, Batch)) for one in used):  # it is the same for every input
            result = resolve(name)(*self._real(args), **{key: self._real((one,))[0] for key, one in kwargs.items()})
            if isinstance(result, torch.Tensor):
                return self._weight(f"constant.{node.name}", result.contiguous())
        self.nodes.append(made)
        return Value(node.name)

    def _written(self, node: FxNode, made: Any) -> None:
        """`node` wrote into its first argument: whoever uses that later means what was written."""
        first = node.args[0]
        assert isinstance(first, FxNode)  # noqa: S101  (of every operator that writes)
        before = self.values[first.name]
        if isinstance(before, Weight) or any(_may_view(one) for one in (first, *first.users) if one is not node):
            raise ConfigurationError(_WRITES.format(name=node_name(node), line=_line(node)))
        self.values.update({name: made for name, one in self.values.items() if one == before})

    def _argument(self, given: Any) -> Any:
        if isinstance(given, FxNode):
            return self.values[given.name]
        if isinstance(given, (list, tuple)):
            return tuple(self._argument(one) for one in given)
        return given

    def _real(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.weights[one.name] if isinstance(one, Weight)
                     else list(self._real(one)) if isinstance(one, tuple) else one for one in args)

    def finish(self) -> TracedModel:
        """Leave out what nothing uses; find the outputs' shapes by a run without data."""
        if not self.inputs:
            raise ConfigurationError("the model takes no tensor; it must take one, of shape (batch, ...)")
        needed = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if node.name in needed:
                kept.append(node)
                needed.update(one.name for one in references(node) if isinstance(one, Value))
        if INPUT not in needed:
            raise ConfigurationError("the output of the model does not depend on its input")
        nodes = tuple(reversed(kept))
        graph = Graph(tuple(self.inputs), nodes, output_specs(Graph(tuple(self.inputs), nodes, ()), self.weights,
                                                              self.outputs))
        used = graph.weight_names()
        return TracedModel(graph, {name: self.weights[name].contiguous() for name in used},
                           frozenset(self.parameters) & frozenset(used))


def output_specs(graph: Graph, weights: dict[str, torch.Tensor], names: Sequence[str]) -> tuple[TensorSpec, ...]:
    """Shape and type of the named values; each must have the batch as its first dimension, and only there."""
    two, three = (values_made(GraphModule(graph, weights), images) for images in (2, 3))
    specs = []
    for name in names:
        if not is_batched(two[name], three[name]):
            raise ConfigurationError(f"the output {name!r} of the model has the shape {tuple(two[name].shape)} for 2 "
                                     f"inputs and {tuple(three[name].shape)} for 3; the batch must be its first "
                                     "dimension")
        specs.append(TensorSpec(name, tuple(two[name].shape[1:]), _dtype(two[name])))
    return tuple(specs)


def values_made(module: GraphModule, images: int) -> dict[str, Any]:
    """What every input and node is for so many images, without data; by name."""
    found: dict[str, Any] = {}
    meta_run(module, images, found.__setitem__)
    return found


def is_batched(two: Any, three: Any) -> bool:
    """Of a value's shapes for 2 and for 3 images: is its first dimension, and no other, the number of images?"""
    return (isinstance(two, torch.Tensor) and two.dim() > 0 and (two.shape[0], three.shape[0]) == (2, 3)
            and two.shape[1:] == three.shape[1:])


def node_name(node: FxNode) -> str:
    """``relu_.default`` of ``torch.ops.aten.relu_.default``."""
    return str(node.target).replace("aten.", "", 1) if node.target is not operator.getitem else "getitem"


def _operator_name(node: FxNode) -> str:
    """The operator, without writing in place: ``relu.default`` of ``torch.ops.aten.relu_.default``."""
    name = node_name(node)
    packet, _, overload = name.partition(".")
    if not packet.endswith("_") or packet.startswith(_DROPOUTS):
        return name
    if f"{packet[:-1]}.{overload}" not in (*OPERATORS, *_PASSED_ON):
        raise ConfigurationError(_WRITES.format(name=name, line=_line(node)))
    return f"{packet[:-1]}.{overload}"


def _may_view(node: FxNode) -> bool:
    return node.op == "call_function" and node_name(node) in VIEWS


def _batch_multiple(value: Any, node: FxNode) -> Any:
    """A whole number, or how many times the batch it is."""
    if isinstance(value, int):
        return value
    expression = value.node.expr
    symbols = list(expression.free_symbols)
    if not symbols:
        return int(expression)
    if len(symbols) == 1:
        at_two, at_three = (expression.subs(symbols[0], one) for one in (2, 3))
        times = at_three - at_two
        if times.is_integer and times > 0 and at_two == 2 * times:
            return Batch(int(times))
    raise ConfigurationError(f"the model computes the size {expression} from its batch{_line(node)}; only multiples of "
                             "the batch size can be split")


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).replace("torch.", "")


def _line(node: FxNode) -> str:
    """`` at FILE:LINE`` of the model's code that a node came from, where torch knows it."""
    trace = node.meta.get("stack_trace")
    lines = [one.strip() for one in trace.splitlines() if one.strip().startswith("File ")] if trace else []
    return f" at {_short(lines[-1])}" if lines else ""


def _short(line: str) -> str:
    parts = line.split('"')
    number = parts[2].split("line ")[1].split(",")[0].strip() if len(parts) > 2 and "line " in parts[2] else "?"
    return f"{parts[1]}:{number}"


def _where(error: BaseException) -> str:
    """The innermost line outside torch that an error came from."""
    frames = [one for one in traceback.extract_tb(error.__traceback__)
              if not one.filename.startswith((_TORCH, "<")) and one.filename != __file__]
    return f" (at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _explained(error: BaseException) -> str:
    kind = type(error).__name__
    where = _where(error)
    if kind == "GuardOnDataDependentSymNode" or "data-dependent" in str(error):
        return (f"the model can't be traced: what it does depends on the numbers in its input{where}. Write it without "
                "if, while, int() or item() on a tensor: torch.where(condition, a, b) chooses number by number, and "
                "masks take the place of loops")
    if "Constraints violated" in str(error) or "specialized" in str(error):
        return (f"the model can't be traced for any batch size: its code fixes it to {_IMAGES}, the example's{where}. "
                "Take the batch size from the input (x.shape[0]) or leave it to torch (x.view(-1, ...), flatten(1))")
    return (f"the model can't be traced by torch.export ({kind}: {_first(error)}){where}. Keep to torch operators in "
            "forward(): no numpy, no files, no state that changes")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch.export prints graphs and warnings of its own; what matters of them is in our message."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.export", "torch.fx", "torch._dynamo")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for one, level in zip(loggers, levels):
            one.setLevel(level)
