"""The experiments of appendix A of the paper."""

from __future__ import annotations

from functools import partial
from typing import Dict, List, Sequence

import numpy as np
import pandas as pd

from ...records import FloatArray
from ..models import resolve_model
from ..plots.sweeps import (
    plot_applications_by_world,
    plot_deviation,
    plot_layer_share,
    plot_lines,
    plot_models,
    plot_parts,
)
from .claims import best, better, changes, compared, judged, least_change
from .experiment import NORMAL, Claim, Data, Experiment, Finding, Variant
from .paper import APPLICATIONS, BASELINES, PAPER, PUBLISHED_PLACERS, SERVICE

ABLATED: Sequence[str] = ("S+G", "L+G", "R+D", "M+G", "SplitPlace")
REWARD_FREE: Sequence[str] = ("R+D", "L+G", "S+G")
REWARD_DRIVEN: Sequence[str] = ("SplitPlace", "M+G", "Gillis")
BESIDE: Sequence[str] = ("M+least-loaded", "SplitPlace+")  # what the figures show beside the paper's models
WINDOW: Sequence[str] = ("reward", "accuracy", "violations", "response_intervals", "finished", "drained_reward")
SWEPT: Sequence[str] = ("reward", "accuracy", "violations", "response_intervals", "energy_mwh", "drained_reward")
TIMES: Sequence[str] = ("scheduling_s", "wait_intervals", "transfer_s", "compute_s", "migration_s", "response_s")

DRAIN_INTERVALS = 22  # longer than the longest deadline of the shipped worlds
SHORT_DRAIN = (
    f"After the window runs go on for {DRAIN_INTERVALS} intervals, which is past every deadline: what has not ended "
    "then is late, and counts as 0 in the drained reward. The other metrics are of the tasks that ended within the "
    "window, as in the paper, and flatter whoever leaves late tasks waiting."
)
DRAIN = {"run": {"drain_intervals": DRAIN_INTERVALS}}  # queues of overloaded worlds would take for ever
LAMBDAS = (2.0, 6.0, 15.0, 30.0, 50.0)
LOADS = tuple(Variant(f"λ = {rate:g}", {"arrivals": {"rate": rate}, **DRAIN}, rate) for rate in LAMBDAS)
LOADS_HOW = (
    "Above λ = 6 tasks arrive faster than these worlds can work them off, and the queue grows for as long as they do. "
    + SHORT_DRAIN
)
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
WEIGHTS = tuple(
    Variant(
        "normal" if alpha == 0.5 else f"α = {alpha:g}",
        {} if alpha == 0.5 else {"surrogate": {"energy_weight": alpha, "response_weight": 1 - alpha}}, alpha,
    )
    for alpha in ALPHAS
)  # fmt: skip
WEIGHTS_HOW = (
    "The surrogates are those trained with α = 0.5; in a run they are fine-tuned every interval to the objective that "
    "the α at hand makes. Placers that know no objective do not depend on α."
)
COMPUTE = Variant("compute halved", {"cluster": {"compute_factor": 0.5}, **DRAIN})
NETWORK = Variant("network halved", {"cluster": {"network_factor": 0.5}, **DRAIN})
MEMORY = Variant("memory halved", {"cluster": {"memory_factor": 0.5}, "engine": {"ram_overcommit": 2.0}, **DRAIN})
CUT = (COMPUTE, NETWORK, MEMORY)
CONSTRAINED = (NORMAL, *CUT)
CONSTRAINED_HOW = (
    "Half of every host's cores and instruction rate, half of every link's bandwidth, or half of every host's RAM, of "
    f"which twice as much as there is may then be placed: what is too much swaps, as in the paper. {SHORT_DRAIN}"
)
SINGLE = tuple(Variant(f"{one} only", {"arrivals": {"applications": (one,)}, **DRAIN}) for one in APPLICATIONS)
WORKLOADS = (NORMAL, *SINGLE)
LOCATIONS = (
    Variant("edge", {}, models=("SplitPlace", "M+least-loaded", "SplitPlace+")),
    Variant("cloud", {"cluster": {"location": "cloud"}}, models=("Unsplit",)),
)
PLACERS: Sequence[str] = ("random", "first-fit", "least-loaded", "gobi", "daso", "daso-set")
SPREADING: Sequence[str] = ("least-loaded", "daso-set")
DECIDERS: Sequence[str] = ("layer", "semantic")
LOADED_OR_NOT = (NORMAL, Variant("light load (λ = 0.5)", {"arrivals": {"rate": 0.5}}))
OVER_SPLITS, OVER_PLACEMENTS = "over split decisions", "over placements"


def labels(variants: Sequence[Variant]) -> Sequence[str]:
    """What the variants are called."""
    return tuple(one.label for one in variants)


def _edge_against_cloud(claim: str, metric: str, model: str) -> Claim:
    return partial(_judge_edge_against_cloud, claim, metric, model)


def _judge_edge_against_cloud(claim: str, metric: str, model: str, data: Data) -> Finding:
    edge, cloud = data.values(metric, model, "edge"), data.values(metric, "Unsplit", "cloud")
    return judged(claim, [compared(metric, f"{model} at the edge", edge, "unsplit in the cloud", cloud, -1)])


def response_spreads(data: Data, world: str, placers: Sequence[str] = PLACERS) -> Dict[str, FloatArray]:
    """The standard deviation of the mean response over splits and over placements, by seed.

    Over splits: of the two splits with one placer, mean over the placers; over placements: of the placers with one
    split, mean over the splits.
    """
    place = {resolve_model(f"{d}+{p}").name: (d, p) for d in DECIDERS for p in placers}
    part = data.part(variant=world, model=list(place))
    keys = part["model"].map(place)
    table = pd.DataFrame({
        "seed": part["seed"], "split": keys.str[0], "placer": keys.str[1], "value": part["drained_response_intervals"],
    })  # fmt: skip
    cube = table.pivot_table(index="seed", columns=["split", "placer"], values="value")
    splits = cube.T.groupby(level="placer").std(ddof=0).mean()
    places = cube.T.groupby(level="split").std(ddof=0).mean()
    return {OVER_SPLITS: splits.to_numpy(dtype=np.float64), OVER_PLACEMENTS: places.to_numpy(dtype=np.float64)}


def _splits_matter_more(claim: str, world: str, placers: Sequence[str] = PLACERS) -> Claim:
    return partial(_judge_splits_matter_more, claim, world, placers)


def _judge_splits_matter_more(claim: str, world: str, placers: Sequence[str], data: Data) -> Finding:
    found = response_spreads(data, world, placers)
    own, other = pd.Series(found[OVER_SPLITS]), pd.Series(found[OVER_PLACEMENTS])
    words = f"standard deviation of the response, {world}: {OVER_SPLITS}"
    return judged(claim, [compared("response_intervals", words, own, OVER_PLACEMENTS, other, 1)])


EXPERIMENTS: List[Experiment] = [
    Experiment(
        name="fig9",
        title="More tasks: λ from 2 to 50",
        source="paper, appendix A.1, figure 9",
        models=(*PAPER, *BESIDE),
        variants=LOADS,
        metrics=(*SWEPT, "layer_fraction", "finished", "tasks"),
        draw=partial(plot_lines, metrics=SWEPT, x_label="λ (tasks an interval)", log=True),
        caption="Mean over the seeds; bands: sample standard deviation. The axis of λ is logarithmic.",
        how=LOADS_HOW,
        why=PUBLISHED_PLACERS,
        claims=(
            changes("Accuracy drops as λ grows for SplitPlace, M+G and Gillis.", "accuracy", REWARD_DRIVEN, "λ = 2",
                    ("λ = 50",), -1),
            changes("It does not change for R+D, L+G and S+G.", "accuracy", REWARD_FREE, "λ = 2", ("λ = 50",), 0),
            changes("The response grows with λ, for all.", "response_intervals", PAPER, "λ = 2", ("λ = 50",), 1),
            changes("Violations grow with λ, for all.", "violations", PAPER, "λ = 2", ("λ = 30",), 1),
            least_change("They grow least for SplitPlace.", "violations", "SplitPlace",
                         tuple(one for one in PAPER if one != "SplitPlace"), "λ = 2", ("λ = 50",), 1),
            best("At λ = 50, SplitPlace still has the highest reward.", "reward", "SplitPlace", True, PAPER,
                 ("λ = 50",)),
            changes("Energy rises sharply from λ = 2 to 6.", "energy_mwh", PAPER, "λ = 2", ("λ = 6",), 1),
        ),
        expected=(
            best("SplitPlace+ serves all tasks that arrived best, at every λ.", "drained_reward",
                 "SplitPlace+", True, (), labels(LOADS)),
        ),
    ),
    Experiment(
        name="fig11",
        title="Layer splits as λ grows",
        source="paper, appendix A.1, figure 11",
        models=("SplitPlace", *BESIDE),
        variants=LOADS,
        metrics=("layer_fraction",),
        by_application=True,
        draw=partial(plot_layer_share, models=("SplitPlace", *BESIDE), x_label="λ"),
        caption="Share of layer splits among all decisions, by application.",
        how=LOADS_HOW,
        why="the bandit sees the class of a deadline and no load; what it learns in a run that is late with "
        "everything is that either split is late, and layer splits are the more accurate ones.",
        claims=(
            changes("SplitPlace chooses fewer layer splits as λ grows.", "layer_fraction", ("SplitPlace",), "λ = 2",
                    ("λ = 15", "λ = 50"), -1),
        ),
        expected=(
            changes("So does SplitPlace+.", "layer_fraction", ("SplitPlace+",), "λ = 2", ("λ = 15", "λ = 50"),
                    -1),
        ),
    ),
    Experiment(
        name="fig10",
        title="Energy against response: α from 0 to 1",
        source="paper, appendix A.2, figure 10",
        models=ABLATED,
        variants=WEIGHTS,
        metrics=(*SWEPT, "layer_fraction"),
        draw=partial(plot_lines, metrics=SWEPT, x_label="α (weight of energy)"),
        caption="Mean over the seeds; bands: sample standard deviation.",
        how=WEIGHTS_HOW,
        why="what the surrogates learn is how busy the system is and which hosts are fast; α moves their search "
        "by little, and all models here are late with most tasks at every α (see `placers`).",
        claims=(
            changes("Energy falls as α grows, for all.", "energy_mwh", ABLATED, "α = 0", ("α = 1",), -1),
            changes("The response grows with α, for all.", "response_intervals", ABLATED, "α = 0", ("α = 1",), 1),
            changes("Violations grow with α, for all.", "violations", ABLATED, "α = 0", ("α = 1",), 1),
            changes("Accuracy falls for M+D and M+G.", "accuracy", ("SplitPlace", "M+G"), "α = 0", ("α = 1",), -1),
            changes("It stays for R+D, L+G and S+G.", "accuracy", REWARD_FREE, "α = 0", ("α = 1",), 0),
            best("SplitPlace has the highest reward at every α.", "reward", "SplitPlace", True, ABLATED,
                 labels(WEIGHTS)),
        ),
    ),
    Experiment(
        name="fig12",
        title="Layer splits as α grows",
        source="paper, appendix A.2, figure 12",
        models=("SplitPlace", "M+G"),
        variants=WEIGHTS,
        metrics=("layer_fraction",),
        by_application=True,
        draw=partial(plot_layer_share, models=("SplitPlace", "M+G"), x_label="α"),
        caption="Share of layer splits among all decisions, by application.",
        how=WEIGHTS_HOW,
        why="the bandit's rewards have no α in them; it enters only through the placements.",
        claims=(
            changes("SplitPlace chooses fewer layer splits as α grows.", "layer_fraction", ("SplitPlace",), "α = 0",
                    ("α = 1",), -1),
        ),
    ),
    Experiment(
        name="fig13",
        title="Half the compute, network or memory",
        source="paper, appendix A.3, figure 13",
        models=(*PAPER, *BESIDE),
        variants=CONSTRAINED,
        metrics=(*WINDOW, "energy_mwh", "layer_fraction"),
        draw=partial(plot_models, metrics=WINDOW),
        caption="Every small dot is a seed; markers and bars: mean and sample standard deviation.",
        how=CONSTRAINED_HOW,
        why=PUBLISHED_PLACERS,
        claims=(
            changes("All models' rewards are lower in the constrained worlds.", "reward", PAPER, "normal",
                    labels(CUT), -1),
            changes("The accuracy of R+D, L+G and S+G does not change.", "accuracy", REWARD_FREE, "normal",
                    labels(CUT), 0),
            changes("That of SplitPlace, M+G and Gillis drops.", "accuracy", REWARD_DRIVEN, "normal", labels(CUT), -1),
            least_change("SplitPlace's reward drops least.", "reward", "SplitPlace",
                         tuple(one for one in PAPER if one != "SplitPlace"), "normal", labels(CUT), -1),
            best("SplitPlace has the highest reward in all three.", "reward", "SplitPlace", True, PAPER, labels(CUT)),
        ),
        expected=(
            best("SplitPlace+ serves all tasks that arrived best, in all three.", "drained_reward", "SplitPlace+", True,
                 (), labels(CUT)),
        ),
    ),
    Experiment(
        name="fig14",
        title="Where the time goes with half the compute, network or memory",
        source="paper, appendix A.3, figure 14",
        models=(*PAPER, *BESIDE),
        variants=CONSTRAINED,
        metrics=TIMES,
        draw=plot_parts,
        caption="Mean of a task's critical path. Scheduling (wall-clock, in the table) takes milliseconds and would "
        "not be seen.",
        how=CONSTRAINED_HOW,
        why="tasks that ended within the window are counted, and in a world that has fallen behind these are "
        "the quick ones. Swapping slows execution down, and no transfer here; memory that is never full is "
        "not missed when half of it is gone.",
        claims=(
            changes("Half the compute: execution takes longer, for all.", "compute_s", PAPER, "normal",
                    (COMPUTE.label,), 1),
            changes("Half the network: data transfer takes longer, for all.", "transfer_s", PAPER, "normal",
                    (NETWORK.label,), 1),
            changes("Half the memory: execution takes longer, for all (swapping).", "compute_s", PAPER, "normal",
                    (MEMORY.label,), 1),
            changes("Half the memory: data transfer takes longer, for all.", "transfer_s", PAPER, "normal",
                    (MEMORY.label,), 1),
        ),
    ),
    Experiment(
        name="fig15",
        title="Violations by application with half the compute, network or memory",
        source="paper, appendix A.3, figure 15",
        models=(*PAPER, *BESIDE),
        variants=CONSTRAINED,
        metrics=("violations",),
        by_application=True,
        draw=partial(plot_applications_by_world, metric="violations"),
        caption="Every small dot is a seed; markers and bars: mean and sample standard deviation.",
        how=CONSTRAINED_HOW,
        why="see fig13 for the response, and fig14 for where the time goes.",
        claims=(
            changes("CIFAR100's violations rise in the constrained worlds (SplitPlace).", "violations",
                    ("SplitPlace",), "normal", labels(CUT), 1, ("CIFAR100",)),
        ),
        expected=(
            changes("The same of SplitPlace+.", "violations", ("SplitPlace+",), "normal", labels(CUT), 1,
                    ("CIFAR100",)),
        ),
    ),
    Experiment(
        name="fig16",
        title="One application at a time",
        source="paper, appendix A.4, figure 16",
        models=(*PAPER, *BESIDE),
        variants=WORKLOADS,
        metrics=(*WINDOW, "energy_mwh", "layer_fraction"),
        draw=partial(plot_models, metrics=WINDOW),
        caption="Every small dot is a seed; markers and bars: mean and sample standard deviation.",
        how=SHORT_DRAIN,
        why=PUBLISHED_PLACERS,
        claims=(
            changes("With MNIST only, accuracy is higher than with all three, for all.", "accuracy", PAPER, "normal",
                    ("MNIST only",), 1),
            changes("And the response is shorter, for all.", "response_intervals", PAPER, "normal", ("MNIST only",),
                    -1),
            best("SplitPlace has the highest reward with each application.", "reward", "SplitPlace", True, PAPER,
                 labels(SINGLE)),
            best("And violates the fewest deadlines.", "violations", "SplitPlace", False, PAPER, labels(SINGLE)),
            better("Its reward is above the baselines' with each.", "reward", "SplitPlace", BASELINES, 1,
                   labels(SINGLE)),
        ),
        expected=(
            best("SplitPlace+ serves all tasks that arrived best, with each.", "drained_reward", "SplitPlace+", True,
                 (), labels(SINGLE)),
        ),
    ),
    Experiment(
        name="fig17",
        title="Where the time goes with one application at a time",
        source="paper, appendix A.4, figure 17",
        models=(*PAPER, *BESIDE),
        variants=WORKLOADS,
        metrics=TIMES,
        draw=plot_parts,
        caption="Mean of a task's critical path.",
        claims=(
            *(
                changes(f"{text} takes longer with CIFAR100 only than with MNIST only, for all.", metric, PAPER,
                        "MNIST only", ("CIFAR100 only",), 1)
                for text, metric in (("Execution", "compute_s"), ("Data transfer", "transfer_s"))
            ),
        ),
    ),
    Experiment(
        name="fig18",
        title="Edge against cloud",
        source="paper, appendix A.5, figure 18",
        models=(),
        variants=LOCATIONS,
        metrics=(*SERVICE, "transfer_s", "compute_s", "wait_intervals"),
        draw=partial(plot_models, metrics=("response_intervals", "violations"), columns=2),
        caption="Every small dot is a seed; at the edge networks are split, in the cloud they run whole.",
        how="In the cloud the same machines have a data centre's memory and stand behind a wide-area link (round trip "
        "and bandwidth in hosts.json, with their sources); networks run whole, each on the idlest host.",
        why=PUBLISHED_PLACERS,
        claims=(
            _edge_against_cloud("SplitPlace at the edge answers sooner than whole networks in the cloud.",
                                "response_intervals", "SplitPlace"),
            _edge_against_cloud("And violates fewer deadlines.", "violations", "SplitPlace"),
        ),
        expected=(
            _edge_against_cloud("SplitPlace+ at the edge answers sooner than the cloud.", "response_intervals",
                                "SplitPlace+"),
            _edge_against_cloud("And violates fewer deadlines.", "violations", "SplitPlace+"),
        ),
    ),
    Experiment(
        name="fig19",
        title="What moves the response: the split or the placement?",
        source="paper, appendix A.6, figure 19",
        models=tuple(f"{decider}+{placer}" for decider in DECIDERS for placer in PLACERS),
        variants=LOADED_OR_NOT,
        metrics=("drained_response_intervals", "response_intervals", "drained_reward", "violations"),
        draw=partial(plot_deviation, spreads=response_spreads),
        caption="Standard deviation of the mean response between the two splits (mean over six placers), and between "
        "the placers (mean over the splits). Every small dot is a seed.",
        how="Both splits with six placers; the response is that of all tasks, run to their end.",
        why="placers differ here by how they spread the load, not only by the hosts that they take. The paper's "
        "sentence is about hosts' differences; a placer that sends everything to a few good hosts makes "
        "queues on them even where there is little to do.",
        claims=(
            _splits_matter_more("The response spreads more over split decisions than over placements.", "normal"),
        ),
        expected=(
            _splits_matter_more("So it is where tasks hardly meet one another, and only hosts differ.",
                                LOADED_OR_NOT[1].label),
            _splits_matter_more("So it is among placers that spread the load (least-loaded, daso-set).", "normal",
                                SPREADING),
            _splits_matter_more("And among those, where tasks hardly meet one another.", LOADED_OR_NOT[1].label,
                                SPREADING),
        ),
    ),
]
