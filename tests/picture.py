"""`python -m tests.picture`: docs/page.png, the picture in README, of today's page in the demo."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver.common.by import By

from tests.acceptance.page import start_browser
from tests.system import PATIENCE, ROOT, eventually, free_port

FILE = ROOT / "docs" / "page.png"
WIDTH, HEIGHT = 1180, 1010
IS_LOADED = "return [...document.images].every((i) => i.complete || i.loading === 'lazy')"
COLOURS = 256  # a palette, so that the picture stays small


def take() -> None:
    """Start the demo, look at its job, and end it."""
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "commands", "demo", "--port", str(free_port())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        said = (re.match(r"Page +(\S+)", line) for line in demo.stdout)
        picture = _picture_of(next(found[1] for found in said if found))
    finally:
        demo.terminate()
        demo.wait(PATIENCE)
    picture.quantize(COLOURS).save(FILE, optimize=True)


def _picture_of(url: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        browser = start_browser(Path(folder))
        screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        try:
            browser.get(url)
            body = browser.find_element(By.TAG_NAME, "body")
            eventually(lambda: "12 of 12 images" in body.text and browser.execute_script(IS_LOADED))
            return Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
        finally:
            browser.quit()


if __name__ == "__main__":
    take()
