"""What the dashboard costs and how fast it is: ``make bench-dashboard``.

- A run with its live journal against the same run without, in turns; the journal's own share of its run.
- A page of 1,000 hosts and 20,000 tasks (made up) in headless Chromium: from opening the address, the server not having
  read anything, to the painted cluster; and steps of the slider, from the input event to the painted canvas.

It needs Chromium and its driver: apt-get install chromium chromium-driver.
"""
from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

# made-up runs and the browser are those of the tests
sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / one) for one in ("made", "dashboard")]

from conftest import start_browser  # noqa: E402
from dashboards import dashboard  # noqa: E402
from large_run import write_large_run  # noqa: E402

from cosco_splitplace.config import Settings  # noqa: E402
from cosco_splitplace.live import LiveJournal  # noqa: E402
from cosco_splitplace.loop import Loop  # noqa: E402
from cosco_splitplace.simulation import simulate  # noqa: E402

PAIRS, PAINTS, STEPS = 12, 5, 40
STEP = """
const [to, done] = arguments;
const slider = document.querySelector('#slider'), canvas = document.querySelector('#view canvas');
const began = performance.now();
const painted = () => requestAnimationFrame(() => done(performance.now() - began));
new MutationObserver((_, watcher) => { watcher.disconnect(); painted(); })
  .observe(canvas, { attributes: true, attributeFilter: ['data-interval'] });
slider.value = to;
slider.dispatchEvent(new Event('input'));
"""
PAINTED = """
const done = arguments[0];
const painted = () => done(performance.now());
const look = () => requestAnimationFrame(document.querySelector('canvas[data-interval]') ? painted : look);
look();
"""


class Measured(LiveJournal):
    """A journal that knows how long it was at work."""

    spent_s = 0.0

    def begin(self, loop: Loop) -> None:
        began = time.perf_counter()
        super().begin(loop)
        self.spent_s += time.perf_counter() - began

    def interval(self, loop: Loop) -> None:
        began = time.perf_counter()
        super().interval(loop)
        self.spent_s += time.perf_counter() - began


def journal_cost() -> Dict[str, float]:
    """Ratios of the fastest policy's run, where the journal weighs most."""
    settings = Settings().replace(run={"decider": "deadline", "placer": "daso-set", "regime": "contended",
                                       "intervals": 200})
    simulate(settings.replace(run={"intervals": 3}))  # compiles
    ratios, shares = [], []
    for pair in range(PAIRS):
        seconds: Dict[bool, float] = {}
        for watched in (True, False) if pair % 2 else (False, True):  # who comes second may find it easier, or harder
            with tempfile.TemporaryDirectory() as name:
                journal = Measured(Path(name), "measured") if watched else None
                began, began_s = time.process_time(), time.perf_counter()
                simulate(settings, live=journal)
                seconds[watched] = time.process_time() - began
                if journal is not None:
                    shares.append(journal.spent_s / (time.perf_counter() - began_s))
        ratios.append(seconds[True] / seconds[False])
    return {"run_with_journal_over_without": statistics.median(ratios), "journal_share": statistics.median(shares)}


def page_speed(folder: Path) -> Dict[str, float]:
    """Milliseconds in the browser."""
    write_large_run(folder / "large")
    with tempfile.TemporaryDirectory() as profile:
        browser = start_browser(profile)
        try:
            paints: List[float] = []
            for _ in range(PAINTS):
                with dashboard([folder / "large"]) as address:  # a server of its own, which has read nothing
                    browser.get(f"{address}/#view=cluster&t=50")
                    paints.append(browser.execute_async_script(PAINTED))
            with dashboard([folder / "large"]) as address:
                browser.get(f"{address}/#view=cluster&t=10")
                browser.execute_async_script(PAINTED)
                steps: List[float] = [browser.execute_async_script(STEP, to) for to in range(11, 11 + STEPS)]
        finally:
            browser.quit()
    return {"first_paint_ms": statistics.median(paints), "slider_step_ms": statistics.median(steps),
            "slider_step_worst_ms": max(steps)}


def main() -> None:
    found: Dict[str, Any] = journal_cost()
    with tempfile.TemporaryDirectory() as name:
        found.update(page_speed(Path(name)))
    print(json.dumps({name: round(value, 4) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
