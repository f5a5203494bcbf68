"""A headless Chromium for tests of pages."""

import base64
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OVERFLOWING = """
const scrolled = element =>
  element && (getComputedStyle(element).overflowX === "auto" || scrolled(element.parentElement));
const clips = element =>
  !scrolled(element) && getComputedStyle(element).display !== "inline" && element.scrollWidth > element.clientWidth + 1;
return [...document.documentElement.querySelectorAll("*")].filter(element => !scrolled(element.parentElement)
  && (element.getBoundingClientRect().right > innerWidth + 0.5 || clips(element))
).map(element => `${element.tagName} ${element.className} ${element.textContent.slice(0, 60)}`);
"""
CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = color => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255) + 0.05;
const background = element => {
  const color = rgba(getComputedStyle(element).backgroundColor);
  return color[3] === 255 || !element.parentElement ? color : background(element.parentElement);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let lowest = [21, ""];
while (texts.nextNode()) {
  const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
  if (!text || !element.getClientRects().length) continue;
  const both = [rgba(getComputedStyle(element).color), background(element)].map(luminance);
  const contrast = Math.max(...both) / Math.min(...both);
  if (contrast < lowest[0]) lowest = [contrast, text];
}
return lowest;
"""
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Start Chromium with a window of any size, or skip the test where it cannot be driven."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("Chromium and its driver are not on this machine (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def show(browser: Any, width: int, scheme: str) -> None:
    """Set the width of the page in pixels and its colour scheme, `light` or `dark`."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def screenshot(browser: Any, path: Path) -> None:
    """Write a picture of the whole page."""
    options = {"format": "png", "captureBeyondViewport": True}
    path.write_bytes(base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"]))


def overflowing(browser: Any) -> list[str]:
    """Return the elements that are wider than the page or have more content than room, unless they can be scrolled."""
    return browser.execute_script(OVERFLOWING)


def lowest_contrast(browser: Any) -> tuple[float, str]:
    """Return the lowest contrast of text with the colour behind it, 1 to 21 as WCAG defines it, and that text."""
    contrast, text = browser.execute_script(CONTRAST)
    return contrast, text


def requests(browser: Any) -> list[str]:
    """Return the addresses of everything that the browser has loaded or tried to load."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [values["request"]["url"] for values in sent]
