from __future__ import annotations

import pytest

from cosco_splitplace.errors import UnknownNameError
from cosco_splitplace.evaluation import models
from cosco_splitplace.evaluation.models import (
    NamedModel,
    known_models,
    model_name,
    named_model,
    resolve_model,
)


@pytest.mark.parametrize(
    ("name", "decider", "placer"),
    [
        ("SplitPlace", "mab", "daso"), ("M+D", "mab", "daso"), ("M+G", "mab", "gobi"), ("S+G", "semantic", "gobi"),
        ("L+G", "layer", "gobi"), ("R+D", "random", "daso"), ("GOBI", "mab", "gobi"), ("DASO", "mab", "daso"),
        ("MC", "compressed", "gobi"), ("Gillis", "gillis", "gobi"), ("SplitPlace+", "deadline", "daso-set"),
        ("S+D", "semantic", "daso"), ("Gillis+least-loaded", "gillis", "least-loaded"),
        ("least-loaded", "mab", "least-loaded"), ("first-fit", "mab", "first-fit"), ("random", "mab", "random"),
    ],
)  # fmt: skip
def test_names_of_the_paper_and_of_schedulers(name: str, decider: str, placer: str) -> None:
    found = named_model(name.upper())
    assert (found.name, found.decider, found.placer) == (name, decider, placer)
    assert found.description


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"'X\+G'.*GOBI.*SplitPlace"):
        named_model("X+G")


@pytest.mark.parametrize("name", ["X+G", "Gilles", "mab+", "+gobi", "M+H"])
def test_what_is_neither_name_nor_pair_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve_model(name)


def test_a_pair_gets_the_papers_name_only_where_there_is_one() -> None:
    assert model_name("mab", "daso") == "SplitPlace"
    assert model_name("mab", "gobi") == "M+G"
    assert model_name("mab", "least-loaded") == "M+least-loaded"
    assert resolve_model("layer+gobi").name == "L+G"
    assert model_name("deadline", "daso-set") == "SplitPlace+"
    assert model_name("deadline", "gobi") == "deadline+gobi"


@pytest.mark.parametrize(
    ("name", "shown", "decider", "placer"),
    [
        ("S+D", "S+D", "semantic", "daso"), ("l+d", "L+D", "layer", "daso"), ("m+d", "M+D", "mab", "daso"),
        ("S+least-loaded", "S+least-loaded", "semantic", "least-loaded"),
        ("M+daso-set", "M+daso-set", "mab", "daso-set"),
        ("semantic+least-loaded", "S+least-loaded", "semantic", "least-loaded"), ("MC+G", "MC", "compressed", "gobi"),
        ("gillis+gobi", "Gillis", "gillis", "gobi"), ("MC+D", "MC+D", "compressed", "daso"),
        ("r+first-fit", "R+first-fit", "random", "first-fit"), ("mab+D", "SplitPlace", "mab", "daso"),
    ],
)  # fmt: skip
def test_initials_stand_for_deciders_and_placers(name: str, shown: str, decider: str, placer: str) -> None:
    found = resolve_model(name)
    assert (found.name, found.decider, found.placer) == (shown, decider, placer)


def test_what_is_no_initial_is_taken_as_a_reference() -> None:
    assert resolve_model("my.module:Decider+gobi") == NamedModel(
        "my.module:Decider+gobi", "my.module:Decider", "gobi", "my.module:Decider decider, gobi placer"
    )


def test_models_can_be_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_MODELS", dict(models._MODELS))
    models.register_model(NamedModel("Mine", "layer", "random", "a model of ours", shown=True))
    assert named_model("mine").decider == "layer"
    assert model_name("layer", "random") == "Mine"
    with pytest.raises(ValueError, match="registered already"):
        models.register_model(NamedModel("MINE", "layer", "random", ""))
    assert known_models()[-1].name == "Mine"
