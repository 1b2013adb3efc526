"""The experiments of sections 2 and 6 of the paper."""

from __future__ import annotations

from functools import partial
from typing import List, Sequence

import pandas as pd

from ..labels import TABLE_4
from ..plots.sweeps import plot_applications, plot_curves, plot_models
from .claims import best, better, compared, judged, ordered_applications
from .experiment import Claim, Data, Experiment, Finding, Variant

PAPER: Sequence[str] = ("MC", "Gillis", "S+G", "L+G", "R+D", "M+G", "SplitPlace")
BASELINES: Sequence[str] = ("MC", "Gillis")
OURS: Sequence[str] = (
    "M+least-loaded", "S+least-loaded", "L+least-loaded", "R+least-loaded", "MC+least-loaded", "Gillis+least-loaded",
    "S+daso-set", "SplitPlace+",
)  # fmt: skip
APPLICATIONS: Sequence[str] = ("MNIST", "FashionMNIST", "CIFAR100")
SERVICE: Sequence[str] = ("reward", "accuracy", "violations", "response_intervals")
RESOURCES: Sequence[str] = (
    "energy_mwh", "scheduling_s", "fairness", "wait_intervals", "execution_intervals", "cost_per_task_usd",
    "ram_utilisation", "layer_fraction", "migrations",
)  # fmt: skip
PUBLISHED_PLACERS = (
    "GOBI and DASO, exactly as published, place worse than random hosts in this world (see `placers`; "
    "differences.md shows why). Their queues hide what the deciders of the paper's models do; with "
    "least-loaded placement it can be seen."
)
ORDINARY_PLACER = (
    "Every decider of the paper runs twice: with the placer that the paper gives it (GOBI or DASO, as published), and "
    "with least-loaded, so that decisions and placements are told apart."
)

_TRAINING = Variant("training", {"run": {"intervals": 200, "drain_intervals": 0}})


def _last(data: Data, name: str) -> "pd.Series[float]":
    """The last value of a curve by seed."""
    return pd.Series({one.run.seed: one.curves[name][-1] for _, one in data.measured}, dtype=float)


def _estimates(claim: str, context: str, higher: str, lower: str) -> Claim:
    def judge(data: Data) -> Finding:
        own, other = _last(data, f"Q.{context}.{higher}"), _last(data, f"Q.{context}.{lower}")
        return judged(claim, [compared("reward", f"Q of {higher} ({context})", own, lower, other, 1)])

    return judge


def _counts(claim: str, context: str, more: str, fewer: str) -> Claim:
    def judge(data: Data) -> Finding:
        own, other = _last(data, f"N.{context}.{more}"), _last(data, f"N.{context}.{fewer}")
        return judged(claim, [compared("tasks", f"decisions for {more} ({context})", own, fewer, other, 1)])

    return judge


_SPLITS = {"layer": "layer", "semantic": "semantic"}
_CURVES = (
    ("Estimated layer response R", "intervals", {f"R.{one}": one for one in APPLICATIONS}),
    ("Exploration and reward threshold", "value", {"epsilon": "epsilon", "rho": "rho"}),
    *(
        (f"{title}, deadline {context} R", what, {f"{key}.{name}.{one}": one for one in _SPLITS})
        for key, title, what in (("N", "Decisions N", "count"), ("Q", "Reward estimates Q", "reward"))
        for name, context in (("high", "above"), ("low", "below"))
    ),
)

EXPERIMENTS: List[Experiment] = [
    Experiment(
        name="fig2",
        title="Layer splits against semantic splits",
        source="paper, section 2, figure 2",
        models=("L+least-loaded", "S+least-loaded"),
        variants=(Variant("10 hosts", {"cluster": {"hosts": 10}, "arrivals": {"rate": 1.2}}),),
        metrics=("accuracy", "response_s", "response_intervals", "violations", "reward"),
        by_application=True,
        draw=partial(plot_applications, metrics=("accuracy", "response_s")),
        caption="Accuracy and exact response of tasks that were all split by layers or all semantically, on 10 hosts.",
        how="As many tasks a host as in section 6 (1.2 an interval), placed by least-loaded, as section 2 names no "
        "placer.",
        claims=(
            better("Layer splits are more accurate than semantic splits, for every data set.", "accuracy",
                   "L+least-loaded", ("S+least-loaded",), 1, applications=APPLICATIONS),
            better("Layer splits take longer than semantic splits, for every data set.", "response_s",
                   "L+least-loaded", ("S+least-loaded",), 1, applications=APPLICATIONS),
        ),
    ),
    Experiment(
        name="fig6",
        title="Training curves of the bandit",
        source="paper, section 6.3, figure 6",
        models=("mab-training+random",),
        variants=(_TRAINING,),
        metrics=("layer_fraction", "reward", "accuracy", "violations", "response_intervals"),
        curves=True,
        draw=partial(plot_curves, panels=_CURVES),
        caption="Means over the seeds; the bands go from the lowest to the highest seed.",
        how="200 intervals of feedback-based epsilon-greedy training from R = 0; the paper does not say who places "
        "meanwhile: here, random.",
        why="with random placement this world falls behind, so that R grows past almost every deadline within "
        "some forty intervals. Few tasks have a deadline above R after that, and the estimates for them "
        "stay what the first intervals made them.",
        claims=(
            _estimates("Where the deadline is below R, the semantic split earns clearly more.", "low", "semantic",
                       "layer"),
            _estimates("Where the deadline is above R, the layer split slightly surpasses the semantic one.", "high",
                       "layer", "semantic"),
            _counts("Where the deadline is below R, the bandit decides for semantic splits more often.", "low",
                    "semantic", "layer"),
            _counts("Where the deadline is above R, it decides for layer splits more often.", "high", "layer",
                    "semantic"),
        ),
    ),
    Experiment(
        name="table4",
        title="All models, all metrics",
        source="paper, section 6.6, Table 4",
        models=(*PAPER, *OURS),
        metrics=(*TABLE_4, "layer_fraction", "drained_reward", "drained_violations", "drained_response_intervals"),
        how=ORDINARY_PLACER,
        why=PUBLISHED_PLACERS,
        claims=(
            better("SplitPlace's reward is higher than the baselines' (94.2 against 84.0 and 84.2).", "reward",
                   "SplitPlace", BASELINES, 1),
            better("It violates fewer deadlines than the baselines (0.08 against 0.26 and 0.22).", "violations",
                   "SplitPlace", BASELINES, -1),
            better("Its response is shorter than the baselines' (4.50 intervals against 6.85 and 8.39).",
                   "response_intervals", "SplitPlace", BASELINES, -1),
            better("Its accuracy is higher than the baselines' (92.7 against 89.9 and 91.9).", "accuracy",
                   "SplitPlace", BASELINES, 1),
            best("It has the highest reward of the paper's models.", "reward", "SplitPlace", True, PAPER),
            better("Decision-aware placement pays: M+D's reward is above M+G's (94.2 against 90.2).", "reward",
                   "SplitPlace", ("M+G",), 1),
            better("Learned decisions pay: M+D's reward is above R+D's (94.2 against 81.6).", "reward", "SplitPlace",
                   ("R+D",), 1),
        ),
        expected=(
            better("The placer makes the difference: with the same bandit, least-loaded earns more than DASO.",
                   "reward", "M+least-loaded", ("SplitPlace",), 1),
            better("With least-loaded placement, the bandit earns more than the baselines.", "reward",
                   "M+least-loaded", ("MC+least-loaded", "Gillis+least-loaded"), 1),
            better("With least-loaded placement, the bandit earns more than always splitting semantically.",
                   "reward", "M+least-loaded", ("S+least-loaded",), 1),
            best("SplitPlace+ has the highest reward of all.", "reward", "SplitPlace+", True),
            best("Also of all tasks that arrived, run to their end.", "drained_reward", "SplitPlace+", True),
        ),
    ),
    Experiment(
        name="fig7",
        title="Reward, accuracy, violations and response",
        source="paper, section 6.6, figure 7",
        models=(*PAPER, *OURS),
        metrics=SERVICE,
        by_application=True,
        draw=partial(plot_models, metrics=SERVICE, columns=2),
        caption="Every small dot is a seed; markers and bars: mean and sample standard deviation.",
        why=PUBLISHED_PLACERS,
        claims=(
            best("L+G has the highest accuracy.", "accuracy", "L+G", True, PAPER),
            best("S+G has the lowest accuracy.", "accuracy", "S+G", False, PAPER),
            best("L+G has the longest response.", "response_intervals", "L+G", True, PAPER),
            best("L+G violates the most deadlines.", "violations", "L+G", True, PAPER),
            best("S+G has the shortest response.", "response_intervals", "S+G", False, PAPER),
            best("SplitPlace violates the fewest deadlines.", "violations", "SplitPlace", False, PAPER),
            ordered_applications("Accuracy is higher on MNIST than on CIFAR100.", "accuracy", PAPER, "MNIST",
                                 "CIFAR100"),
            ordered_applications("CIFAR100's tasks take longer than MNIST's.", "response_intervals", PAPER, "CIFAR100",
                                 "MNIST"),
        ),
        expected=(
            best("With least-loaded placement too, layer splits are the most accurate.", "accuracy",
                 "L+least-loaded", True, tuple(one for one in OURS if one.endswith("least-loaded"))),
            best("And semantic splits the quickest.", "response_intervals", "S+least-loaded", False,
                 ("L+least-loaded", "R+least-loaded", "MC+least-loaded", "Gillis+least-loaded")),
        ),
    ),
    Experiment(
        name="fig8",
        title="Energy, scheduling, fairness, waiting, execution, cost and memory",
        source="paper, section 6.6, figure 8",
        models=(*PAPER, *OURS),
        metrics=RESOURCES,
        draw=partial(plot_models, metrics=RESOURCES),
        caption="Every small dot is a seed. Scheduling is wall-clock time of this machine.",
        why=PUBLISHED_PLACERS,
        claims=(
            best("SplitPlace uses the least energy.", "energy_mwh", "SplitPlace", False, PAPER),
            better("Its scheduling takes longer than Gillis' (by 11.8 %).", "scheduling_s", "SplitPlace", ("Gillis",),
                   1),
            best("Gillis is the fairest.", "fairness", "Gillis", True, PAPER),
            best("SplitPlace has the least cost a task.", "cost_per_task_usd", "SplitPlace", False, PAPER),
            better("It takes less RAM than Gillis and model compression (up to 32 % less).", "ram_utilisation",
                   "SplitPlace", BASELINES, -1),
        ),
        expected=(
            best("SplitPlace+ has the least cost a task of all.", "cost_per_task_usd", "SplitPlace+", False),
        ),
    ),
]
