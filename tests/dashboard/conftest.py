"""A real browser, where this machine has one."""
from __future__ import annotations

import shutil
from typing import Any, Iterator

import pytest


def start_browser(folder: Any, *arguments: str, width: int = 1280, height: int = 900) -> Any:
    """A headless Chromium with an empty profile in `folder`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    quiet = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
             "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars")
    for one in (*quiet, f"user-data-dir={folder}", f"window-size={width},{height}", *arguments):
        options.add_argument(f"--{one}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One for all tests of a session; each opens pages of its own."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium chromium-driver")
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
