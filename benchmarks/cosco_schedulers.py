"""How long each scheduler takes to decide an interval inside a COSCO checkout: COSCO's own, and this package's models.

``python benchmarks/cosco_schedulers.py ~/COSCO`` prints the table of ``docs/cosco.md``. Everything is measured in one
process on one thread, on the same workload; what COSCO's schedulers print goes to the log.
"""
from __future__ import annotations

import time
from pathlib import Path
from typing import Tuple

import click

from cosco_splitplace.bridge import bundled
from cosco_splitplace.bridge.running import open_inside, simulate_inside
from cosco_splitplace.config import Settings
from cosco_splitplace.training import ensure_surrogate

OURS = ("SplitPlace", "M+G", "M+least-loaded")


@click.command()
@click.argument("cosco", type=click.Path(path_type=Path))
@click.option("--hosts", default=10, show_default=True)
@click.option("--rate", default=1.2, show_default=True, help="Tasks an interval.")
@click.option("--intervals", default=12, show_default=True)
def main(cosco: Path, hosts: int, rate: float, intervals: int) -> None:
    """Print one row a scheduler of the checkout in COSCO."""
    root = open_inside(cosco)

    def run(name: str) -> Tuple[float, float]:
        """Seconds an interval: deciding, and all."""
        model = bundled.resolve(root, name)
        settings = Settings().replace(
            run={"decider": model.decider, "placer": model.placer, "intervals": intervals},
            cluster={"hosts": hosts},
            arrivals={"rate": rate},
        )
        ensure_surrogate(settings)
        began = time.perf_counter()
        result, _ = simulate_inside(settings, root, model.name)
        return result.metrics["scheduling_s"], (time.perf_counter() - began) / intervals

    run(OURS[0])  # compiles the engine, loads images; not counted
    click.echo("| scheduler | deciding, s an interval | all, s an interval |\n|---|---|---|")
    for name in [*OURS, *(one.placer for one in bundled.bundled_schedulers(root))]:
        deciding_s, all_s = run(name)
        click.echo(f"| {bundled.resolve(root, name).name} | {deciding_s:.3f} | {all_s:.3f} |")


if __name__ == "__main__":
    main()
