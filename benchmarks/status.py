"""Status polls a second of a large running request, compared with a bare Flask route."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlsplit

from benchmarks.measured_system import running
from benchmarks.origin import END, Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from commands.support.ports import accepts_connections
from tests.system import ROOT, eventually, free_port

CALLERS = 16  # connections at a time, kept alive: enough for the server's two processes
SECONDS = 3.0  # of one measurement
BARE, PAGE, PEEK = "a bare Flask route", "/status", "/status?limit=1"


def run(setup: Setup) -> Result:
    with Origin("small", setup.album.small_ones(500)) as origin, running(origin) as system:
        images = setup.number(100_000)
        request_id = system.start(origin.urls(images))
        with _bare_flask() as bare:
            page = f"{system.url}/status/{request_id}"
            urls = {BARE: bare, PAGE: page, PEEK: f"{page}?limit=1"}
            rounds = [_rates(urls) for _ in range(setup.repeats)]
        assert system.peek(request_id)["progress"]["pending"], "the request ended too soon"
    rates = {name: median(each[name] for each in rounds) for name in urls}
    return Result(
        figures=[
            Figure(
                what=f"{name} of {images:,} images, running: requests/s ÷ those of {BARE}",
                value=median(each[name] / each[BARE] for each in rounds),
                at_least=0.3,
            )
            for name in (PAGE, PEEK)
        ],
        details=[f"{name}: {rate:.0f} requests/s." for name, rate in rates.items()],
    )


def _rates(urls: Mapping[str, str]) -> dict[str, float]:
    return {name: _rate(url) for name, url in urls.items()}


@contextmanager
def _bare_flask() -> Iterator[str]:
    """Serves the bare Flask route; yields its URL."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port)}  # noqa: TID251
    command = [sys.executable, "-m", "benchmarks.bare_flask"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            eventually(lambda: accepts_connections("127.0.0.1", port))
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def _rate(url: str) -> float:
    """Responses a second, to callers that send the next request after each response."""
    ends_at = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CALLERS) as callers:
        counts = list(callers.map(lambda _: _call_until(ends_at, url), range(CALLERS)))
    return sum(counts) / SECONDS


def _call_until(ends_at: float, url: str) -> int:
    """How many responses came; uses bare sockets, as the client takes the server's cores."""
    parts = urlsplit(url)
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}".encode() + END
    count = 0
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        while time.monotonic() < ends_at:
            connection.sendall(request)
            _read_response(connection)
            count += 1
    return count


def _read_response(connection: socket.socket) -> None:
    received = b""
    while END not in received:
        received += _some(connection)
    head, _, body = received.partition(END)
    assert head.startswith(b"HTTP/1.1 200"), head
    missing = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(body)
    while missing > 0:
        missing -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    assert received, "the server closed the connection"
    return received
