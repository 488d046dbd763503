"""Both pages in a real browser: charts are drawn, nothing is wrong, nothing is fetched outside."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.server
SHOTS = os.environ.get("PRSM_SHOTS_DIR")


def outside_requests(browser: Chrome) -> list[str]:
    urls = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            urls.append(message["params"]["url"])
    assert any("127.0.0.1" in url for url in urls), "the log saw no request at all"
    return [
        url
        for url in urls
        if urlsplit(url).scheme in ("http", "https", "ws", "wss")
        and urlsplit(url).hostname != "127.0.0.1"
    ]


def open_page(browser: Chrome, url: str, selector: str, at_least: int) -> None:
    browser.get(url)
    WebDriverWait(browser, 30).until(
        lambda b: len(b.find_elements(By.CSS_SELECTOR, selector)) >= at_least
    )
    WebDriverWait(browser, 30).until(
        lambda b: not b.find_elements(By.CSS_SELECTOR, "[data-testid=stStatusWidget]")
    )


def assert_clean(browser: Chrome, shot: str) -> None:
    if SHOTS:
        browser.save_screenshot(str(Path(SHOTS) / f"{shot}.png"))
    assert not browser.find_elements(By.CSS_SELECTOR, "[data-testid=stException]")
    assert not browser.find_elements(By.CSS_SELECTOR, "[data-testid=stAlert]")
    assert outside_requests(browser) == []


def test_runs_page_lists_runs_without_calling_out(browser: Chrome, dashboard_url: str) -> None:
    open_page(browser, dashboard_url, "[data-testid=stDataFrame] canvas", 1)
    assert_clean(browser, "runs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_overview_draws_charts_without_calling_out(
    browser: Chrome, dashboard_url: str, scheme: str
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    charts = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
    open_page(browser, f"{dashboard_url}/overview", charts, 4)
    assert_clean(browser, f"overview-{scheme}")
