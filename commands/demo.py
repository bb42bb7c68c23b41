"""The service at work on samples/products.csv, beside whatever else runs on this machine.

It has ports, a Redis, a database and folders of its own, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import base64
import queue
import secrets
import tempfile
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import requests

import settings
from commands import redis_server, report, service
from commands.neighbours import Notification, photos, receiver, served
from commands.ports import free_port
from commands.processes import ROOT, Died, Programs
from settings import Settings

PHOTOS = ROOT / "samples" / "photos"
PRODUCTS = ROOT / "samples" / "products.csv"
ORIGIN_PORT = 8901  # the one that products.csv names
API_PORT = 5000
PATIENCE_SECONDS = 120
LOG_LINES = 30


class TooSlow(SystemExit):
    """What takes seconds has not happened in minutes."""


def main() -> None:
    stays = not _arguments().exit
    redis = redis_server.find()
    received: queue.Queue[Notification] = queue.Queue()
    with (
        tempfile.TemporaryDirectory(prefix="image-demo-") as folder,
        (Path(folder) / "log.txt").open("wb") as log,
        served(photos(PHOTOS), free_port(ORIGIN_PORT)) as origin_port,
        served(receiver(received)) as webhook_port,
        Programs(log) as programs,
    ):
        environment = own_environment(folder, origin_port, webhook_port)
        demo = Demo(programs, settings.read(environment), received)
        try:
            redis_server.start(programs, redis, demo.settings.redis_url, folder)
            service.start(programs, demo.settings, environment)
            wrong = demo.play(origin_port, webhook_port)
            if stays:
                print("All this stays up until Ctrl-C.")
                programs.watch()
        except (Died, TooSlow, requests.RequestException):
            print(*Path(log.name).read_text(errors="replace").splitlines()[-LOG_LINES:], sep="\n")
            raise
    if wrong:
        raise SystemExit("The demo did not go as it should.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--exit", action="store_true", help="stop when the images are done")
    return parser.parse_args()


def own_environment(folder: str, origin_port: int, webhook_port: int) -> dict[str, str]:
    """Nothing of the user's own settings; only the demo's two servers may be connected to."""
    ours = {field.name.upper() for field in fields(Settings)}
    others = {name: value for name, value in service.environment().items() if name not in ours}
    port = free_port(API_PORT)
    return {
        **others,
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": f"sqlite:///{folder}/image_processing.db",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "UPLOAD_DIR": f"{folder}/uploads",
        "PROCESSED_DIR": f"{folder}/processed_images",
        "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{origin_port},127.0.0.1:{webhook_port}",
        "WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }


@dataclass(frozen=True)
class Demo:
    """One upload, from the CSV to the signed webhook, as a user makes it."""

    programs: Programs
    settings: Settings
    received: queue.Queue[Notification]
    session: requests.Session = field(default_factory=service.session)
    ends_at: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)

    def play(self, origin_port: int, webhook_port: int) -> list[str]:
        """Show how it goes; whatever was not as it should be is shown and returned."""
        products = PRODUCTS.read_text().replace(f":{ORIGIN_PORT}/", f":{origin_port}/")
        request_id = self._upload(products, f"http://127.0.0.1:{webhook_port}/")
        status = self._watch(f"{self.settings.public_base_url}/status/{request_id}")
        print(f"\n{report.table(status)}\n")
        print(f"Output CSV  {status['output_csv_url']}")
        print(f"Page        {self.settings.public_base_url}/#{request_id}")
        wrong = [
            *report.wrong_images(status["images"], PHOTOS, self.session),
            *report.wrong_csv(status, self.session),
            *self._wrong_webhook(request_id),
        ]
        for what in wrong:
            print(f"NOT AS IT SHOULD BE: {what}")
        return wrong

    def _upload(self, products: str, webhook_url: str) -> str:
        answer = self.session.post(
            f"{self.settings.public_base_url}/upload",
            files={"file": (PRODUCTS.name, products)},
            data={"webhook_url": webhook_url},
            timeout=30,
        )
        answer.raise_for_status()
        new = answer.json()
        print(f"Uploaded samples/products.csv: {new['rows']} products, {new['images']} images")
        return str(new["request_id"])

    def _watch(self, status_url: str) -> dict[str, Any]:
        """The status once the request is completed; until then its progress is shown."""
        shown = None
        while True:
            status: dict[str, Any] = self.session.get(status_url, timeout=10).json()
            if (progress := status["progress"]) != shown:
                print("  {completed} completed, {failed} failed of {total}".format(**progress))
            if status["status"] == "Completed":
                return status
            shown = progress
            self._pause()

    def _wrong_webhook(self, request_id: str) -> list[str]:
        while self.received.empty():
            self._pause()
        notification, secret = self.received.get(), self.settings.webhook_secret
        wrong = list(report.wrong_webhook(notification, secret, request_id))
        print(f"Webhook     received, {'but wrong' if wrong else 'and its signature is right'}")
        return wrong

    def _pause(self) -> None:
        if time.monotonic() > self.ends_at:
            raise TooSlow(f"The demo was not done within {PATIENCE_SECONDS} s.")
        self.programs.pause()
