"""Our own experiments: what the paper leaves open, and where SplitPlace+ stands."""

from __future__ import annotations

from functools import partial
from typing import Dict, List, Sequence

import pandas as pd

from ...regimes import DEFAULT
from ...training import RATE_PER_HOST
from ..bounds.run_bounds import kept_bounds
from ..plots.sweeps import plot_lines, plot_models, plot_over_time
from .claims import best, better, changes, compared, judged
from .experiment import NORMAL, Claim, Data, Experiment, Finding, Variant
from .paper import PAPER

DRAINED: Sequence[str] = ("drained_reward", "drained_violations", "drained_accuracy", "drained_response_intervals")
BEST: Sequence[str] = ("SplitPlace+", "S+daso-set", "M+daso-set", "S+least-loaded", "M+least-loaded", "SplitPlace")
WORLDS = (NORMAL, *(Variant(one, regime=one) for one in ("slack", "tight-ram")))
LOADS = (NORMAL, Variant("changing", {"arrivals": {"rate_steps": (0.5, 1.75, 0.5, 1.25)}}))
MOBILITY = (
    NORMAL,
    Variant("nobody moves", {"cluster": {"mobility": False}}),
    Variant("SUMO", {"cluster": {"mobility_file": "sumo"}}),
)
STAYS = (
    Variant("nobody leaves", {}, 0.0),
    *(Variant(f"stay {stay} intervals", {"churn": {"stay_intervals": float(stay)}}, 100.0 / stay)
      for stay in (100, 40, 20, 10)),
)  # fmt: skip
SIZES = tuple(
    Variant(
        f"{hosts} hosts",
        {"cluster": {"hosts": hosts}, "arrivals": {"rate": hosts * RATE_PER_HOST}, "run": {"intervals": 30}},
        float(hosts),
    )
    for hosts in (10, 50, 200, 1000)
)


def no_contention_rewards(data: Data) -> "pd.Series[float]":
    """What no policy's drained reward exceeds, by seed: every task has the cluster to itself, and the better split."""
    found: Dict[int, float] = {}
    for planned, measures in data.measured:
        if planned.variant.label == data.variants[0] and measures.run.seed not in found:
            found[measures.run.seed] = kept_bounds(measures.run.settings).no_contention
    return pd.Series(found, dtype=float)


def _below_the_bound(claim: str, model: str, share: float) -> Claim:
    return partial(_judge_below_the_bound, claim, model, share)


def _judge_below_the_bound(claim: str, model: str, share: float, data: Data) -> Finding:
    own, bound = data.values("drained_reward", model), no_contention_rewards(data)
    name = f"drained reward of {model}"
    return judged(claim, [compared("drained_reward", name, own, f"{share:.0%} of the bound", share * bound, 1)])


EXPERIMENTS: List[Experiment] = [
    Experiment(
        name="placers",
        title="One split, every placer",
        source="ours",
        models=("S+random", "S+first-fit", "S+least-loaded", "S+G", "S+D", "S+daso-priced", "S+daso-set"),
        variants=WORLDS[:2],
        metrics=(*DRAINED, "reward", "energy_mwh", "scheduling_s"),
        draw=partial(plot_models, metrics=DRAINED, columns=2),
        caption="Every task is split semantically; every small dot is a seed.",
        how="All tasks that arrived, run to their end.",
        expected=(
            best("daso-set places best.", "drained_reward", "S+daso-set", True, (), ("normal", "slack")),
            better("GOBI and DASO as published place better than random hosts (as the paper's design implies).",
                   "drained_reward", "S+random", ("S+G", "S+D"), -1, ("normal", "slack")),
            better("Knowing the split decisions helps: DASO places better than GOBI.", "drained_reward", "S+D",
                   ("S+G",), 1, ("normal", "slack")),
        ),
    ),
    Experiment(
        name="deciders",
        title="One placer, every decider, and how far below the bound",
        source="ours",
        models=("S+daso-set", "L+daso-set", "R+daso-set", "M+daso-set", "Gillis+daso-set", "SplitPlace+"),
        metrics=(*DRAINED, "reward", "layer_fraction"),
        draw=partial(plot_models, metrics=DRAINED, columns=2),
        caption="daso-set places for all; every small dot is a seed.",
        how="The bound gives every task the cluster to itself and the better of its splits: no policy exceeds it "
        "(`cosco-splitplace bound` also searches for a plan that knows all arrivals).",
        expected=(
            best("SplitPlace+'s decider is the best.", "drained_reward", "SplitPlace+", True),
            better("The paper's bandit earns more than always splitting semantically.", "drained_reward",
                   "M+daso-set", ("S+daso-set",), 1),
            _below_the_bound("SplitPlace+ reaches more than 98 % of the bound.", "SplitPlace+", 0.98),
        ),
    ),
    Experiment(
        name="worlds",
        title="The paper's models in all three calibrated worlds",
        source="ours",
        models=(*PAPER, "M+least-loaded", "S+least-loaded", "S+daso-set", "SplitPlace+"),
        variants=WORLDS,
        metrics=("reward", "violations", "accuracy", "response_intervals", "layer_fraction", "drained_reward"),
        draw=partial(plot_models, metrics=("reward", "violations", "accuracy", "response_intervals"), columns=2),
        caption=f"normal: the world of all other experiments ({DEFAULT} unless --regime says otherwise).",
        expected=(
            best("SplitPlace has the highest reward of the paper's models, in every world.", "reward", "SplitPlace",
                 True, PAPER, tuple(one.label for one in WORLDS)),
            better("M+D's reward is above M+G's, in every world.", "reward", "SplitPlace", ("M+G",), 1,
                   tuple(one.label for one in WORLDS)),
            best("SplitPlace+ has the highest of all, in every world.", "reward", "SplitPlace+", True, (),
                 tuple(one.label for one in WORLDS)),
        ),
    ),
    Experiment(
        name="changing-load",
        title="A load that changes",
        source="ours",
        models=BEST,
        variants=LOADS,
        metrics=(*DRAINED, "reward", "layer_fraction"),
        curves=True,
        draw=plot_over_time,
        caption="By the interval in which tasks arrived: moving means of 10 intervals over all seeds.",
        how="Quarters of the run with 0.5, 1.75, 0.5 and 1.25 times the rate: the same number of tasks as ever.",
        expected=(
            changes("A load that changes costs every policy reward.", "drained_reward", BEST, "normal", ("changing",),
                    -1),
            best("SplitPlace+ serves it best.", "drained_reward", "SplitPlace+", True, (), ("changing",)),
        ),
    ),
    Experiment(
        name="mobility",
        title="Hosts that move, and hosts that do not",
        source="ours",
        models=BEST,
        variants=MOBILITY,
        metrics=(*DRAINED, "reward", "transfer_s", "layer_fraction"),
        draw=partial(plot_models, metrics=(*DRAINED, "transfer_s", "layer_fraction")),
        caption="normal: every second host is on a vehicle that goes from one random point to another; SUMO: vehicles "
        "in a simulated city.",
        expected=(
            changes("Where nobody moves, data arrive sooner.", "transfer_s", BEST, "normal", ("nobody moves",), -1),
            changes("And rewards are higher.", "drained_reward", BEST, "normal", ("nobody moves",), 1),
            changes("Real vehicles (SUMO) make no difference to rewards.", "drained_reward", BEST, "normal", ("SUMO",),
                    0),
        ),
    ),
    Experiment(
        name="churn",
        title="Hosts that come and go",
        source="ours",
        models=BEST,
        variants=STAYS,
        metrics=(*DRAINED, "reward", "layer_fraction", "losses"),
        draw=partial(plot_lines, metrics=DRAINED, x_label="departures a host in 100 intervals", columns=2),
        caption="Mean over the seeds; bands: sample standard deviation. A host stays and is away for random times.",
        how="Stays are geometric with the mean that is given, absences with a mean of 3 intervals; what ran on a host "
        "that leaves starts again elsewhere.",
        expected=(
            changes("The more hosts leave, the lower the reward, for all.", "drained_reward", BEST, "nobody leaves",
                    ("stay 10 intervals",), -1),
            best("SplitPlace+ stays the best.", "drained_reward", "SplitPlace+", True, (), ("stay 10 intervals",)),
        ),
    ),
    Experiment(
        name="hosts",
        title="From 10 to 1,000 hosts",
        source="ours",
        models=("SplitPlace+", "S+daso-set", "S+least-loaded", "L+least-loaded"),
        variants=SIZES,
        metrics=(*DRAINED, "transfer_s", "scheduling_s", "energy_mwh"),
        draw=partial(plot_lines, metrics=("drained_reward", "transfer_s", "scheduling_s"),
                     x_label="hosts", log=True),
        caption="Mean over the seeds; bands: sample standard deviation. The axis of hosts is logarithmic.",
        how="As many tasks a host as in section 6, for 30 intervals. GOBI and DASO are not here: their surrogate sees "
        "one fixed number of hosts and is trained for each. There is one broker at every size, and every input goes "
        "over its link: five times for a semantic split, once for a layer split.",
        expected=(
            best("SplitPlace+ is the best at every size.", "drained_reward", "SplitPlace+", True, (),
                 tuple(one.label for one in SIZES)),
            changes("With 1,000 hosts the broker's one link is too narrow: data take longer than with 50.",
                    "transfer_s", ("SplitPlace+", "S+daso-set", "S+least-loaded"), "50 hosts", ("1000 hosts",), 1),
            changes("Its scheduling takes longer the more hosts there are.", "scheduling_s", ("SplitPlace+",),
                    "50 hosts", ("1000 hosts",), 1),
        ),
    ),
]
