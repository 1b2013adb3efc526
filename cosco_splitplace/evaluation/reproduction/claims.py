"""Claims that data can judge: each is made of differences that are paired by seed, and says in words what was found.

A difference whose bootstrap 95 % interval holds 0 is called no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence

import pandas as pd

from ...rewards.metrics import metric as metric_named
from ..labels import format_value, label, shown_value, unit
from ..measures import ALL
from ..models import resolve_model
from ..pairing import Difference, paired_difference
from .experiment import Claim, Data, Finding

HOLDS, FAILS, NO_DIFFERENCE, IN_PART = "holds", "does not hold", "no difference", "holds in part"
TOO_FEW, NOT_MEASURED = "too few seeds to say", "not measured"
TOLD_IN_FULL = 3
UNCHANGED_WITHIN = {"fraction": 0.01}  # a shift of one percentage point is no change (our own choice)


@dataclass(frozen=True)
class Check:
    """A difference, what it was expected to be (1: larger, -1: smaller, 0: the same), and what it is in words.

    ``short`` is for claims that are made of many.
    """

    difference: Difference
    expected: int
    words: str
    short: str
    tolerance: float = 0.0

    @property
    def outcome(self) -> str:
        """One of the verdicts."""
        sign = self.difference.sign
        if self.difference.n == 0:
            return NOT_MEASURED
        if sign is None:
            return TOO_FEW
        if self.expected == 0:
            return HOLDS if sign == 0 or abs(self.difference.mean) <= self.tolerance else FAILS
        if sign == 0:
            return NO_DIFFERENCE
        return HOLDS if sign == self.expected else FAILS


def verdict_of(checks: Sequence[Check]) -> str:
    """The verdict of a claim that is made of several differences."""
    outcomes = [one.outcome for one in checks]
    if not outcomes:
        return NOT_MEASURED
    for one in (NOT_MEASURED, TOO_FEW):
        if one in outcomes:
            return one
    if len(set(outcomes)) == 1:
        return outcomes[0]
    held = outcomes.count(HOLDS)
    return f"{IN_PART} ({held} of {len(outcomes)})" if held else FAILS


def judged(claim: str, checks: Sequence[Check]) -> Finding:
    """The finding of a claim that is made of several differences."""
    return Finding(claim, _told(checks) or "nothing was measured", verdict_of(checks))


def _told(checks: Sequence[Check]) -> str:
    """A few differences one by one in full; many in groups of one outcome."""
    if len(checks) <= TOLD_IN_FULL:
        return "; ".join(one.words for one in checks)
    groups: Dict[str, List[str]] = {}
    for one in checks:
        groups.setdefault(one.outcome, []).append(one.short)
    return "; ".join(f"{outcome}: {', '.join(texts)}" for outcome, texts in groups.items())


def compared(
    metric: str, own_name: str, own: "pd.Series[float]", other_name: str, other: "pd.Series[float]", expected: int
) -> Check:
    """Two quantities of one metric, each with one value a seed."""
    found = paired_difference(own, other)
    tolerance = UNCHANGED_WITHIN.get(metric_named(metric).unit, 0.0) if expected == 0 else 0.0
    short = f"{own_name} less {other_name} {_signed(metric, found.mean)}"
    if not found.n:
        return Check(found, expected, f"{own_name} and {other_name}: no seed has both", own_name)
    words = (
        f"{own_name} {format_value(metric, float(own.mean()))}, {other_name} "
        f"{format_value(metric, float(other.mean()))}{_space(unit(metric))} ({difference_words(metric, found)})"
    )
    return Check(found, expected, words, short, tolerance)


def difference_words(metric: str, found: Difference) -> str:
    """A difference, its interval and its wins: "+1.20, 95 % interval +0.90 to +1.60, larger in 5 of 5 seeds"."""
    wins = f"larger in {found.wins} of {found.n} seeds"
    if found.sign is None:
        return f"{_signed(metric, found.mean)}, {wins}; too few seeds for an interval"
    interval = f"95 % interval {_signed(metric, found.low)} to {_signed(metric, found.high)}"
    nothing = ": no difference" if found.sign == 0 else ""
    return f"{_signed(metric, found.mean)}, {interval}, {wins}{nothing}"


def _signed(metric: str, value: float) -> str:
    text = format_value(metric, value)
    return text if text.startswith("-") or shown_value(metric, value) == 0 else f"+{text}"


def _space(text: str) -> str:
    return f" {text}" if text else ""


def _where(variant: str, application: str) -> str:
    parts = [one for one in (variant, "" if application == ALL else application) if one]
    return f" ({', '.join(parts)})" if parts else ""


def best(
    claim: str, metric: str, model: str, highest: bool, among: Sequence[str] = (),
    variants: Sequence[str] = ("",), applications: Sequence[str] = (ALL,),
) -> Claim:
    """`model` has the highest (or lowest) mean of `metric` among the models that ran, in each of the worlds.

    It is compared with the best of the others.
    """

    def judge(data: Data) -> Finding:
        checks = []
        name = resolve_model(model).name
        for variant in variants:
            for application in applications:
                others = [one for one in (among or data.models) if resolve_model(one).name != name]
                others = [one for one in others if len(data.values(metric, one, variant, application))]
                if not others:
                    continue
                rival = (max if highest else min)(
                    others, key=lambda one: data.mean(metric, one, variant, application)
                )
                checks.append(_pair(data, metric, name, rival, 1 if highest else -1, variant, application))
        return judged(claim, checks)

    return judge


def better(
    claim: str, metric: str, model: str, than: Sequence[str], expected: int, variants: Sequence[str] = ("",),
    applications: Sequence[str] = (ALL,),
) -> Claim:
    """`metric` of `model` is larger (1), smaller (-1) or the same (0) as that of each model in `than`."""

    def judge(data: Data) -> Finding:
        return judged(claim, [
            _pair(data, metric, model, other, expected, variant, application)
            for variant in variants for application in applications for other in than
        ])  # fmt: skip

    return judge


def _pair(
    data: Data, metric: str, model: str, other: str, expected: int, variant: str, application: str
) -> Check:
    where = _where(variant, application)
    return compared(
        metric, f"{label(metric)} of {model}{where}", data.values(metric, model, variant, application), other,
        data.values(metric, other, variant, application), expected,
    )  # fmt: skip


def changes(
    claim: str, metric: str, models: Sequence[str], before: str, after: Sequence[str], expected: int,
    applications: Sequence[str] = (ALL,),
) -> Claim:
    """From world `before` to each world of `after`, `metric` rises (1), falls (-1) or stays (0) for every model."""

    def judge(data: Data) -> Finding:
        checks: List[Check] = []
        for world in after:
            for model in models:
                for application in applications:
                    own = data.values(metric, model, world, application)
                    other = data.values(metric, model, before, application)
                    name = f"{label(metric)} of {model}{_where(world, application)}"
                    checks.append(compared(metric, name, own, before, other, expected))
        return judged(claim, checks)

    return judge


def least_change(
    claim: str, metric: str, model: str, others: Sequence[str], before: str, after: Sequence[str], sign: int
) -> Claim:
    """From `before` to each world of `after`, `metric` of `model` rises (or, with sign -1, falls) least of all."""

    def judge(data: Data) -> Finding:
        checks: List[Check] = []
        for world in after:
            change = {
                one: sign * (data.values(metric, one, world) - data.values(metric, one, before))
                for one in (model, *others)
            }
            known = [one for one in others if len(change[one])]
            if not known:
                continue
            rival = min(known, key=lambda one: float(change[one].mean()))
            verb = "rise" if sign > 0 else "fall"
            checks.append(compared(
                metric, f"{verb} of {label(metric)} from {before} to {world}: {model}", change[model], rival,
                change[rival], -1,
            ))  # fmt: skip
        return judged(claim, checks)

    return judge


def ordered_applications(
    claim: str, metric: str, models: Sequence[str], high: str, low: str, variant: str = ""
) -> Claim:
    """`metric` of application `high` is larger than that of application `low`, for every model."""

    def judge(data: Data) -> Finding:
        return judged(claim, [
            compared(
                metric, f"{label(metric)} of {model}: {high}", data.values(metric, model, variant, high), low,
                data.values(metric, model, variant, low), 1,
            )
            for model in models
        ])  # fmt: skip

    return judge
