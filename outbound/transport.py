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
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from outbound.address_policy import AddressPolicy, SocketAddress
from outbound.load_limits import LoadLimits, address_key

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
    limits: LoadLimits
    deadline: float
    patience: float  # seconds to wait for a site or address that has enough requests
    minds_pauses: bool
    first_byte_by: float = math.inf  # of the answer that is awaited now
    acquired: list[str] = field(default_factory=list)  # of the request under way: its site first

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

    def connect(self, connection: Guarded, host: str, port: int) -> socket.socket:
        """Try the addresses of the host in turn, each with its share of the time left."""
        by = time.monotonic() + CONNECT_SECONDS
        *others, last = self.policy.look_up(host, port, self.seconds_left(by))
        for tried, address in enumerate(others):
            with suppress(OSError):
                seconds = self.seconds_left(by) / (len(others) + 1 - tried)
                return self._open(connection, address, seconds)
        return self._open(connection, last, self.seconds_left(by))

    def _open(self, connection: Guarded, address: SocketAddress, seconds: float) -> socket.socket:
        key = address_key(address[1][0])
        self.acquire(key)
        connection.count_as((self.acquired[0], key))
        return _open(address, seconds)

    def acquire(self, key: str) -> None:
        """Wait until the site or address may have one request more. Raises OutboundError."""
        if key not in self.acquired:
            self.limits.acquire(key, seconds=self.patience, minds_pauses=self.minds_pauses)
            self.acquired.append(key)

    def release(self) -> None:
        """The request is over."""
        while self.acquired:
            self.limits.release(self.acquired.pop())


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


class Guarded(HTTPConnection):
    """Connects to checked addresses only, and counts at its site and its address while open."""

    is_idle = False
    keys: tuple[str, ...] = ()  # of the site and the address

    def count_as(self, keys: tuple[str, ...]) -> None:
        """It is about to be opened."""
        self._forget()
        self.is_idle, self.keys = False, keys
        self._limits = current_transfer.get().limits
        for key in keys:
            self._limits.open(self, key)

    def _forget(self) -> None:
        for key in self.keys:
            self._limits.forget(self, key)
        self.keys = ()

    def _new_conn(self) -> socket.socket:
        port = self.port or HTTPS_PORT
        return current_transfer.get().connect(self, self._dns_host, port)

    def request(self, *args: Any, **options: Any) -> None:
        if keys := self.keys:  # or it is not open yet
            for key in keys:
                current_transfer.get().acquire(key)
            self._limits.take(self)  # if it was closed meanwhile, http.client opens it again
        super().request(*args, **options)

    def put_back(self) -> None:
        """Its request is over."""
        if self.keys:
            self._limits.put_back(self, self.keys)

    def close(self) -> None:
        super().close()
        self._forget()


class Connection(Guarded):
    pass


class TlsConnection(Guarded, HTTPSConnection):
    pass


class GuardedPool(HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.put_back()
        super()._put_conn(conn)


class Pool(GuardedPool):
    ConnectionCls = Connection


class TlsPool(GuardedPool, HTTPSConnectionPool):
    ConnectionCls = TlsConnection


class Pools(PoolManager):
    """Pools of guarded connections, at most ``connections`` idle ones for a host."""

    def __init__(self, connections: int, ca_file: str) -> None:
        super().__init__(MAX_KEPT_HOSTS, maxsize=connections)
        self.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}
        self._ca_file = ca_file

    def _new_pool(self, scheme: str, host: str, port: int, request_context: Any = None) -> Any:
        if scheme == "https":
            request_context["ssl_context"] = _tls_context(self._ca_file)
        return super()._new_pool(scheme, host, port, request_context)


@cache
def _tls_context(ca_file: str) -> ssl.SSLContext:
    """Made when it is first needed, as to read all certificates takes a tenth of a start.

    Raises OSError for a file that can't be read.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    context.sslsocket_class = TlsDeadlineSocket
    return context
