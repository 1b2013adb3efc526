"""Any module becomes a graph that computes the same; what can't be traced says where and what to do."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path

import graph_networks as made
import pytest
import torch
from torch import nn

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.splitting.graphs.graph import Node, TensorSpec, Value, Weight, graph_from_json, graph_to_json
from cosco_splitplace.splitting.graphs.models import traced
from cosco_splitplace.splitting.graphs.module import GraphModule
from cosco_splitplace.splitting.graphs.operators import OPERATORS, VIEWS, in_place, resolve
from cosco_splitplace.splitting.graphs.tracing import trace_module

SHAPES = {made.skipping: (3, 8, 8), made.Tokens: (5, 16), made.TwoOutputs: (6,), made.FromNothing: (6,)}


@pytest.mark.parametrize("factory", SHAPES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("images", [1, 7])
def test_the_graph_computes_the_same_for_any_batch(factory: type[nn.Module], images: int) -> None:
    module = factory().eval()
    model = trace_module(module, SHAPES[factory])
    graph = graph_from_json(json.loads(json.dumps(graph_to_json(model.graph))))
    assert graph == model.graph
    given = torch.randn(images, *SHAPES[factory])
    kept = given.clone()
    with torch.no_grad():
        expected = module(given)
    found = GraphModule(graph, model.weights)(given)
    assert torch.equal(given, kept)  # nothing is written into the caller's tensor
    for one, other in zip(found if isinstance(found, tuple) else (found,),
                          expected if isinstance(expected, tuple) else (expected,)):
        assert torch.equal(one, other)


def test_what_the_graph_holds() -> None:
    model = trace_module(made.skipping(), (3, 8, 8))
    names = [node.operator for node in model.graph.nodes]
    assert "relu.default" in names and not any("dropout" in one or "_." in one for one in names)
    assert "tril.default" not in names  # what is the same for every input is computed once, while tracing
    assert any(name.startswith("constant.") for name in model.weights)
    assert not any(name.startswith("constant.") or "running" in name for name in model.parameters)
    assert sum(model.weights[name].numel() for name in model.parameters) == sum(
        one.numel() for one in made.skipping().parameters())


def test_an_operator_overwrites_only_what_nobody_needs() -> None:
    module = GraphModule(*(lambda one: (one.graph, one.weights))(trace_module(made.skipping(), (3, 8, 8))))
    overwriting = {node.operator for node, step in zip(module.graph.nodes, module._steps)
                   if step.function is not resolve(node.operator)}
    # norm(second) and relu(norm): yes. changed + kept: into changed. The mask's product: into the sum.
    assert overwriting == {"batch_norm.default", "relu.default", "add.Tensor", "mul.Tensor"}


def test_a_program_from_a_file(tmp_path: Path) -> None:
    module = made.skipping().eval()
    example, batch = torch.zeros(2, 3, 8, 8), torch.export.Dim("batch", min=1)
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=({0: batch},)), tmp_path / "free.pt2")
    torch.export.save(torch.export.export(module, (example,)), tmp_path / "fixed.pt2")
    model = traced(str(tmp_path / "free.pt2"), None)
    given = torch.randn(3, 3, 8, 8)
    assert torch.equal(GraphModule(model.graph, model.weights)(given), module(given))
    with pytest.raises(ConfigurationError, match=r"exported for exactly 2 inputs.*dynamic_shapes"):
        traced(str(tmp_path / "fixed.pt2"), None)
    with pytest.raises(ConfigurationError, match=r"inputs of shape 3,8,8, got 3,9,9"):
        traced(str(tmp_path / "free.pt2"), (3, 9, 9))
    (tmp_path / "broken.pt2").write_bytes(b"no zip")
    with pytest.raises(ConfigurationError, match=r"can't be read as an exported program"):
        traced(str(tmp_path / "broken.pt2"), None)


def test_data_dependent_control_flow_names_the_line() -> None:
    lines, start = inspect.getsourcelines(made.DependsOnData)
    line = start + next(at for at, one in enumerate(lines) if "if given.sum()" in one)
    with pytest.raises(ConfigurationError, match=rf"graph_networks\.py:{line}: if given\.sum\(\) > 0.*torch\.where"):
        trace_module(made.DependsOnData(), (4,))


@pytest.mark.parametrize(("module", "says"), [
    (made.FixedBatch(), r"its code fixes it to 2.*x\.shape\[0\]"),
    (made.WritesIntoParts(), r"writes into .*graph_networks\.py:\d+; make a new tensor"),
    (made.Random(), r"the operator 'rand_like\.default' at .*graph_networks\.py:\d+ is not among"),
    (nn.Linear(3, 2), r"does not run on float32 of shape \(2, 4\)"),
    (nn.Bilinear(4, 4, 2), r"does not run"),
])
def test_what_cannot_be_traced_says_why(module: nn.Module, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        trace_module(module, (4,))


@pytest.mark.parametrize(("model", "shape", "says"), [
    ("resnetv9", None, r"unknown model 'resnetv9'; known: .*MNIST.*decoder-small.*resnetv2-50"),
    ("graph_networks:skipping", None, r"needs --input-shape"),
    ("graph_networks:nothing", (3,), r"can't be imported"),
    ("graph_networks:SHAPE", (3,), r"can't be imported"),
    ("math:pi", (3,), r"not a class or function"),
    ("os:getpid", (3,), r"gave a int, not a torch\.nn\.Module"),
    ("MNIST", (3, 28, 28), r"takes images of shape 1,28,28"),
    ("vit-small", (3, 30, 30), r"patches of 4 pixels do not divide"),
    ("decoder-small", (3, 4), r"inputs of 1 dimensions"),
])
def test_a_model_that_is_none(model: str, shape: tuple[int, ...] | None, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        traced(model, shape)


def test_a_factory_and_a_shipped_application() -> None:
    first = traced("graph_networks:skipping", (3, 8, 8), seed=1)
    again = traced("graph_networks:skipping", (3, 8, 8), seed=1)
    assert first.graph == again.graph
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert traced("MNIST", None).graph.inputs[0].dtype == "uint8"


def test_allowed_operators_change_nothing_and_draw_nothing() -> None:
    for name in OPERATORS - {"getitem", "scaled_dot_product_attention.default"}:
        operator = resolve(name)
        assert not operator._schema.is_mutable, name  # type: ignore[attr-defined]
        assert torch.Tag.nondeterministic_seeded not in operator.tags, name  # type: ignore[attr-defined]
        aliasing = any(one.alias_info is not None for one in operator._schema.returns)  # type: ignore[attr-defined]
        assert not aliasing or name in VIEWS, name  # what a schema says may be a view is in our list of views
    assert all(name in OPERATORS and name not in VIEWS for name in OPERATORS if in_place(name))
    with pytest.raises(ValueError, match="not allowed"):
        resolve("from_file.default")


@pytest.mark.parametrize(("change", "says"), [
    ({"operator": "from_file.default"}, r"'from_file\.default' is not among the \d+ allowed"),
    ({"name": "input"}, "made twice"),
    ({"name": "../x"}, "is no name"),
    ({"args": [{"value": "later"}]}, "uses 'later', which nothing before it makes"),
    ({"args": [{"code": "print()"}]}, "is no argument"),
    ({"args": [[[[[[1]]]]]]}, "is no argument"),
    ({"args": "input"}, "expected a list"),
    ({"operator": "scaled_dot_product_attention.default", "args": [{"value": "input"}] * 3,
      "kwargs": {"dropout_p": 0.1}}, "draws no random numbers"),
    ({"more": 1}, "expected an object with"),
])
def test_a_graph_from_elsewhere_is_not_trusted(change: dict[str, object], says: str) -> None:
    content = {
        "inputs": [{"name": "input", "shape": [3], "dtype": "float32"}],
        "nodes": [{"name": "made", "operator": "relu.default", "args": [{"value": "input"}], **change}],
        "outputs": [{"name": "made", "shape": [3], "dtype": "float32"}],
    }
    with pytest.raises(ValueError, match=says):
        graph_from_json(content)


def test_weights_must_fit() -> None:
    model = trace_module(nn.Linear(4, 2), (4,))
    unfit = GraphModule(model.graph, {**model.weights, "weight": torch.zeros(2, 5)})
    for use in (unfit.check, lambda: unfit(torch.zeros(2, 4))):  # without data, and where an agent finds out
        with pytest.raises(ValueError, match=r"does not take its input"):
            use()
    changed = dataclasses.replace(model.graph, outputs=(TensorSpec("linear", (3,), "float32"),))
    with pytest.raises(ValueError, match=r"output 'linear' is float32 of shape \(n, 3\), got float32 \(2, 2\)"):
        GraphModule(changed, model.weights)(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="the weight 'bias' is missing"):
        GraphModule(model.graph, {"weight": model.weights["weight"]})
    module = GraphModule(model.graph, model.weights)
    with pytest.raises(ValueError, match=r"float32 of shape \(n, 4\), got float64"):
        module(torch.zeros(2, 4, dtype=torch.float64))
    assert model.graph.nodes == (Node("linear", "linear.default", (Value("input"), Weight("weight"), Weight("bias"))),)
