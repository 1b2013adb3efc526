"""The paper's models by name, as data: which decider works with which placer (section 6.5, Table 4).

A model is called by the paper's name ("SplitPlace", "M+G"), by a scheduler's ("GOBI": that placer under the bandit), or
as "decider+placer" ("layer+first-fit"; either may be a ``module:Name`` reference).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence

from ..errors import unknown_name


@dataclass(frozen=True)
class NamedModel:
    """A decider and a placer under one name; ``in_paper`` says whether the paper calls the pair so."""

    name: str
    decider: str
    placer: str
    description: str
    in_paper: bool = False


_MODELS: Dict[str, NamedModel] = {}


def register_model(model: NamedModel) -> None:
    """Add `model`; a name is given once, whatever its case."""
    key = model.name.casefold()
    if key in _MODELS:
        raise ValueError(f"model {_MODELS[key].name!r} is registered already")
    _MODELS[key] = model


def known_models() -> Sequence[NamedModel]:
    """All registered models in the order of registration."""
    return tuple(_MODELS.values())


def named_model(name: str) -> NamedModel:
    """The model called `name`, in any case.

    Raises
    ------
    UnknownNameError
        No model is called so; the message lists those that are.
    """
    found = _MODELS.get(name.casefold())
    if found is None:
        raise unknown_name("model", name, [one.name for one in _MODELS.values()])
    return found


def resolve_model(name: str) -> NamedModel:
    """The model called `name`, or the pair that "decider+placer" spells out.

    Raises
    ------
    UnknownNameError
        `name` is no model's and not of that form.
    """
    if name.casefold() in _MODELS:
        return named_model(name)
    decider, plus, placer = name.rpartition("+")
    if not (plus and decider.strip() and placer.strip()) or min(len(decider), len(placer)) == 1:
        return named_model(name)  # raises: "X+G" is a misspelt name of the paper's, not a pair
    return model_of(decider.strip(), placer.strip())


def model_of(decider: str, placer: str) -> NamedModel:
    """The paper's model that is made of `decider` and `placer`, else an unregistered one named "decider+placer"."""
    found = _in_paper(decider, placer)
    return found or NamedModel(f"{decider}+{placer}", decider, placer, f"{decider} decider, {placer} placer")


def model_name(decider: str, placer: str) -> str:
    """The paper's name of the pair when there is one, else "decider+placer"."""
    return model_of(decider, placer).name


def _in_paper(decider: str, placer: str) -> Optional[NamedModel]:
    pairs = (
        one for one in _MODELS.values() if one.in_paper and (one.decider, one.placer) == (decider, placer)
    )
    return next(pairs, None)


for _model in (
    NamedModel(
        "SplitPlace", "mab", "daso", "the paper's model: bandit decisions, decision-aware placement", True
    ),
    NamedModel("SplitPlace+", "deadline", "daso-set", "ours: decisions by expected reward, placement by daso-set"),
    NamedModel("M+D", "mab", "daso", "SplitPlace under its ablation name (MAB+DASO)", True),
    NamedModel("M+G", "mab", "gobi", "bandit decisions, placement that does not see them (MAB+GOBI)", True),
    NamedModel("S+G", "semantic", "gobi", "every task split semantically (Semantic+GOBI)", True),
    NamedModel("L+G", "layer", "gobi", "every task split by layers (Layer+GOBI)", True),
    NamedModel("MC", "compressed", "gobi", "every task on the pruned network (model compression)", True),
    NamedModel("Gillis", "gillis", "gobi", "layer split or pruned network, by reinforcement learning (Gillis)", True),
    NamedModel(
        "R+D", "random", "daso", "split drawn at random, decision-aware placement (Random+DASO)", True
    ),
    NamedModel("GOBI", "mab", "gobi", "the GOBI placer under the bandit's decisions"),
    NamedModel("DASO", "mab", "daso", "the DASO placer under the bandit's decisions"),
    NamedModel(
        "least-loaded", "mab", "least-loaded", "the host with the least load, under the bandit's decisions"
    ),
    NamedModel("first-fit", "mab", "first-fit", "the first host with room, under the bandit's decisions"),
    NamedModel("random", "mab", "random", "any host with room, under the bandit's decisions"),
):
    register_model(_model)
