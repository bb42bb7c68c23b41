"""The page's list of images in a browser: the time to its thousandth row, and the tab's memory.

The images of a large request are compared with those of one that has no more than are shown.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import median

from selenium.webdriver import Chrome

from benchmarks.measured_system import running, wait_until
from benchmarks.origin import Origin
from benchmarks.processes import resident_mib
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from tests.acceptance.page import start_browser
from tests.system import eventually

SHOWN = 1_000  # rows: ten of the service's pages
ROWS = "return document.querySelectorAll('#images tbody tr').length"
SCROLL = "scrollTo(0, document.body.scrollHeight)"
MIB = 1024 * 1024


def run(setup: Setup) -> Result:
    large = max(SHOWN, setup.number(100_000))
    with Origin("small", setup.album.small_ones(500)) as origin, running(origin) as system:
        ids = [system.start(origin.urls(images)) for images in (SHOWN, large)]
        wait_until(lambda: system.peek(ids[0]), lambda seen: bool(seen["completed_at"]))
        wait_until(lambda: system.peek(ids[1])["progress"]["completed"], lambda done: done >= SHOWN)
        system.stop("worker")  # its work would be measured, too
        urls = [f"{system.url}/#{request_id}" for request_id in ids]
        rounds = [[_measured(url) for url in urls] for _ in range(setup.repeats)]
    (few_seconds, few_heap, few_tab), (seconds, heap, tab) = (
        [median(values) for values in zip(*of_one, strict=True)]
        for of_one in zip(*rounds, strict=True)
    )
    return Result(
        figures=[
            Figure(
                what=f"{what} of {SHOWN:,} rows of {large:,} images ÷ that of {SHOWN:,} images",
                value=value,
                at_most=1.5,
            )
            for what, value in (
                ("memory of the tab", tab / few_tab),
                ("time", seconds / few_seconds),
            )
        ],
        details=[
            f"{images:,} images: row {SHOWN:,} after {at:.1f} s; the tab's process has {whole:.0f}"
            f" MiB, {part:.1f} MiB of them objects of scripts."
            for images, at, part, whole in (
                (SHOWN, few_seconds, few_heap, few_tab),
                (large, seconds, heap, tab),
            )
        ],
    )


def _measured(url: str) -> tuple[float, float, float]:
    """The seconds until all rows are shown, and the MiB of scripts' objects and of the tab then."""
    with _browser() as browser:
        started = time.monotonic()
        browser.get(url)
        eventually(lambda: _rows_after_scrolling(browser) >= SHOWN)
        seconds = time.monotonic() - started
        browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        browser.execute_cdp_cmd("Performance.enable", {})
        metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        heap = next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize")
        return seconds, heap / MIB, max(resident_mib([pid]) for pid in _renderers(browser))


@contextmanager
def _browser() -> Iterator[Chrome]:
    """One of its own for each measurement, as a tab keeps what it once had."""
    with tempfile.TemporaryDirectory(prefix="bench-browser-") as folder:
        browser = start_browser(Path(folder))
        try:
            yield browser
        finally:
            browser.quit()


def _rows_after_scrolling(browser: Chrome) -> int:
    rows: int = browser.execute_script(ROWS)
    browser.execute_script(SCROLL)
    return rows


def _renderers(browser: Chrome) -> list[int]:
    found = _descendants(browser.service.process.pid)
    return [pid for pid in found if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _descendants(pid: int) -> list[int]:
    """With those that any thread started; chromedriver's Chromium is not its main thread's."""
    listed = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(each for child in chain(*listed) for each in _descendants(int(child)))]
