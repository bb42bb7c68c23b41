"""An image server that costs little CPU: it serves from memory, in a process of its own.

Each connection has a thread and is kept alive. A delay is a sleep, and an image is sent by one
``sendall`` without a copy. Each port of the server counts as a host of its own.
"""

from __future__ import annotations

import multiprocessing
import socketserver
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

END = b"\r\n\r\n"


class Connection(socketserver.BaseRequestHandler):
    server: Host

    def handle(self) -> None:
        received = b""
        with suppress(ConnectionError):  # a client may disconnect at any time
            while more := self.request.recv(65536):
                received += more
                while END in received:
                    head, _, received = received.partition(END)
                    self._respond(head.split(b" ", 2)[1].decode())

    def _respond(self, target: str) -> None:
        """``/300/photo-7.jpg?12`` is the image photo-7.jpg, sent after 300 ms."""
        _, delay, name = target.partition("?")[0].split("/")
        time.sleep(int(delay) / 1000)
        self.request.sendall(self.server.responses[name])


class Host(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, responses: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.responses = responses


class Origin:
    """Serves these JPEGs while it is entered, on ``hosts`` ports."""

    def __init__(self, kind: str, images: Sequence[bytes], *, hosts: int = 1) -> None:
        self._names = [f"{kind}-{number}.jpg" for number in range(len(images))]
        responses = dict(zip(self._names, map(_with_head, images), strict=True))
        self._hosts = [Host(responses) for _ in range(hosts)]
        fork = multiprocessing.get_context("fork")  # the images are shared, not copied
        self._process = fork.Process(target=_serve, args=(self._hosts,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        for host in self._hosts:
            host.socket.close()  # the child process listens
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it has nothing to clean up
        self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def addresses(self) -> str:
        """The hosts as a value of ALLOWED_PRIVATE_HOSTS."""
        return ",".join(f"127.0.0.1:{host.server_address[1]}" for host in self._hosts)

    def urls(self, number: int, *, delay_ms: int = 0, host: int = 0) -> list[str]:
        """That many different URLs; the images repeat when there are fewer of them."""
        base = f"http://127.0.0.1:{self._hosts[host].server_address[1]}/{delay_ms}"
        return [f"{base}/{self._names[n % len(self._names)]}?{n}" for n in range(number)]


def _with_head(image: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}"
    return head.encode() + END + image


def _serve(hosts: Sequence[Host]) -> None:
    threads = [threading.Thread(target=host.serve_forever) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
