"""Which trained model each of COSCO's schedulers loads, and from where; one that is absent COSCO replaces silently."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Tuple

SIZES = (10, 50)  # hosts that COSCO has models for

_SURROGATE = "scheduler/BaGTI/checkpoints/{model}_Trained.ckpt"
_LEARNER = "scheduler/A2C/checkpoints/{model}_Trained.ckpt"
_PROCESS = "scheduler/HGP/checkpoints/{model}.pt"

# scheduler -> where COSCO looks, and the model's name
_FILES: Mapping[str, Tuple[str, str]] = {
    "GOBI": (_SURROGATE, "energy_latency_{hosts}"),
    "SOGOBI": (_SURROGATE, "energy_latency_{hosts}"),
    "GA": (_SURROGATE, "energy_latency_{hosts}"),
    "GOBI2": (_SURROGATE, "energy_latency2_{hosts}"),
    "SOGOBI2": (_SURROGATE, "energy_latency2_{hosts}"),
    "HGOBI": (_SURROGATE, "stochastic_energy_latency_{hosts}"),
    "HSOGOBI": (_SURROGATE, "stochastic_energy_latency_{hosts}"),
    "HGOBI2": (_SURROGATE, "stochastic_energy_latency2_{hosts}"),
    "HSOGOBI2": (_SURROGATE, "stochastic_energy_latency2_{hosts}"),
    "HGP": (_PROCESS, "energy_latency_{hosts}"),
    "DRL": (_LEARNER, "energy_latency_{hosts}_0.8_0.2_RL"),
    "DQL": (_LEARNER, "energy_latency_{hosts}_0.8_0.2_RL"),
}


@dataclass(frozen=True)
class ModelFile:
    """A trained model of COSCO's.

    model : its name, which is that of its class for GOBI and its kin.
    hosts : number of hosts that it is for.
    file : where COSCO looks for it, below the checkout.
    schedulers : who uses it.
    """

    model: str
    hosts: int
    file: str
    schedulers: Tuple[str, ...]

    @property
    def trainable(self) -> bool:
        """Can ``cosco-splitplace train gobi`` make it?"""
        return self.file.startswith("scheduler/BaGTI/")

    def present(self, root: Path) -> bool:
        """Is it in the checkout at `root`? COSCO also takes one from ``checkpoints/`` beside ``main.py``."""
        places = (root / self.file, root / "checkpoints" / Path(self.file).name)
        return any(one.is_file() and one.stat().st_size > 0 for one in places)


def model_files(sizes: Tuple[int, ...] = SIZES) -> Tuple[ModelFile, ...]:
    """All models that COSCO's schedulers load, each once, for the given numbers of hosts."""
    files = []
    for hosts in sizes:
        for place, model in dict.fromkeys(_FILES.values()):
            name = model.format(hosts=hosts)
            users = tuple(one for one, its in _FILES.items() if its == (place, model))
            files.append(ModelFile(name, hosts, place.format(model=name), users))
    return tuple(files)


def missing_models(root: Path, sizes: Tuple[int, ...] = SIZES) -> Tuple[ModelFile, ...]:
    """The models that the checkout at `root` lacks."""
    return tuple(one for one in model_files(sizes) if not one.present(root))
