"""The API and the worker, as `make run` and `make demo` start them."""

from __future__ import annotations

import os
import sys

import requests

from commands.ports import reason_against
from commands.processes import ROOT, Programs
from settings import Settings

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach a server that listens there


def environment() -> dict[str, str]:
    """What programs are started with: .env, and over it the variables of this process."""
    file = ROOT / ".env"
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    written = {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
    return {**written, **os.environ}  # noqa: TID251 - it is handed on, not read


def address(settings: Settings) -> str:
    """Where this machine reaches the API."""
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def check_port(settings: Settings) -> None:
    """Raises SystemExit where the API could not listen."""
    if reason := reason_against(settings.host, settings.port):
        raise SystemExit(
            f"The API cannot listen on {settings.host}:{settings.port}: {reason}. "
            f"The variable PORT names another port, as in: make run PORT={settings.port + 1}"
        )


def start(programs: Programs, settings: Settings, environment: dict[str, str]) -> None:
    """Start both, and wait until the API answers."""
    programs.start("The API", [sys.executable, "app.py"], environment)
    worker = ["-m", "celery", "-A", "worker", "worker", "--loglevel=info"]
    programs.start("The worker", [sys.executable, *worker], environment)
    with session() as client:
        while not _is_healthy(client, f"{address(settings)}/healthz"):
            programs.pause()


def session() -> requests.Session:
    """Without proxies: they do not reach this machine's own addresses."""
    made = requests.Session()
    made.trust_env = False
    return made


def _is_healthy(client: requests.Session, url: str) -> bool:
    try:
        return client.get(url, timeout=2).ok
    except requests.RequestException:
        return False
