"""All settings of a run: one class a stage, a help text beside each field, checked when it is built.

``Settings.from_toml`` refuses unknown keys by name; ``Settings.to_toml`` writes what is saved beside every result, so
that ``run --config RESULT/settings.toml`` repeats it.
"""
from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple, Type, TypeVar, get_type_hints

import tomli_w

from .errors import ConfigurationError, require

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

S = TypeVar("S")
MOST_TASKS = 1_000_000  # an interval; more would fill any memory
LOCATIONS = EDGE, CLOUD = "edge", "cloud"
IMAGE_SIZES = ARTIFACTS, PAPER = "artifacts", "paper"


def setting(default: Any, help_text: str) -> Any:
    """A field with a default and the help text that ``cosco-splitplace list settings`` shows."""
    if isinstance(default, (list, tuple)):
        return field(default=tuple(default), metadata={"help": help_text})
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class RunSettings:
    """Which policy runs, for how long, from which seed."""

    decider: str = setting("mab", "who chooses the split (list deciders), or module:Name")
    placer: str = setting("daso", "who chooses the hosts (list placers), or module:Name")
    intervals: int = setting(100, "scheduling intervals (Gamma, section 6.1: 100)")
    interval_s: float = setting(300.0, "length of an interval in seconds (section 6.1: 300)")
    drain_intervals: int = setting(
        1000, "most further intervals, without arrivals, in which the tasks that are left run to their end; 0: none"
    )
    seed: int = setting(0, "seed of every random draw of the run")
    regime: str = setting("", "calibrated world that the settings began with (list regimes); empty: none")

    def __post_init__(self) -> None:
        require(self.intervals >= 1, f"run.intervals is {self.intervals}; give at least 1")
        require(self.interval_s > 0, f"run.interval_s is {self.interval_s}; give a positive number of seconds")
        require(self.drain_intervals >= 0, f"run.drain_intervals is {self.drain_intervals}; give 0 or more")
        require(self.seed >= 0, f"run.seed is {self.seed}; give a whole number from 0")


@dataclass(frozen=True)
class ClusterSettings:
    """The hosts and how their links change."""

    hosts: int = setting(50, "number of hosts, mixed in Table 3's proportions")
    hosts_file: str = setting("", "JSON file of host types; empty: the shipped Table 3")
    compute_factor: float = setting(1.0, "factor on every worker's cores and instruction rate (appendix A.3: 0.5)")
    network_factor: float = setting(1.0, "factor on the bandwidth of every link, the broker's too (appendix A.3: 0.5)")
    memory_factor: float = setting(1.0, "factor on every worker's RAM (appendix A.3: 0.5)")
    mobility: bool = setting(True, "let mobile hosts' latency and bandwidth follow the mobility trace")
    mobility_file: str = setting(
        "", "mobility trace: waypoint or sumo (shipped), or a CSV file (.gz allowed); empty: waypoint"
    )
    location: str = setting(
        EDGE, "edge: the hosts are in the broker's network; cloud: behind the hosts file's wide-area link, with a "
        "data centre's memory (A.5)"
    )

    def __post_init__(self) -> None:
        require(self.hosts >= 1, f"cluster.hosts is {self.hosts}; give at least 1 host")
        for name in ("compute_factor", "network_factor", "memory_factor"):
            require(getattr(self, name) > 0, f"cluster.{name} is {getattr(self, name)}; give a positive factor")
        require(
            self.location in LOCATIONS, f"cluster.location is {self.location!r}; give one of: {', '.join(LOCATIONS)}"
        )


@dataclass(frozen=True)
class ChurnSettings:
    """Hosts that come and go, at the beginnings of intervals (ours; simulated runs only; made-up numbers)."""

    stay_intervals: float = setting(0.0, "mean number of intervals that a host stays (geometric); 0: none ever leaves")
    away_intervals: float = setting(3.0, "mean number of intervals that a host is away (geometric)")
    most_away: float = setting(0.5, "largest share of the hosts that is away at once")

    def __post_init__(self) -> None:
        require(
            self.stay_intervals == 0 or self.stay_intervals >= 1,
            f"churn.stay_intervals is {self.stay_intervals}; give at least 1, or 0 for hosts that never leave",
        )
        require(self.away_intervals >= 1, f"churn.away_intervals is {self.away_intervals}; give at least 1")
        require(0 <= self.most_away < 1, f"churn.most_away is {self.most_away}; give a share in [0, 1)")


@dataclass(frozen=True)
class ImageSettings:
    """The container images that every host gets before a run (section 3: a one-time event)."""

    sizes: str = setting(ARTIFACTS, "what a fragment's image measures: artifacts (its files), or paper (section 6.2)")
    base_mb: float = setting(0.0, "MB of a runtime that every host fetches once on top; 0: it is there")

    def __post_init__(self) -> None:
        require(self.sizes in IMAGE_SIZES, f"images.sizes is {self.sizes!r}; give one of: {', '.join(IMAGE_SIZES)}")
        require(self.base_mb >= 0, f"images.base_mb is {self.base_mb}; give 0 or more")


@dataclass(frozen=True)
class ArrivalSettings:
    """The workload (section 6.2)."""

    rate: float = setting(6.0, "mean number of new tasks an interval (Poisson lambda, section 6.2: 6)")
    rate_steps: Tuple[float, ...] = setting(
        (), "factors on the rate, each for an equal part of the run, for a load that changes; empty: none"
    )
    applications: Tuple[str, ...] = setting((), "applications to draw from, uniformly; empty: all of apps.json")
    apps_file: str = setting("", "catalogue of applications (JSON); empty: the shipped data/apps.json")
    batch_min: int = setting(16_000, "fewest images in a task's batch (section 6.2: 16,000)")
    batch_max: int = setting(64_000, "most images in a task's batch (section 6.2: 64,000)")
    deadline_scale: float = setting(
        1.0,
        "factor on every application's l; deadlines are uniform integers in [2, 2l - 2) intervals",
    )
    sample_images: int = setting(500, "how many of its own images a task's accuracy is measured on")

    def __post_init__(self) -> None:
        require(self.rate >= 0, f"arrivals.rate is {self.rate}; give 0 or more tasks an interval")
        require(self.rate <= MOST_TASKS, f"arrivals.rate is {self.rate}; give at most {MOST_TASKS:,} tasks an interval")
        require(
            all(0 <= one and one * self.rate <= MOST_TASKS for one in self.rate_steps),
            f"arrivals.rate_steps is {self.rate_steps}; give factors from 0, with at most {MOST_TASKS:,} tasks an "
            "interval",
        )
        require(self.batch_min >= 1, f"arrivals.batch_min is {self.batch_min}; give at least 1 image")
        require(
            self.batch_max >= self.batch_min,
            f"arrivals.batch_max ({self.batch_max}) is below arrivals.batch_min ({self.batch_min})",
        )
        require(
            self.deadline_scale > 0,
            f"arrivals.deadline_scale is {self.deadline_scale}; give a positive factor",
        )
        require(self.sample_images >= 1, f"arrivals.sample_images is {self.sample_images}; give at least 1")


@dataclass(frozen=True)
class FragmentSettings:
    """How a profiled fragment becomes simulated work and memory."""

    instructions_per_multiply_add: float = setting(
        105.0,
        "global work scale: instructions that one multiply-add of the shipped small networks stands for, which scales "
        "them to the paper's large ones; calibrated in a regime",
    )
    semantic_work: float = setting(
        1.0, "factor on the measured multiply-adds of semantic splits; calibrated in a regime (semantic response)"
    )
    compressed_work: float = setting(
        1.0, "factor on the measured multiply-adds of compressed models; calibrated in a regime (their response)"
    )
    layer_ram_extra_mb: float = setting(
        0.0, "memory in MB that every layer fragment takes on top of what was measured (for larger networks)"
    )
    layer_ram_mb_per_mmac: float = setting(
        0.0, "memory in MB that it takes on top for every million multiply-adds an image of its whole network"
    )
    resident_batch: bool = setting(
        True, "hold a fragment's whole input and output in RAM, as the paper's containers do; false: one micro-batch"
    )
    micro_batch_images: int = setting(256, "images that a fragment works on at once")
    cores: float = setting(2.0, "most cores that one fragment can use at once")

    def __post_init__(self) -> None:
        require(
            self.instructions_per_multiply_add > 0,
            f"fragments.instructions_per_multiply_add is {self.instructions_per_multiply_add}; give a positive number",
        )
        for name in ("semantic_work", "compressed_work"):
            require(getattr(self, name) > 0, f"fragments.{name} is {getattr(self, name)}; give a positive factor")
        for name in ("layer_ram_extra_mb", "layer_ram_mb_per_mmac"):
            require(getattr(self, name) >= 0, f"fragments.{name} is {getattr(self, name)}; give 0 or more")
        require(self.micro_batch_images >= 1, f"fragments.micro_batch_images is {self.micro_batch_images}; give >= 1")
        require(self.cores > 0, f"fragments.cores is {self.cores}; give a positive number of cores")


@dataclass(frozen=True)
class EngineSettings:
    """The simulated machines."""

    ram_overcommit: float = setting(1.0, "share of a host's RAM that placements may use; above 1 a host may swap")
    swap_penalty: float = setting(
        4.0, "work on a host whose RAM is used x times over runs 1 + penalty * (x - 1) times slower (our own choice)"
    )

    def __post_init__(self) -> None:
        require(self.ram_overcommit > 0, f"engine.ram_overcommit is {self.ram_overcommit}; give a positive number")
        require(self.swap_penalty >= 0, f"engine.swap_penalty is {self.swap_penalty}; give 0 or more")


@dataclass(frozen=True)
class BanditSettings:
    """The multi-armed bandit (section 4.1)."""

    ema_weight: float = setting(0.9, "phi: weight of the newest layer response in its estimate R (eq. 2; paper: 0.9)")
    step_size: float = setting(0.1, "gamma: step of the reward estimates Q (eq. 5; the paper gives no value)")
    exploration: float = setting(0.5, "c: weight of the confidence bound (eq. 9; paper: 0.5)")
    feedback: float = setting(0.1, "k: decay of epsilon, growth of the reward threshold rho (eq. 7, 8; paper: 0.1)")
    threshold_start: float = setting(
        0.1, "rho at the start (paper: 'a small positive constant k < 1'; taken as k itself)"
    )
    estimate_start: float = setting(0.0, "Q of every context and split at the start (the paper gives no value)")
    empty_cell: str = setting(
        "keep", "O of a context and split that no task left with (0 / 0 in eq. 3, 4): keep its Q, or take it as zero"
    )
    training_intervals: int = setting(200, "intervals of epsilon-greedy training (section 6.3: 200)")
    state_file: str = setting("", "trained bandit (JSON); empty: the shipped one; 'untrained': start from nothing")

    def __post_init__(self) -> None:
        for name in ("ema_weight", "step_size"):
            require(0 < getattr(self, name) <= 1, f"bandit.{name} is {getattr(self, name)}; give a number in (0, 1]")
        require(self.exploration >= 0, f"bandit.exploration is {self.exploration}; give 0 or more")
        for name in ("feedback", "threshold_start"):
            require(0 < getattr(self, name) < 1, f"bandit.{name} is {getattr(self, name)}; give a number in (0, 1)")
        require(
            0 <= self.estimate_start <= 1,
            f"bandit.estimate_start is {self.estimate_start}; give a reward in [0, 1]",
        )
        require(
            self.empty_cell in ("keep", "zero"), f"bandit.empty_cell is {self.empty_cell!r}; give 'keep' or 'zero'"
        )
        require(
            self.training_intervals >= 1, f"bandit.training_intervals is {self.training_intervals}; give at least 1"
        )


@dataclass(frozen=True)
class GillisSettings:
    """The Gillis baseline's Q-learning (section 6.5 names the method only: every number here is our own choice)."""

    deadline_edges: Tuple[float, ...] = setting(
        (3.0, 5.0, 7.0, 9.0, 12.0, 16.0, 21.0), "deadlines in intervals at which another class of tasks begins"
    )
    batch_edges: Tuple[float, ...] = setting((32_000.0, 48_000.0), "images at which another class of batches begins")
    step_size: float = setting(0.05, "smallest step of the action values; the first steps are larger (a mean)")
    exploration_decay: float = setting(0.99, "factor on epsilon, which is 1 before training, after every interval")
    exploration_floor: float = setting(0.02, "epsilon never falls below this: the policy goes on adapting")
    training_intervals: int = setting(1000, "intervals of training")
    state_file: str = setting("", "trained policy (JSON); empty: the shipped one; 'untrained': start from nothing")

    def __post_init__(self) -> None:
        for name in ("deadline_edges", "batch_edges"):
            edges = getattr(self, name)
            require(
                all(low < high for low, high in zip((0, *edges), edges)),
                f"gillis.{name} is {edges}; give numbers above 0 in ascending order",
            )
        for name in ("step_size", "exploration_decay"):
            require(0 < getattr(self, name) <= 1, f"gillis.{name} is {getattr(self, name)}; give a number in (0, 1]")
        require(
            0 <= self.exploration_floor <= 1,
            f"gillis.exploration_floor is {self.exploration_floor}; give a number in [0, 1]",
        )
        require(
            self.training_intervals >= 1, f"gillis.training_intervals is {self.training_intervals}; give at least 1"
        )


@dataclass(frozen=True)
class DeadlineSettings:
    """The decider by expected reward (ours; nothing of it is in the paper)."""

    splits: Tuple[str, ...] = setting(("layer", "semantic"), "the splits between which it chooses")
    forgetting: float = setting(0.005, "share of what is known of a split that is forgotten with each of its outcomes")
    training_intervals: int = setting(400, "intervals of training")
    state_file: str = setting("", "trained belief (JSON); empty: the shipped one; 'untrained': start from nothing")

    def __post_init__(self) -> None:
        require(
            len(self.splits) >= 1 and len(set(self.splits)) == len(self.splits),
            f"deadline.splits is {self.splits}; give at least one, each once",
        )
        require(0 <= self.forgetting < 1, f"deadline.forgetting is {self.forgetting}; give a number in [0, 1)")
        require(
            self.training_intervals >= 1,
            f"deadline.training_intervals is {self.training_intervals}; give at least 1",
        )


@dataclass(frozen=True)
class SurrogateSettings:
    """The surrogate of GOBI and DASO and the gradient search through it (section 4.2)."""

    energy_weight: float = setting(0.5, "alpha: weight of the average energy consumption (eq. 10; paper: 0.5)")
    response_weight: float = setting(0.5, "beta: weight of the average response time (eq. 10; paper: 0.5)")
    hidden: Tuple[int, ...] = setting((64, 32), "sizes of the hidden layers (our own choice)")
    learning_rate: float = setting(1e-3, "AdamW's learning rate in training (section 6.6: 1e-3)")
    fine_tune_rate: float = setting(
        1e-3, "AdamW's learning rate in fine-tuning after every interval (Algorithm 1, line 14); 0: none"
    )
    placement_decay: float = setting(
        300.0, "daso-priced only: AdamW's weight decay for the flattened placement's weights (our own choice)"
    )
    search_rate: float = setting(1e-3, "eta: step of the placement search (eq. 12; section 6.6: 1e-3)")
    search_start: str = setting(
        "even", "where eq. 12 starts a fragment that has no host yet: even over all hosts, or a random one with room"
    )
    search_steps: int = setting(200, "most steps of the placement search (our own choice)")
    search_tolerance: float = setting(
        1e-3, "the search ends when a step moves the placement by less than this (L2 norm; our own choice)"
    )
    migrate: bool = setting(True, "let running fragments be moved")
    trace_intervals: int = setting(5000, "intervals of execution traces that 'train placer' learns from")
    epochs: int = setting(10, "passes over the traces in training")
    weights_dir: str = setting("", "folder of trained surrogates; empty: the shipped ones")

    def __post_init__(self) -> None:
        for name in ("energy_weight", "response_weight"):
            require(
                0 <= getattr(self, name) <= 1, f"surrogate.{name} is {getattr(self, name)}; give a number in [0, 1]"
            )
        total = self.energy_weight + self.response_weight
        require(
            abs(total - 1) < 1e-9,
            f"surrogate.energy_weight + response_weight is {total:g}; it must be 1 (alpha + beta = 1, eq. 10)",
        )
        require(
            self.search_start in ("even", "random"),
            f"surrogate.search_start is {self.search_start!r}; give 'even' or 'random'",
        )
        require(len(self.hidden) >= 1 and min(self.hidden) >= 1, f"surrogate.hidden is {self.hidden}; give sizes >= 1")
        for name in ("learning_rate", "search_rate", "search_tolerance"):
            require(getattr(self, name) > 0, f"surrogate.{name} is {getattr(self, name)}; give a positive number")
        require(
            self.fine_tune_rate >= 0, f"surrogate.fine_tune_rate is {self.fine_tune_rate}; give 0 or a positive number"
        )
        for name in ("learning_rate", "fine_tune_rate"):
            require(
                0 <= getattr(self, name) * self.placement_decay < 1,
                f"surrogate.{name} is {getattr(self, name)} and placement_decay {self.placement_decay:g}: their "
                "product must be from 0 to below 1, or the decay overshoots and the weights explode",
            )
        for name in ("search_steps", "trace_intervals", "epochs"):
            require(getattr(self, name) >= 1, f"surrogate.{name} is {getattr(self, name)}; give at least 1")


@dataclass(frozen=True)
class PairSurrogateSettings:
    """The surrogate of daso-set and the search through it (ours; nothing of it is in the paper)."""

    time_price: float = setting(
        0.02, "what a predicted interval of a task's time costs, in probabilities of keeping a deadline"
    )
    sweeps: int = setting(2, "most passes of the search over the queue")
    trace_intervals: int = setting(150, "intervals of each run of execution traces that 'train placer' learns from")
    epochs: int = setting(12, "passes over the traces in training")
    weights_dir: str = setting("", "folder of the trained surrogate; empty: the shipped one")

    def __post_init__(self) -> None:
        require(self.time_price >= 0, f"pair_surrogate.time_price is {self.time_price}; give 0 or more")
        for name in ("sweeps", "trace_intervals", "epochs"):
            require(getattr(self, name) >= 1, f"pair_surrogate.{name} is {getattr(self, name)}; give at least 1")


@dataclass(frozen=True)
class TestbedSettings:
    """Runs on real hosts; every number is our own choice."""

    __test__ = False  # pytest takes classes of such a name for tests

    pipelining: bool = setting(
        True, "let a fragment work on what the one before it has made so far; false: the paper's strict chain"
    )
    ring: bool = setting(False, "broadcast an input from host to host in a ring instead of from the broker to each")
    lease_s: float = setting(15.0, "seconds without a sign of an agent after which its fragments are placed again")
    attempts: int = setting(6, "how often a fragment is started before its task is given up")
    verify: bool = setting(True, "compare every result with that of the same network run in one piece by the broker")

    def __post_init__(self) -> None:
        require(self.lease_s >= 1, f"testbed.lease_s is {self.lease_s}; give at least 1 second")
        require(self.attempts >= 1, f"testbed.attempts is {self.attempts}; give at least 1")


@dataclass(frozen=True)
class Settings:
    """Every setting of a run, by stage."""

    run: RunSettings = field(default_factory=RunSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    churn: ChurnSettings = field(default_factory=ChurnSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    arrivals: ArrivalSettings = field(default_factory=ArrivalSettings)
    fragments: FragmentSettings = field(default_factory=FragmentSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    bandit: BanditSettings = field(default_factory=BanditSettings)
    gillis: GillisSettings = field(default_factory=GillisSettings)
    deadline: DeadlineSettings = field(default_factory=DeadlineSettings)
    surrogate: SurrogateSettings = field(default_factory=SurrogateSettings)
    pair_surrogate: PairSurrogateSettings = field(default_factory=PairSurrogateSettings)
    testbed: TestbedSettings = field(default_factory=TestbedSettings)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], origin: str = "settings") -> "Settings":
        """Settings from nested tables; what is absent keeps its default.

        Raises
        ------
        ConfigurationError
            A table or key is unknown (the known ones are listed), or a value is of the wrong type or impossible.
        """
        stages = get_type_hints(cls)
        _refuse_unknown(values, stages, "table", origin)
        built = {}
        for name, table in values.items():
            require(isinstance(table, Mapping), f"{origin}: [{name}] must be a table, not {table!r}")
            built[name] = _build(stages[name], table, f"{origin}: [{name}]")
        return cls(**built)

    @classmethod
    def from_toml(cls, path: Path) -> "Settings":
        """Settings from a TOML file."""
        return cls.from_mapping(read_toml(path), str(path))

    def to_mapping(self) -> Dict[str, Dict[str, Any]]:
        """Nested plain tables, as TOML and JSON take them."""
        return {
            stage.name: {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in dataclasses.asdict(getattr(self, stage.name)).items()
            }
            for stage in dataclasses.fields(self)
        }

    def to_toml(self) -> str:
        """The text that ``from_toml`` reads back."""
        return tomli_w.dumps(self.to_mapping())

    def replace(self, **stages: Mapping[str, Any]) -> "Settings":
        """A copy with some fields changed: ``settings.replace(run={"seed": 3})``."""
        changed = {name: dataclasses.replace(getattr(self, name), **table) for name, table in stages.items()}
        return dataclasses.replace(self, **changed)


def describe_settings() -> List[Tuple[str, str, Any, str]]:
    """Every setting as (table, key, default, help)."""
    return [
        (stage.name, one.name, getattr(getattr(Settings(), stage.name), one.name), one.metadata["help"])
        for stage in dataclasses.fields(Settings)
        for one in dataclasses.fields(get_type_hints(Settings)[stage.name])
    ]


def read_toml(path: Path) -> Dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ConfigurationError
        It is missing or can't be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"no settings file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"settings file {str(path)!r} can't be read: {error}") from error


def parse_toml_value(text: str) -> Any:
    """`text` as a TOML value (number, true, list ...); what is none is taken as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _refuse_unknown(values: Mapping[str, Any], known: Mapping[str, Any], what: str, origin: str) -> None:
    unknown = sorted(set(values) - set(known))
    require(
        not unknown, f"{origin}: unknown {what} {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}"
    )


def _build(stage: Type[S], table: Mapping[str, Any], origin: str) -> S:
    hints = get_type_hints(stage)
    _refuse_unknown(table, hints, "key", origin)
    return stage(**{key: _coerce(value, hints[key], f"{origin} {key}") for key, value in table.items()})


def _coerce(value: Any, hint: Any, origin: str) -> Any:
    """`value` as the type that `hint` names; an int is taken where a float is wanted, nothing else is converted."""
    if hint in (int, float, bool, str):
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if hint is float and isinstance(value, float):
            require(math.isfinite(value), f"{origin} is {value}; it must be a finite number")
        require(
            isinstance(value, hint) and (hint is bool or not isinstance(value, bool)),
            f"{origin} is {value!r}; it must be of type {hint.__name__}",
        )
        return value
    element = hint.__args__[0]
    require(isinstance(value, (list, tuple)), f"{origin} is {value!r}; it must be a list")
    return tuple(_coerce(one, element, origin) for one in value)
