"""What a demo needs around the service: the shop's web server, and a receiver of webhooks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGEST_BODY = 1024 * 1024


@dataclass(frozen=True)
class Notification:
    """A webhook as it came in."""

    headers: dict[str, str]
    body: bytes


class Photos(SimpleHTTPRequestHandler):
    """The files of a folder, without a line for each."""

    def log_message(self, *_: Any) -> None:
        """The demo shows what happens."""


class Receiver(BaseHTTPRequestHandler):
    """Takes notifications into a queue and answers 204."""

    def __init__(self, received: queue.Queue[Notification], *arguments: Any) -> None:
        self.received = received
        super().__init__(*arguments)

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), LARGEST_BODY)
        self.received.put(Notification(dict(self.headers), self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """The demo shows what happens."""


def photos(folder: Path) -> partial[Photos]:
    return partial(Photos, directory=str(folder))


def receiver(received: queue.Queue[Notification]) -> partial[Receiver]:
    return partial(Receiver, received)


@contextmanager
def served(handler: partial[Any], port: int = 0) -> Iterator[int]:
    """Serve on loopback, on this port or where 0 on any; yields the port."""
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
