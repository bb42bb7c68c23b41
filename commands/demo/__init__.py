"""`demo`: the service at work on samples/products.csv, apart from whatever else runs here."""

from __future__ import annotations

import base64
import queue
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import click
import requests

import settings
from commands.demo.walkthrough import PHOTO_PORT, PHOTOS, TooSlow, Walkthrough
from commands.support import environment, redis_server, service
from commands.support.ports import free_port, listen_error
from commands.support.programs import Died, Programs
from commands.support.servers import Notification, photo_handler, serving, webhook_handler
from settings import Settings

PREFERRED_API_PORT = 5000
LOG_LINES = 30


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page; 5000 where it is free.")
@click.option("--exit", "exits", is_flag=True, help="Stop when the images are done.")
def demo(*, port: int | None, exits: bool) -> None:
    """Show the service at work on the sample products.

    Uploads samples/products.csv, waits for its images and its webhook, and checks the results.
    Uses ports, a Redis server, a database and folders of its own, and removes them at the end.
    """
    redis, port = redis_server.find(), _free_port(port)
    received: queue.Queue[Notification] = queue.Queue()
    with (
        tempfile.TemporaryDirectory(prefix="image-demo-") as folder,
        (Path(folder) / "log.txt").open("wb") as log,
        serving(photo_handler(PHOTOS), free_port(PHOTO_PORT)) as photo_port,
        serving(webhook_handler(received)) as webhook_port,
        Programs(log) as programs,
        _log_printed_on_failure(Path(log.name)),
    ):
        variables = own_variables(folder, port, photo_port, webhook_port)
        chosen = settings.read(variables)
        variables["REDIS_URL"] = redis_server.start(programs, redis, folder)
        service.start(programs, chosen, variables)
        problems = Walkthrough(programs, chosen, received).play(photo_port, webhook_port)
        if not exits:
            print("All this stays up until Ctrl-C.")
            programs.watch()
    if problems:
        raise SystemExit("The demo did not go as it should.")


def _free_port(wanted: int | None) -> int:
    """The port that the user wants, or the usual one, or any; raises SystemExit."""
    if wanted is None:
        port = free_port(PREFERRED_API_PORT)
        if port != PREFERRED_API_PORT:
            print(f"Port {PREFERRED_API_PORT} is taken, so the page is at port {port}.")
        return port
    if reason := listen_error("127.0.0.1", wanted):
        raise SystemExit(
            f"PORT cannot be used: the demo cannot listen on 127.0.0.1:{wanted}: {reason}. Name "
            "another one, as in: make demo PORT=5001"
        )
    return wanted


@contextmanager
def _log_printed_on_failure(log: Path) -> Iterator[None]:
    """Print the last lines of the programs' log when one of them fails."""
    try:
        yield
    except (Died, TooSlow, requests.RequestException):
        print(*log.read_text(errors="replace").splitlines()[-LOG_LINES:], sep="\n")
        raise


def own_variables(folder: str, port: int, photo_port: int, webhook_port: int) -> dict[str, str]:
    """The variables without the user's own settings; only the demo's two servers are allowed."""
    ours = {field.name.upper() for field in fields(Settings)}
    others = {name: value for name, value in environment.load().items() if name not in ours}
    return {
        **others,
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": f"sqlite:///{folder}/image_processing.db",
        "UPLOAD_DIR": f"{folder}/uploads",
        "PROCESSED_DIR": f"{folder}/processed_images",
        "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{photo_port},127.0.0.1:{webhook_port}",
        "WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }
