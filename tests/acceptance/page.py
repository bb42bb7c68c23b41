"""The page as a person meets it, in Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.system import eventually

SWITCHES = (
    "--headless",
    "--no-sandbox",  # Chromium refuses to start as root, as in a container, with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Page:
    """The page as a person meets it: files to choose, texts to read, links to follow."""

    def __init__(self, browser: Chrome, url: str, folder: Path) -> None:
        self.browser = browser
        self.url = url
        self.folder = folder
        self.open("about:blank")  # or the fragment of the test before would stay
        self.complains()  # of the test before, of which nobody asked
        self.open(url)

    def open(self, url: str) -> None:
        self.browser.get(url)

    def part(self, element_id: str) -> WebElement:
        return self.browser.find_element(By.ID, element_id)

    def named(self, name: str) -> WebElement:
        """A field, by the name that it is sent under."""
        return self.browser.find_element(By.NAME, name)

    def text(self, element_id: str) -> str:
        """What is to be seen of a part, and so nothing when it is hidden, or loaded anew."""
        try:
            return self.part(element_id).text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def says(self, element_id: str, words: str) -> None:
        eventually(lambda: words in self.text(element_id))

    def cells(self, table: str) -> list[list[str]]:
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            ".map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )
        found: list[list[str]] = self.browser.execute_script(script, f"#{table} tr")
        return found

    def upload(self, csv: str, name: str = "products.csv") -> None:
        self.choose(csv, name)
        self.part("send").click()

    def choose(self, csv: str, name: str = "products.csv") -> None:
        path = self.folder / name
        path.write_text(csv, encoding="utf-8")
        self.part("file").send_keys(str(path))
        self.columns_are_known()

    def columns_are_known(self) -> None:
        """Below them nothing moves any more."""
        eventually(lambda: "Looking" not in self.text("columns-found"))

    def drop(self, csv: str, name: str) -> None:
        """With the mouse, somewhere on the page."""
        (self.folder / name).write_text(csv, encoding="utf-8")
        dragged = {"items": [], "files": [str(self.folder / name)], "dragOperationsMask": 1}
        for what in ("dragEnter", "dragOver", "drop"):
            step = {"type": what, "x": 300, "y": 300, "data": dragged}
            self.browser.execute_cdp_cmd("Input.dispatchDragEvent", step)
        self.columns_are_known()

    def complains(self) -> list[str]:
        """The browser's own errors since the last time: scripts, policies, missing files."""
        logged = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in logged if entry["level"] == "SEVERE"]


def start_browser(folder: Path) -> Chrome:
    """Chromium from the PATH; where there is none, Selenium gets one."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={folder}"):
        options.add_argument(switch)
    return Chrome(options, Service(shutil.which("chromedriver")))
