"""The servers that a demo needs around the service: a shop's photos, and a webhook receiver."""

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

MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Notification:
    """A webhook as it was received."""

    headers: dict[str, str]
    body: bytes


class PhotoHandler(SimpleHTTPRequestHandler):
    """Serves the files of a folder."""

    def log_message(self, *_: Any) -> None:
        """Print nothing: the demo prints its own progress."""


class WebhookHandler(BaseHTTPRequestHandler):
    """Puts notifications into a queue and responds with 204."""

    def __init__(self, received: queue.Queue[Notification], *arguments: Any) -> None:
        self.received = received
        super().__init__(*arguments)

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES)
        self.received.put(Notification(dict(self.headers), self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing: the demo prints its own progress."""


def photo_handler(folder: Path) -> partial[PhotoHandler]:
    return partial(PhotoHandler, directory=str(folder))


def webhook_handler(received: queue.Queue[Notification]) -> partial[WebhookHandler]:
    return partial(WebhookHandler, received)


@contextmanager
def serving(handler: partial[Any], port: int = 0) -> Iterator[int]:
    """Serve on this port of loopback, or on any free one for 0; yields the port."""
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
