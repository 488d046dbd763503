"""The dashboard in a real browser, the way a person uses it, and what it asks the network for."""

import json
import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import look
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.server
SHOTS = os.environ.get("PRSM_SHOTS_DIR")
LIMIT_S = 20
CHARTS = "[data-testid=stVegaLiteChart] svg"
DRAWN = f"{CHARTS} .role-axis-title text"
"""One of each chart, and only once it is drawn."""
GRID = "[data-testid=stDataFrame] canvas"
ROW_PX = 35


def requested(browser: Chrome) -> list[str]:
    """Every address that the browser asked for since its log was read last."""
    urls = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            urls.append(message["params"]["url"])
    return urls


def assert_clean(browser: Chrome, shot: str) -> None:
    """Nothing is wrong on the page, and nothing was asked of anyone but our own server."""
    if SHOTS:
        browser.save_screenshot(str(Path(SHOTS) / f"{shot}.png"))
    assert not browser.find_elements(By.CSS_SELECTOR, "[data-testid=stException]")
    urls = requested(browser)
    assert any("127.0.0.1" in url for url in urls), "the log saw no request at all"
    schemes = ("http", "https", "ws", "wss")
    assert [
        url
        for url in urls
        if urlsplit(url).scheme in schemes and urlsplit(url).hostname != "127.0.0.1"
    ] == []


def wait_for(browser: Chrome, selector: str, at_least: int = 1) -> None:
    WebDriverWait(browser, LIMIT_S).until(
        lambda b: len(b.find_elements(By.CSS_SELECTOR, selector)) >= at_least
    )
    WebDriverWait(browser, LIMIT_S).until(
        lambda b: b.find_elements(By.CSS_SELECTOR, "[data-test-script-state=notRunning]")
    )


def wait_for_text(browser: Chrome, selector: str, text: str) -> None:
    WebDriverWait(browser, LIMIT_S).until(
        lambda b: any(text in e.text for e in b.find_elements(By.CSS_SELECTOR, selector))
    )


def test_a_run_is_picked_on_the_runs_page_and_opens(browser: Chrome, dashboard_url: str) -> None:
    browser.get(dashboard_url)
    wait_for(browser, GRID)
    assert "broken JSON" in browser.find_element(By.CSS_SELECTOR, "[data-testid=stAlert]").text
    grid = browser.find_element(By.CSS_SELECTOR, GRID)
    second_row = int(ROW_PX * 2.5)
    ActionChains(browser).move_to_element_with_offset(
        grid, 17 - grid.size["width"] // 2, second_row - grid.size["height"] // 2
    ).click().perform()
    wait_for_text(browser, "h1", "Overview")
    wait_for_text(browser, ".facts", "seed 7")
    assert browser.current_url == f"{dashboard_url}/overview?run=older"
    wait_for(browser, DRAWN, 4)
    icon = browser.find_element(By.CSS_SELECTOR, "link[rel~=icon]").get_attribute("href")
    assert icon is not None
    assert re.match(rf"{dashboard_url}/.*\.svg$|data:image/svg", icon)
    browser.find_element(By.CSS_SELECTOR, "[data-testid=stSidebarNavLink]").click()
    wait_for_text(browser, "h1", "Runs")
    wait_for(browser, "[data-testid=stAlert]")  # it is drawn after the table
    assert browser.find_element(By.CSS_SELECTOR, "h1").text == "Runs", "it does not jump back"
    assert_clean(browser, "runs")


@pytest.mark.parametrize(
    ("scheme", "width_px", "link", "seed"),
    [
        pytest.param("light", 1440, "?run=older", 7, id="light, a linked run"),
        pytest.param("dark", 1000, "", 8, id="dark and narrow, the newest run"),
    ],
)
def test_the_overview_reads_well(
    browser: Chrome, dashboard_url: str, scheme: str, width_px: int, link: str, seed: int
) -> None:
    look(browser, scheme, width_px)
    browser.get(f"{dashboard_url}/overview{link}")
    wait_for_text(browser, ".facts", f"seed {seed}")
    wait_for(browser, DRAWN, 4)
    background = brightness(browser, "[data-testid=stApp]", "background-color")
    assert (background > 0.9) if scheme == "light" else (background < 0.1)
    for selector, style in (
        ("h1", "color"),
        ("[data-testid=stMetricValue]", "color"),
        (f"{CHARTS} .role-axis-label text", "fill"),
        (f"{CHARTS} .role-axis-title text", "fill"),
    ):
        ink = brightness(browser, selector, style)
        assert contrast(ink, background) > 4, f"{selector} cannot be read"
    cut = browser.execute_script(
        "return [...document.querySelectorAll('[data-testid=stMetric] *')]"
        ".filter(e => e.textContent && e.clientWidth && e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.textContent)"
    )
    assert cut == [], "text of a card is cut off"
    assert_plots_line_up(browser)
    assert_labels_stay_in_their_bands(browser)
    assert_clean(browser, f"overview-{scheme}-{width_px}")


def brightness(browser: Chrome, selector: str, style: str) -> float:
    """Relative luminance, 0 to 1, of the colour that an element is drawn in."""
    value = browser.execute_script(
        "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]",
        selector,
        style,
    )
    parts = [int(part) / 255 for part in re.findall(r"\d+", value)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def assert_plots_line_up(browser: Chrome) -> None:
    """Plots of a row begin and end at the same height, those of a column at the same left."""
    boxes = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].slice(0, 4).map(svg => {"
        " const r = svg.querySelector('.role-frame > g > path.background')"
        ".getBoundingClientRect();"
        " return [r.left, r.top, r.width, r.height].map(Math.round) })",
        CHARTS,
    )
    first, second, third, fourth = boxes
    assert (first[1], third[1]) == (second[1], fourth[1])
    assert (first[0], second[0]) == (third[0], fourth[0])
    assert len({(box[2], box[3]) for box in boxes}) == 1


def assert_labels_stay_in_their_bands(browser: Chrome) -> None:
    widths = browser.execute_script(
        "const svg = document.querySelector(arguments[0]);"
        "const w = s => [...svg.querySelectorAll(s)]"
        ".map(e => [e.getBoundingClientRect().width, +(e.getAttribute('opacity') ?? 1)]);"
        "return [w('.mark-rect path'), w('.mark-text.role-mark text')]",
        CHARTS,
    )
    shades, labels = widths
    assert len(shades) == len(labels) == 2
    for (band_px, _), (label_px, opacity) in zip(shades, labels, strict=True):
        assert not opacity or label_px <= band_px + 1


def test_a_page_of_another_site_cannot_reach_the_server(dashboard_url: str) -> None:
    """A name of theirs that resolves to 127.0.0.1 is refused (DNS rebinding)."""
    parts = urlsplit(dashboard_url)

    def status(host: str) -> int:
        request = (
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nOrigin: http://{host}\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.create_connection((parts.hostname, parts.port), 10) as link:
            link.sendall(request.encode())
            return int(link.recv(64).split()[1])

    assert status(parts.netloc) == 101
    assert status(f"evil.example:{parts.port}") != 101
