"""A TCP proxy on loopback that can break the connections through it, as a network does."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import Self

CHUNK = 65536


class Proxy:
    """Use as a context manager; ``address`` is where it listens for what ``target`` answers."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._is_down = self._is_closing = False
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing = True
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes accept(); close() does not
        self.cut()
        self._thread.join()
        self._listener.close()

    def cut(self) -> None:
        """Break every connection that is open now."""
        opened, self._open = self._open, []
        for each in opened:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def down(self) -> None:
        """Break what is open, and every new connection at once, until ``up``."""
        self._is_down = True
        self.cut()

    def up(self) -> None:
        self._is_down = False

    def _serve(self) -> None:
        while not self._is_closing:
            with suppress(OSError):
                client, _ = self._listener.accept()
                if self._is_down:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                self._open += [client, server]
                threading.Thread(target=_pump, args=(client, server), daemon=True).start()


def _pump(client: socket.socket, server: socket.socket) -> None:
    with client, server, selectors.DefaultSelector() as ready, suppress(OSError):
        ready.register(client, selectors.EVENT_READ, server)
        ready.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                source = client if key.data is server else server
                if not (content := source.recv(CHUNK)):
                    return
                key.data.sendall(content)
