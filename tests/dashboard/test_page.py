"""The page in a real browser: all views of finished and running runs, slider, hover, compare, empty, gone, large."""
from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from dashboards import SETTINGS, WatchedLoop, answer, at_once, dashboard, finished_run
from large_run import write_large_run

from cosco_splitplace.dashboard import references

VIEWS = ("cluster", "decider", "placer", "tasks", "compare")
PATIENCE_S = 40.0


class Page:
    """What a test does with the page, and sees of it."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, **shown: object) -> "Page":
        """Open it anew; `shown` is what its address says."""
        self.driver.get("about:blank")
        self.complaints()  # those of the page before
        self.driver.get(f"{self.address}/#" + "&".join(f"{name}={value}" for name, value in shown.items()))
        self.until("document.body.dataset.ready")
        return self

    def js(self, script: str, *given: object) -> Any:
        return self.driver.execute_script(script, *given)

    def until(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true."""
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s:
            found = self.js(f"return ({expression})")
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never: {expression}; the page says {self.text('body')[:600]!r}")

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def complaints(self) -> list[str]:
        """What the browser's console holds of errors, refusals of the security policy among them."""
        return [one["message"] for one in self.driver.get_log("browser") if one["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs of one world, with references of one of them in the cache."""
    folder = tmp_path_factory.mktemp("results")
    finished_run(folder / "first")
    deadline = SETTINGS.replace(run={"decider": "deadline"})
    finished_run(folder / "second", deadline, "with deadlines")
    return folder


@pytest.fixture()
def page(results: Path, browser: Any) -> Iterator[Page]:
    path = references._path(SETTINGS)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        references.write_json(path, references.work_out(SETTINGS))
    with dashboard([results]) as address:
        yield Page(browser, address)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_finished_runs(page: Page, view: str) -> None:
    page.open(view=view, run="second", t=6)
    assert page.text("#state") == "finished"
    assert page.text("#k-interval") == "7 / 14"
    if view in ("decider", "placer", "compare"):
        page.until("document.querySelectorAll('#view .plot canvas').length >= 4")
    titles = page.js("return [...document.querySelectorAll('#view figcaption strong')].map((one) => one.textContent)")
    wanted = {
        "decider": "Are deadlines predicted rightly?",
        "placer": "Predicted against observed",
        "compare": "Reward so far",
    }
    assert view not in wanted or wanted[view] in titles
    assert page.js("return document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints() == []


def test_strip_shows_run_references_and_counts(page: Page) -> None:
    page.open(view="cluster", run="first", t=9)
    shown = page.text("#k-reward")
    assert "semantic" in shown and "bound" in shown
    reward, semantic, bound = (float(one.split("%")[0].split()[-1]) for one in shown.replace("%", "%|").split("|")[:3])
    assert 0 < reward <= bound and 0 < semantic <= 100
    counts = [int(page.text(f"#k-{one}")) for one in ("waiting", "running", "done")]
    series = page.js("return fetch('api/runs/first/series').then((r) => r.json())")["series"]
    assert sum(counts) == series["tasks_arrived"][9]


def test_slider_by_mouse_keys_and_play(page: Page) -> None:
    page.open(view="cluster", run="first", t=3)
    page.until("document.querySelector('canvas[data-interval=\"3\"]')")
    page.driver.find_element("id", "slider").send_keys("\ue014")  # arrow right
    page.until("document.querySelector('canvas[data-interval=\"4\"]')")
    assert page.text("#k-interval") == "5 / 14" and "t=4" in page.driver.current_url
    page.click("#back")
    page.until("document.querySelector('canvas[data-interval=\"3\"]')")
    page.click("#play")
    page.until("Number(document.querySelector('#view canvas').dataset.interval) >= 5")
    page.click("#play")
    page.click("#follow")
    page.until("document.querySelector('#slider').value === document.querySelector('#slider').max")
    page.driver.refresh()
    page.until("document.body.dataset.ready")
    assert page.text("#state") == "finished" and page.complaints() == []


def _block(page: Page, interval: int) -> dict[str, int]:
    """Where on the screen the first host of `interval` with a fragment is, and the fragment that is first on it."""
    path = f"api/runs/first/cluster/{interval}"
    found = page.js("return fetch(arguments[0]).then((r) => r.json())", path)["fragments"]
    host = min(found["host"])
    first = min((task, index, i) for i, (task, index) in enumerate(zip(found["task"], found["index"]))
                if found["host"][i] == host)[2]
    return {"host": host, "fragment": found["id"][first], "task": found["task"][first]}


def test_hover_and_click_tell_details(page: Page) -> None:
    page.open(view="cluster", run="first", t=6)
    page.until("document.querySelector('canvas[data-interval=\"6\"]')")
    first = _block(page, 6)
    columns = page.js("return Math.floor((document.querySelector('#view canvas').clientWidth + 6) / 156)")
    width = page.js("return (document.querySelector('#view canvas').clientWidth - 2 + 8) / arguments[0]", columns)
    tile = [(first["host"] % columns) * width + 1, (first["host"] // columns) * 104 + 1]
    fire = (
        "const c = document.querySelector('#view canvas'), f = c.getBoundingClientRect();"
        "const at = {clientX: f.left + arguments[1], clientY: f.top + arguments[2], bubbles: true};"
        "c.dispatchEvent(new MouseEvent(arguments[0], at));"
    )
    page.js(fire, "mousemove", tile[0] + 60, tile[1] + 10)
    assert f"host {first['host']}" in page.text("#tip") and "CPU" in page.text("#tip")
    page.js(fire, "mousemove", tile[0] + 15, tile[1] + 60)
    assert f"fragment {first['fragment']} of task {first['task']}" in page.text("#tip").replace("\n", " ")
    page.js(fire, "click", tile[0] + 15, tile[1] + 60)
    page.until("document.querySelector('.detail .history')")
    history = page.text(".detail .history")
    for step in ("arrived", "decided", "ready", "placed on host", "started", "finished"):
        assert step in history
    page.js(fire, "click", tile[0] + 60, tile[1] + 10)
    page.until(f"document.querySelector('.detail h3').textContent.startsWith('Host {first['host']}')")
    page.js("[...document.querySelectorAll('.detail .link')].find((one) => one.textContent.startsWith('task')).click()")
    page.until("document.querySelector('.detail h3').textContent.startsWith('Task')")
    assert page.complaints() == []


def test_hosts_on_the_map(tmp_path: Path, browser: Any) -> None:
    trace = tmp_path / "city.csv"
    trace.write_text("interval,host,latency_factor,bandwidth_share\n" + "".join(
        f"{interval},{host},1.0,1.0\n" for interval in range(20) for host in range(8)), encoding="utf-8")
    places = [[[100 + step, 200], [600, 300 + step]] for step in range(240)]  # every 5 s: four intervals
    content = {"format": 1, "junctions_x": [0, 500, 1000], "junctions_y": [0, 400], "units": [[500, 200]],
               "hosts": [1, 3], "tracks": places}
    (tmp_path / "city.map.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    finished_run(tmp_path / "run", SETTINGS.replace(cluster={"mobility_file": str(trace)}))
    with dashboard([tmp_path / "run"]) as address:
        assert answer(address, "runs/run/map")["map"]["positions_m"][1] == [[190, 200], [600, 390]]
        page = Page(browser, address).open(view="cluster", t=1)
        before = page.js("return document.querySelector('#view canvas').toDataURL()")
        page.js("[...document.querySelectorAll('.segmented button')].find((one) => one.textContent === 'Map').click()")
        assert page.js("return document.querySelector('#view canvas').toDataURL()") != before
        assert page.complaints() == []


def test_by_keyboard_and_as_tables(page: Page) -> None:
    page.open(view="cluster", run="first", t=6)
    page.until("document.querySelector('canvas[data-interval=\"6\"]')")
    canvas = page.driver.find_element("css selector", "#view canvas")
    canvas.send_keys("\ue014")
    assert page.text("#spoken").startswith("host 1")
    canvas.send_keys("\ue007")
    page.until("document.querySelector('.detail h3').textContent.startsWith('Host 1')")
    page.js("[...document.querySelectorAll('.segmented button')].find((one) => one.textContent === 'Table').click()")
    assert page.js("return document.querySelectorAll('#view tbody tr').length") == 8
    tab = page.driver.find_element("id", "tab-cluster")
    tab.send_keys("\ue014")
    page.until("document.querySelector('#view[data-view=\"decider\"] .plot canvas')")
    assert page.js("return document.activeElement.id") == "tab-decider"
    page.js("document.querySelector('#view figure button').click()")
    assert page.js("return document.querySelectorAll('#view figure tbody tr').length") > 10
    unnamed = page.js(
        "return [...document.querySelectorAll('button, select, input, [role=img]')].filter((one) => "
        "!one.textContent.trim() && !one.getAttribute('aria-label') && !one.closest('label'))"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []


def test_a_tasks_pipeline(page: Page) -> None:
    moved = page.open(view="tasks", run="first").js(
        "return fetch('api/runs/first/tasks?sort=migrations&descending=true&limit=1').then((r) => r.json())"
    )["tasks"][0]
    page.open(view="tasks", run="first", task=moved["task_id"])
    page.until("document.querySelector('.gantt')")
    lanes = page.js("return document.querySelectorAll('.gantt .lane:not(.axis)').length")
    assert lanes == len(moved["hosts"])
    for kind in ("transfer", "run", "migrate", "deliver"):
        assert page.js("return document.querySelectorAll(arguments[0]).length", f".gantt .track .bar.{kind}") > 0, kind
    page.js(
        "const state = document.querySelector('.filters select');"
        "state.value = 'late'; state.dispatchEvent(new Event('change'))"
    )
    page.until("![...document.querySelectorAll('tbody tr')].some((one) => one.textContent.includes('in time'))")
    page.js("document.querySelector('td .link').click()")
    page.until(f"Number(document.querySelector('#view .panel').dataset.task) !== {moved['task_id']}")
    assert page.complaints() == []


def test_compare_puts_runs_on_one_axis(page: Page) -> None:
    page.open(view="compare", run="first")
    page.until("document.querySelector('[data-runs=\"2\"] .plot canvas')")
    assert "with deadlines seed 1" in page.text("#view figure .legend")
    assert page.js("return document.querySelectorAll('#view section table thead th').length") == 3
    page.click(".picks input[value='second']")
    page.until("document.querySelector('#view').innerText.includes('Choose two runs')")
    page.click(".picks input[value='second']")
    page.until("document.querySelector('[data-runs=\"2\"] .plot canvas')")
    assert page.complaints() == []


def test_themes(page: Page) -> None:
    page.open(view="placer", run="first")
    before = page.js("return getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.js("return getComputedStyle(document.body).backgroundColor") != before
    page.open(view="placer", run="first")
    assert page.js("return getComputedStyle(document.body).backgroundColor") != before  # it is kept
    page.click("#theme")


@pytest.mark.parametrize("view", VIEWS)
def test_fits_a_phone(page: Page, view: str) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        page.open(view=view, run="first", t=6, task=3)
        assert page.js("return document.documentElement.scrollWidth") <= 390
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_run_is_followed_from_an_empty_folder_to_its_end(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    with dashboard([tmp_path / "results"]) as address:
        page = Page(browser, address).open()
        assert "No run yet" in page.text("#notice")
        run = WatchedLoop(tmp_path / "results" / "live")
        run.go_on(3)
        page.until("document.querySelector('canvas[data-interval=\"2\"]')")
        assert page.text("#state") == "running"
        run.go_on(2)
        page.until("document.querySelector('canvas[data-interval=\"4\"]')")  # by itself
        for view in VIEWS[1:]:
            page.click(f"#tab-{view}")
            page.until(f"document.querySelector('#view[data-view=\"{view}\"]')")
        page.click("#tab-cluster")
        page.driver.find_element("id", "slider").send_keys("\ue012")
        page.until("document.querySelector('canvas[data-interval=\"3\"]')")
        run.go_on()
        page.until("document.querySelector('#slider').max === '5'")
        assert page.js("return document.querySelector('#slider').value") == "3"  # who looks back is left there
        run.killed()
        page.until("document.querySelector('#state').textContent === 'stopped'")
        assert "killed" in page.text("#notice")
        assert page.complaints() == []


def test_a_folder_that_vanishes_is_said_and_stays_on_the_page(tmp_path: Path, browser: Any) -> None:
    finished_run(tmp_path / "results" / "run")
    with dashboard([tmp_path / "results"]) as address:
        page = Page(browser, address).open(view="cluster", t=4)
        shutil.rmtree(tmp_path / "results")
        page.until("document.querySelector('#state').textContent === 'vanished'")
        assert "gone" in page.text("#notice")
        page.click("#forth")
        page.until("document.querySelector('canvas[data-interval=\"5\"]')")
        page.open(view="tasks")  # a reload shows it, too
        assert page.text("#state") == "vanished" and page.complaints() == []


def test_a_dashboard_that_ends_is_said(tmp_path: Path, browser: Any) -> None:
    finished_run(tmp_path / "run")
    command = [sys.executable, "-m", "cosco_splitplace", "dashboard", str(tmp_path / "run"), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    page = Page(browser, process.stderr.readline().split()[2]).open(view="cluster", t=4)
    process.terminate()
    assert process.wait(timeout=20) == 0
    process.stderr.close()
    page.click("#forth")
    page.until("document.querySelector('#notice').innerText.includes('does not answer')")


def test_a_thousand_hosts_and_twenty_thousand_tasks(tmp_path: Path, browser: Any) -> None:
    write_large_run(tmp_path / "large")
    with dashboard([tmp_path / "large"]) as address:
        page = Page(browser, address).open(view="cluster", t=50)
        page.until("document.querySelector('canvas[data-interval=\"50\"]')")
        assert "1000 hosts" in page.text("#k-run")
        page.click("#forth")
        page.until("document.querySelector('canvas[data-interval=\"51\"]')")
        page.click("#tab-tasks")
        page.until("document.querySelector('.pages')?.innerText.includes('20,000')")
        assert page.complaints() == []


@pytest.fixture(autouse=True)
def _one_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, own_cache: Callable[[], None]
) -> None:
    """The references of this module are worked out once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "dashboard-cache"))
