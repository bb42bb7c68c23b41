"""One upload of the sample products, from the CSV to the signed webhook, as a user makes it."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from commands.demo import checks
from commands.demo.image_table import image_table
from commands.support import service
from commands.support.programs import ROOT, Programs
from commands.support.servers import Notification
from settings import Settings

PHOTOS = ROOT / "samples" / "photos"
PRODUCTS = ROOT / "samples" / "products.csv"
PHOTO_PORT = 8901  # the one that products.csv names
MAX_SECONDS = 120


class TooSlow(SystemExit):
    """What usually takes seconds has not happened in minutes."""


@dataclass(frozen=True)
class Walkthrough:
    """Uploads, polls and receives the webhook, and prints each step."""

    programs: Programs
    settings: Settings
    received: queue.Queue[Notification]
    session: requests.Session = field(default_factory=service.session)
    ends_at: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)

    def play(self, photo_port: int, webhook_port: int) -> list[str]:
        """Print how it goes; the problems that were found are printed and returned.

        Raises TooSlow, Died when a program ends, and SystemExit when the user stops the demo.
        """
        products = PRODUCTS.read_text().replace(f":{PHOTO_PORT}/", f":{photo_port}/")
        request_id = self._upload(products, f"http://127.0.0.1:{webhook_port}/")
        status = self._wait_until_completed(request_id)
        print(f"\n{image_table(status)}\n")
        print(f"Output CSV  {status['output_csv_url']}")
        print(f"Page        {self.settings.public_base_url}/#{request_id}")
        problems = [
            *checks.image_problems(status["images"], PHOTOS, self.session),
            *checks.output_csv_problems(status, self.session),
            *self._webhook_problems(request_id),
        ]
        for problem in problems:
            print(f"NOT AS IT SHOULD BE: {problem}")
        return problems

    def _upload(self, products: str, webhook_url: str) -> str:
        response = self.session.post(
            f"{self.settings.public_base_url}/upload",
            files={"file": (PRODUCTS.name, products)},
            data={"webhook_url": webhook_url},
            timeout=30,
        )
        response.raise_for_status()
        accepted = response.json()
        rows, images = accepted["rows"], accepted["images"]
        print(f"Uploaded samples/products.csv: {rows} products, {images} images")
        return str(accepted["request_id"])

    def _wait_until_completed(self, request_id: str) -> dict[str, Any]:
        """Poll, and print the progress whenever it changes; returns the last status."""
        url = f"{self.settings.public_base_url}/status/{request_id}"
        shown = None
        while True:
            status: dict[str, Any] = self.session.get(url, timeout=10).json()
            if (progress := status["progress"]) != shown:
                print("  {completed} completed, {failed} failed of {total}".format(**progress))
            if status["status"] == "Completed":
                return status
            shown = progress
            self._pause()

    def _webhook_problems(self, request_id: str) -> list[str]:
        while self.received.empty():
            self._pause()
        notification, secret = self.received.get(), self.settings.webhook_secret
        problems = list(checks.webhook_problems(notification, secret, request_id))
        verdict = "but wrong" if problems else "and its signature is right"
        print(f"Webhook     received, {verdict}")
        return problems

    def _pause(self) -> None:
        if time.monotonic() > self.ends_at:
            raise TooSlow(f"The demo was not done within {MAX_SECONDS} s.")
        self.programs.pause()
