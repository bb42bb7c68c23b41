"""Sockets that keep to a deadline, and the connections and pools that use them.

The deadline is kept by the sockets: each wait, for the first byte of a header or the last of a
body, is for what is left of it. (A time-out of urllib3 bounds one wait, not their sum.)
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from outbound.address_policy import AddressPolicy, SocketAddress

MAX_KEPT_HOSTS = 32  # hosts whose idle connections are kept
HTTPS_PORT = 443
CONNECT_SECONDS = 5.0  # for the look-up and the connection


@dataclass(slots=True)
class Transfer:
    """What the connections that a thread uses must keep to, for the length of one call.

    Within the deadline of the whole call, a connection and the first byte of an answer have
    deadlines of their own. All are of time.monotonic().
    """

    policy: AddressPolicy
    deadline: float
    first_byte_by: float = math.inf  # of the answer that is awaited now

    def await_answer(self, seconds: float) -> None:
        """The first byte of the next answer must come within these seconds."""
        self.first_byte_by = time.monotonic() + seconds

    def has_answered(self) -> None:
        self.first_byte_by = math.inf

    def seconds_left(self, by: float = math.inf) -> float:
        """Until the first of the deadlines. Raises TimeoutError when there are none."""
        seconds = min(self.deadline, self.first_byte_by, by) - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds

    def connect(self, host: str, port: int) -> socket.socket:
        """Try the addresses of the host in turn, each with its share of the time left."""
        by = time.monotonic() + CONNECT_SECONDS
        *others, last = self.policy.look_up(host, port, self.seconds_left(by))
        for tried, address in enumerate(others):
            with suppress(OSError):
                return _open(address, self.seconds_left(by) / (len(others) + 1 - tried))
        return _open(last, self.seconds_left(by))


# Set by HttpClient around each call, in the thread that makes the connections of the call.
current_transfer: ContextVar[Transfer] = ContextVar("current_transfer")


class DeadlineSocket(socket.socket):
    """Waits until the deadline of the current transfer, however often it is asked to wait."""

    def recv_into(self, *args: Any) -> int:
        transfer = current_transfer.get()
        self.settimeout(transfer.seconds_left())
        received = super().recv_into(*args)
        transfer.has_answered()
        return received

    def send(self, *args: Any) -> int:
        self.settimeout(current_transfer.get().seconds_left())
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self.settimeout(current_transfer.get().seconds_left())
        super().sendall(*args)


class TlsDeadlineSocket(DeadlineSocket, ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(current_transfer.get().seconds_left())
        super().do_handshake(block)


def _open(address: SocketAddress, seconds: float) -> socket.socket:
    family, sockaddr = address
    connection = DeadlineSocket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(sockaddr)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


class Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return current_transfer.get().connect(self._dns_host, self.port)


class TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return current_transfer.get().connect(self._dns_host, self.port or HTTPS_PORT)


class Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


def pool_manager(connections: int, context: ssl.SSLContext) -> PoolManager:
    """Pools of guarded connections, at most ``connections`` idle ones for a host."""
    manager = PoolManager(MAX_KEPT_HOSTS, maxsize=connections, ssl_context=context)
    manager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}
    return manager
