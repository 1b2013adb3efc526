"""Models by name, as data: which decider works with which placer (section 6.5, Table 4).

A model is called by the paper's name ("SplitPlace", "M+G"), by a scheduler's ("GOBI": that placer under the bandit), or
as "decider+placer", where either may be an initial of the paper's or a ``module:Name`` reference ("S+least-loaded",
"layer+first-fit").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Sequence

from ..errors import unknown_name


@dataclass(frozen=True)
class NamedModel:
    """A decider and a placer under one name; ``shown`` says whether results of the pair bear it."""

    name: str
    decider: str
    placer: str
    description: str
    shown: bool = False


# what the paper's short names stand for (section 6.5)
DECIDER_INITIALS = {
    "semantic": "S", "layer": "L", "mab": "M", "random": "R", "compressed": "MC", "gillis": "Gillis", "unsplit": "U",
}  # fmt: skip
PLACER_INITIALS = {"gobi": "G", "daso": "D"}

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
    """The model called `name`, or the pair that "decider+placer" spells out; either may be an initial of the paper's.

    Raises
    ------
    UnknownNameError
        `name` is no model's and not of that form.
    """
    if name.casefold() in _MODELS:
        return named_model(name)
    decider, plus, placer = (one.strip() for one in name.rpartition("+"))
    decider, placer = _spelt_out(DECIDER_INITIALS, decider), _spelt_out(PLACER_INITIALS, placer)
    if not plus or min(len(decider), len(placer)) < 2:
        return named_model(name)  # raises: "X+G" is a misspelt name of the paper's, not a pair
    return model_of(decider, placer)


def model_of(decider: str, placer: str) -> NamedModel:
    """The registered model that is shown for `decider` and `placer`, else an unregistered one named after them."""
    shown = (one for one in _MODELS.values() if one.shown and (one.decider, one.placer) == (decider, placer))
    known = decider in DECIDER_INITIALS
    name = f"{DECIDER_INITIALS[decider]}+{PLACER_INITIALS.get(placer, placer)}" if known else f"{decider}+{placer}"
    return next(shown, None) or NamedModel(name, decider, placer, f"{decider} decider, {placer} placer")


def model_name(decider: str, placer: str) -> str:
    """The name under which the pair is shown, such as "SplitPlace" or "S+least-loaded"."""
    return model_of(decider, placer).name


def _spelt_out(initials: Mapping[str, str], name: str) -> str:
    """The decider or placer that `name` is the initial of, in any case; else `name`."""
    return next((one for one, initial in initials.items() if initial.casefold() == name.casefold()), name)


for _model in (
    NamedModel(
        "SplitPlace", "mab", "daso", "the paper's model: bandit decisions, decision-aware placement", True
    ),
    NamedModel("SplitPlace+", "deadline", "daso-set", "ours: splits by expected reward, placement by daso-set", True),
    NamedModel("M+D", "mab", "daso", "SplitPlace under its ablation name (MAB+DASO)", True),
    NamedModel("M+G", "mab", "gobi", "bandit decisions, placement that does not see them (MAB+GOBI)", True),
    NamedModel("S+G", "semantic", "gobi", "every task split semantically (Semantic+GOBI)", True),
    NamedModel("L+G", "layer", "gobi", "every task split by layers (Layer+GOBI)", True),
    NamedModel("MC", "compressed", "gobi", "every task on the pruned network (model compression)", True),
    NamedModel("Gillis", "gillis", "gobi", "layer split or pruned network, by reinforcement learning (Gillis)", True),
    NamedModel("Unsplit", "unsplit", "least-loaded", "every task's network whole, on the idlest host", True),
    NamedModel(
        "R+D", "random", "daso", "split drawn at random, decision-aware placement (Random+DASO)", True
    ),
    NamedModel("S+D", "semantic", "daso", "every task split semantically, decision-aware placement", True),
    *(
        NamedModel(
            f"{initial}+least-loaded", decider, "least-loaded", f"{decider} decider, each fragment on the idlest host",
            True,
        )
        for decider, initial in DECIDER_INITIALS.items()
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
