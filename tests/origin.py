"""A real HTTP server on loopback that behaves, or misbehaves, as a test asks it to.

    with Origin() as origin:
        url = origin.on("/cup.jpg", content(b"", status=503), content(JPEG))

answers 503 the first time and the picture from then on.
"""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Response = Callable[["Handler"], None]


@dataclass(frozen=True)
class Received:
    """One request, as it came in."""

    method: str
    path: str
    headers: Message  # upper and lower case are the same
    body: bytes


def content(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    delay: float = 0,
) -> Response:
    """A whole answer that keeps the connection open; its first byte comes after ``delay``."""

    def answer(handler: Handler) -> None:
        handler.server.closing.wait(delay)
        length = {"Content-Length": str(len(body))}
        handler.wfile.write(head(status, {**length, **(headers or {})}) + body)

    return answer


def redirect(location: str, *, status: int = 302) -> Response:
    return content(status=status, headers={"Location": location})


def retry_later(retry_after: str, *, status: int = 429) -> Response:
    return content(status=status, headers={"Retry-After": retry_after})


def gzip_bomb(size: int) -> Response:
    """An image of nothing but zeros, a thousandth of its size on the wire."""
    return content(gzip.compress(bytes(size)), headers={"Content-Encoding": "gzip"})


def short_body(body: bytes, missing: int = 1) -> Response:
    """Promises ``missing`` bytes more than it sends."""
    return raw(head(200, {"Content-Length": str(len(body) + missing)}), body)


def endless_body() -> Response:
    return raw(head(200, {}), endlessly=bytes(65536))


def drip_body(pause: float = 0.05) -> Response:
    """A byte, a pause, a byte, until the origin is closed."""
    return raw(head(200, {}), endlessly=b"x", pause=pause)


def drip_headers(pause: float = 0.05) -> Response:
    return raw(b"HTTP/1.1 200 OK\r\nX-Long: ", endlessly=b"x", pause=pause)


def close_at_once() -> Response:
    return raw()


def raw(*pieces: bytes, endlessly: bytes = b"", pause: float = 0) -> Response:
    """These bytes as they are, with pauses between them; then the connection is closed."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        for piece in itertools.chain(pieces, itertools.repeat(endlessly) if endlessly else ()):
            handler.wfile.write(piece)
            if handler.server.closing.wait(pause):
                return

    return answer


def head(status: int, headers: Mapping[str, str]) -> bytes:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Odd"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Origin:
    """Serves while it is entered; ``hits`` counts requests by path, ``connections`` connections."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.scheme = "https" if tls else "http"
        self.hits: Counter[str] = Counter()
        self.received: list[Received] = []
        self._answers: dict[str, tuple[Response, ...]] = {}
        self._server = Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def address(self) -> tuple[str, int]:
        """As ALLOWED_PRIVATE_HOSTS takes it."""
        return "127.0.0.1", self._server.server_port

    @property
    def connections(self) -> int:
        return self._server.connections

    @property
    def most_open(self) -> int:
        """The most connections that were open at one time."""
        return self._server.most_open

    @property
    def open_connections(self) -> int:
        return len(self._server.open)

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self._server.server_port}{path}"

    def on(self, path: str, *answers: Response) -> str:
        """Answer in this order, and with the last one from then on; the URL of the path."""
        self._answers[path] = answers
        return self.url(path)

    def forget(self) -> None:
        """Count anew, so that all paths answer with the first of their answers again."""
        self.hits.clear()
        self.received.clear()

    def answer(self, handler: Handler) -> None:
        path = handler.path.partition("?")[0]
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.received.append(Received(handler.command, handler.path, handler.headers, body))
        self.hits[path] += 1
        answers = self._answers.get(path, (content(status=404),))
        answers[min(self.hits[path], len(answers)) - 1](handler)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.origin.answer(self)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: Any) -> None:
        """Tests have their own report."""


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them
    request_queue_size = 128

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.origin = origin
        self.tls = tls
        self.closing = threading.Event()
        self.connections = self.most_open = 0
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        self.open.add(request)
        self.most_open = max(self.most_open, len(self.open))
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            return super().finish_request(request, client_address)
        with self.tls.wrap_socket(request.dup(), server_side=True) as secured:
            return super().finish_request(secured, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what many tests are about; other errors show."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        for request in self.open.copy():
            with suppress(OSError):  # gone already
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()


class Resolver(dict[str, list[str]]):
    """A ``socket.getaddrinfo`` that knows these names and no others, and asks no network."""

    def __init__(self) -> None:
        super().__init__()
        self.look_ups: Counter[str] = Counter()
        self._real = socket.getaddrinfo

    def __call__(self, host: str, port: int, family: int = 0, type: int = 0) -> list[Any]:
        self.look_ups[host] += 1
        numeric = socket.AI_NUMERICHOST
        answers = [
            self._real(address, port, type=type, flags=numeric)
            for address in self.get(host, [host])
        ]
        return list(itertools.chain.from_iterable(answers))


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until ``condition`` holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
