"""What one host sees of a service that is told to attack it, and what a shop's own host feels."""

from __future__ import annotations

import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.measured_system import running
from benchmarks.origin import Connection, Host, Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from settings import Settings

PROCESSES = 4
URLS = 60_000
SECONDS = 60
TCP_ESTABLISHED = b"\1"  # of linux/tcp_states.h
SLOW_MS = 200  # so that every connection is busy; at 0 ms the rate of requests is highest
RESOLVER = str(Path(__file__).parent / "resolver")
NO_LIMITS = {"HOST_CONNECTIONS": "1000000", "HOST_REQUESTS_PER_SECOND": "1000000"}
NAMES: dict[str, Callable[[int], str]] = {
    "one host": lambda _: "127.0.0.1",
    "ten sites at its address": lambda number: f"shop{number % 10}-victim.example",
    "a name of its own for each URL": lambda number: f"{number}.victim.example",
}


class Seen(Connection):
    server: Victim

    def _respond(self, target: str) -> None:
        self.server.asked_at.append(time.monotonic())
        super()._respond(target)


class Victim(Host):
    """Answers 404 to everything, which costs both sides least, and counts what it sees."""

    def __init__(self) -> None:
        super().__init__({"cup.jpg": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"})
        self.RequestHandlerClass = Seen
        self.port = self.server_address[1]
        self.most_open = 0
        self.asked_at: list[float] = []
        self._accepted: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._accepted.add(request)
        self.most_open = max(self.most_open, sum(map(_is_open, list(self._accepted))))
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._accepted.discard(request)
        super().shutdown_request(request)

    def most_in_a_second(self) -> int:
        asked_at = sorted(self.asked_at)
        return max(bisect_left(asked_at, at + 1) - n for n, at in enumerate(asked_at))


def _is_open(connection: socket.socket) -> bool:
    """To the kernel: a thread sees late that its client has closed a connection."""
    with suppress(OSError):
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == TCP_ESTABLISHED
    return False


def run(setup: Setup) -> Result:
    figures, details = [], []
    for what, name_of in NAMES.items():
        rates = _attacked(setup, name_of, 0)
        slow = _attacked(setup, name_of, SLOW_MS)
        figures += [
            Figure(
                what=f"{what}: most requests in a second ÷ HOST_REQUESTS_PER_SECOND",
                value=rates.most_in_a_second() / Settings.host_requests_per_second,
                at_most=1.1,
            ),
            Figure(
                what=f"{what}: most connections at a time ÷ HOST_CONNECTIONS",
                value=max(rates.most_open, slow.most_open) / Settings.host_connections,
                at_most=1,
            ),
        ]
        details.append(
            f"{what}, at 0 ms: {rates.most_in_a_second()} requests in a second and "
            f"{rates.most_open} connections at most; at {SLOW_MS} ms: {slow.most_in_a_second()} "
            f"and {slow.most_open}."
        )
    return Result(figures=[*figures, _own_host(setup)], details=details)


def _attacked(setup: Setup, name_of: Callable[[int], str], delay_ms: int) -> Victim:
    """After a minute of the attack, with four worker processes."""
    with (
        Victim() as victim,
        Origin("small", setup.album.small_ones(10)) as origin,
        running(
            origin,
            processes=PROCESSES,
            settings={
                "PYTHONPATH": RESOLVER,
                "ALLOWED_PRIVATE_HOSTS": f"{origin.addresses},127.0.0.1:{victim.port}",
            },
        ) as system,
    ):
        rest = f":{victim.port}/{delay_ms}/cup.jpg"
        system.start([f"http://{name_of(n)}{rest}?{n}" for n in range(setup.number(URLS))])
        time.sleep(setup.number(SECONDS))
        return victim


def _own_host(setup: Setup) -> Figure:
    """Thumbnails as quickly as two processes take them, with the limits and without."""
    with (
        Origin("thumbnail", setup.album.thumbnails(200)) as origin,
        running(origin) as limited,
        running(origin, settings=NO_LIMITS) as unlimited,
    ):
        urls = origin.urls(setup.number(4_000))
        rounds = [(limited.job(urls).rate, unlimited.job(urls).rate) for _ in range(setup.repeats)]
    return Figure(
        what=f"{len(urls):,} thumbnails of one quick host: images/s ÷ those without limits",
        value=median(limited / unlimited for limited, unlimited in rounds),
        at_least=0.95,
    )
