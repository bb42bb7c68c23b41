"""The API and the worker, as `make run` and `make demo` start them."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import closing

import requests

import migrations
from commands.support.ports import listen_error
from commands.support.programs import Programs
from database import Database
from settings import Settings
from storage import check_folders

# Where to reach a server that listens on all addresses.
LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

IN_USE = os.strerror(errno.EADDRINUSE)


def address(settings: Settings) -> str:
    """The URL at which this machine reaches the API."""
    host = LOOPBACK_OF.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def check_port(settings: Settings) -> None:
    """Raises SystemExit when the API could not listen on its port."""
    if reason := listen_error(settings.host, settings.port):
        hint = (
            "If an earlier service still runs there, as after its `make run` was killed, end that "
            f"first; the variable PORT names another port, as in: make run PORT={settings.port + 1}"
        )
        raise SystemExit(
            f"HOST and PORT cannot be used: the API cannot listen on {settings.host}:"
            f"{settings.port}: {reason}. {hint if reason == IN_USE else ''}".rstrip()
        )


def check_start(settings: Settings) -> None:
    """Say once, in a sentence, what the API and the worker would each say; raises SystemExit."""
    with closing(Database(settings.database_url)) as db:
        migrations.prepare(db)
    check_folders(settings)
    check_port(settings)


def start(programs: Programs, settings: Settings, environment: dict[str, str]) -> None:
    """Start the API and a worker, and wait until the API is healthy."""
    programs.start("The API", [sys.executable, "app.py"], environment)
    worker = ["-m", "celery", "-A", "worker", "worker", "--loglevel=info"]
    programs.start("The worker", [sys.executable, *worker], environment)
    with session() as client:
        while not _is_healthy(client, f"{address(settings)}/healthz"):
            programs.pause()


def session() -> requests.Session:
    """A session without proxies: they do not reach this machine's own addresses."""
    made = requests.Session()
    made.trust_env = False
    return made


def _is_healthy(client: requests.Session, url: str) -> bool:
    try:
        return client.get(url, timeout=2).ok
    except requests.RequestException:
        return False
