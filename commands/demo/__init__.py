"""The service at work on samples/products.csv, beside whatever else runs on this machine.

It has ports, a Redis, a database and folders of its own, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import base64
import queue
import secrets
import tempfile
from dataclasses import fields
from pathlib import Path

import requests

import settings
from commands.demo.walkthrough import PHOTO_PORT, PHOTOS, TooSlow, Walkthrough
from commands.support import redis_server, service
from commands.support.ports import free_port
from commands.support.programs import Died, Programs
from commands.support.servers import Notification, photo_handler, serving, webhook_handler
from settings import Settings

PREFERRED_API_PORT = 5000
LOG_LINES = 30


def main() -> None:
    stays = not _arguments().exit
    redis = redis_server.find()
    received: queue.Queue[Notification] = queue.Queue()
    with (
        tempfile.TemporaryDirectory(prefix="image-demo-") as folder,
        (Path(folder) / "log.txt").open("wb") as log,
        serving(photo_handler(PHOTOS), free_port(PHOTO_PORT)) as photo_port,
        serving(webhook_handler(received)) as webhook_port,
        Programs(log) as programs,
    ):
        environment = own_environment(folder, photo_port, webhook_port)
        chosen = settings.read(environment)
        walkthrough = Walkthrough(programs, chosen, received)
        try:
            redis_server.start(programs, redis, chosen.redis_url, folder)
            service.start(programs, chosen, environment)
            problems = walkthrough.play(photo_port, webhook_port)
            if stays:
                print("All this stays up until Ctrl-C.")
                programs.watch()
        except (Died, TooSlow, requests.RequestException):
            print(*Path(log.name).read_text(errors="replace").splitlines()[-LOG_LINES:], sep="\n")
            raise
    if problems:
        raise SystemExit("The demo did not go as it should.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--exit", action="store_true", help="stop when the images are done")
    return parser.parse_args()


def own_environment(folder: str, photo_port: int, webhook_port: int) -> dict[str, str]:
    """The environment without the user's own settings; only the demo's two servers are allowed."""
    ours = {field.name.upper() for field in fields(Settings)}
    others = {name: value for name, value in service.environment().items() if name not in ours}
    port = free_port(PREFERRED_API_PORT)
    return {
        **others,
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": f"sqlite:///{folder}/image_processing.db",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "UPLOAD_DIR": f"{folder}/uploads",
        "PROCESSED_DIR": f"{folder}/processed_images",
        "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{photo_port},127.0.0.1:{webhook_port}",
        "WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }
