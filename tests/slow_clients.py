"""Clients that hold their connections open and hardly do anything on them."""

from __future__ import annotations

import resource
import select
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit

TRICKLE_SECONDS = 1.0
# Of all of them: limits by address hold for them alone, and they take no port that a server of
# another test is about to listen on. (macOS: sudo ifconfig lo0 alias 127.0.0.2)
SOURCE = "127.0.0.2"
HEADERS = "Host: {host}\r\n"
CSV_BODY = "Content-Type: text/csv\r\nContent-Length: 1000000\r\n\r\nS. No.,Product Name,"
FORM_BODY = (
    "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\n"
    'Content-Disposition: form-data; name="file"; filename="products.csv"\r\n\r\nS. No.,'
)
CHUNKED_BODY = "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nS. No.,"
BEGINNINGS: Mapping[str, str] = MappingProxyType(
    {
        "unfinished headers": "GET /healthz HTTP/1.1\r\n" + HEADERS + "X-Slow: ",
        "unfinished raw bodies": "POST /upload HTTP/1.1\r\n" + HEADERS + CSV_BODY,
        "unfinished forms": "POST /upload HTTP/1.1\r\n" + HEADERS + FORM_BODY,
        "unfinished chunks": "POST /upload HTTP/1.1\r\n" + HEADERS + CHUNKED_BODY,
        "silent sockets": "",
        "slow readers": "GET {path} HTTP/1.1\r\n" + HEADERS + "\r\n",
    }
)


class SlowClients:
    """Use as a context manager, which closes them. ``path`` is what the slow readers ask for.

    ``trickle`` lets each of them send or read one byte a second, so that no pause is long.
    """

    def __init__(
        self,
        url: str,
        kind: str,
        number: int,
        *,
        path: str = "/",
        trickle: bool = False,
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._beginning = BEGINNINGS[kind].format(host=parts.netloc, path=path).encode()
        self._turn = _read_a_byte if kind == "slow readers" else _send_a_byte
        self._trickles = trickle and kind != "silent sockets"
        self._is_over = threading.Event()
        allow_files(number)
        self.sockets = [self._open() for _ in range(number)]

    def _open(self) -> socket.socket:
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.settimeout(60)
        opened.bind((SOURCE, 0))
        opened.connect(self._address)
        opened.sendall(self._beginning)
        return opened

    def __enter__(self) -> Self:
        if self._trickles:
            threading.Thread(target=self._trickle, args=(self._turn,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self.sockets:
            each.close()

    def _trickle(self, turn: Callable[[socket.socket], object]) -> None:
        while not self._is_over.wait(TRICKLE_SECONDS):
            for each in self.sockets:
                with suppress(OSError):
                    turn(each)

    def still_open(self) -> int:
        """How many of them the server has not ended."""
        return sum(not has_ended(each) for each in self.sockets)


def _send_a_byte(to: socket.socket) -> None:
    to.send(b"a", socket.MSG_DONTWAIT)


def _read_a_byte(of: socket.socket) -> None:
    of.recv(1, socket.MSG_DONTWAIT)


def has_ended(one: socket.socket) -> bool:
    """Whether the server has ended it."""
    poll = select.poll()
    poll.register(one, select.POLLIN | select.POLLRDHUP)
    return any(flags & (select.POLLRDHUP | select.POLLHUP) for _, flags in poll.poll(0))


def allow_files(number: int) -> None:
    """Let this process have so many sockets beside its other files."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(now, number * 4 + 1000)), most))


def response_to(url: str, *pieces: bytes, ends: bool = False) -> bytes:
    """All that comes back when these bytes are sent; ``ends`` says then that no more will come."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), 60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


KINDS: Sequence[str] = tuple(BEGINNINGS)
