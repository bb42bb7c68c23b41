"""No weapon: how many connections and requests a second one site or address gets from us.

A site is a registrable domain, so that all names of a wildcard count together. The limits are those
of all worker processes: each keeps to its part of them (see shared_limits.py), and so needs to ask
nobody before it makes a request.
"""

from __future__ import annotations

import ipaddress
import math
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Protocol

from publicsuffixlist import PublicSuffixList

from outbound.address_policy import delivered_to
from outbound.errors import OutboundError

HOST_BUSY = "host_busy"  # the code where a site or address has enough requests
BURST_SECONDS = 0.1  # of the rate, which may be used at once
WAIT_SECONDS = 1.0  # for a turn; then the thread is for other hosts
MAX_LOADS = 10_000  # above it those of which nothing is left are forgotten

# After a 429, or several other refusals in a row; doubled each time. One image that a server fails
# on says nothing of the others.
FIRST_PAUSE, MAX_PAUSE = 0.5, 4.0
TOO_MANY_REQUESTS = 429
FREE_REFUSALS = 3


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # as it comes with the package: nothing is fetched


@lru_cache(10_000)
def site_of(host: str) -> str:
    """The registrable domain of a host name, or the name where it has none (``localhost``).

    An address is a site of its own. Never the key of an address, as a request counts for both.
    """
    try:
        return f"site {address_key(host.strip('[]'))}"
    except ValueError:
        name = host.lower().rstrip(".")
        return f"site {_public_suffixes().privatesuffix(name) or name}"


@lru_cache(10_000)
def address_key(address: str) -> str:
    """An IPv4 address, or the /64 network that one customer has of IPv6. Raises ValueError."""
    parsed = delivered_to(ipaddress.ip_address(address.partition("%")[0]))
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Connection(Protocol):
    """An open one, or one that is about to be opened."""

    is_idle: bool

    def close(self) -> None: ...


@dataclass(slots=True)
class Load:
    """What this process does with one site or address."""

    requests: int = 0  # under way
    connections: set[Connection] = field(default_factory=set)  # open, idle ones too
    spent_until: float = 0.0  # of time.monotonic(), by the rate of requests; as are the next two
    paused_until: float = 0.0
    refusals: int = 0  # in a row

    def is_over(self, now: float) -> bool:
        """Whether nothing is left to remember."""
        is_idle = not self.requests and not self.connections
        return is_idle and max(self.spent_until, self.paused_until) < now


class LoadLimits:
    """What this process may do; safe to share among its threads.

    ``connections`` and ``requests_per_second`` are those of all processes together, of which there
    is one until share_among() says otherwise.
    """

    def __init__(
        self, *, connections: int = sys.maxsize, requests_per_second: float = math.inf
    ) -> None:
        self._limits = (connections, requests_per_second)
        self.connections, self._rate = self._limits  # of this process
        self._loads: dict[str, Load] = {}
        self._new_pauses: dict[str, float] = {}
        self._changed = threading.Condition()  # a thread may enter it twice

    # --- one request --------------------------------------------------------------------------

    def acquire(
        self, key: str, *, seconds: float = WAIT_SECONDS, minds_pauses: bool = False
    ) -> None:
        """Wait until a site or address may have one request more, which lasts until release().

        Raises OutboundError, ``host_busy``, where that takes longer.
        """
        gives_up_at = time.monotonic() + seconds
        with self._changed:
            while (now := time.monotonic()) < (may_at := self._may_at(key, minds_pauses)):
                if gives_up_at <= now or gives_up_at < may_at < math.inf:
                    raise _busy(key, may_at - now)
                self._changed.wait(min(may_at, gives_up_at) - now)
            load = self._load(key)
            load.requests += 1
            load.spent_until = max(load.spent_until, now) + 1 / self._rate

    def release(self, key: str) -> None:
        """The request is over, and its connection idle or closed."""
        with self._changed:
            self._load(key).requests -= 1
            self._changed.notify_all()

    def _may_at(self, key: str, minds_pauses: bool) -> float:
        """When the next request may begin; never, as long as no other one ends."""
        load = self._load(key)
        if load.requests >= self.connections:
            return math.inf
        by_rate = load.spent_until - BURST_SECONDS
        return max(by_rate, load.paused_until) if minds_pauses else by_rate

    # --- connections --------------------------------------------------------------------------

    def open(self, connection: Connection, key: str) -> None:
        """One is about to be opened, for an acquired request: idle ones are closed for it."""
        with self._changed:
            load = self._load(key)
            self._close_idle(load, self.connections - 1)
            load.connections.add(connection)

    def forget(self, connection: Connection, key: str) -> None:
        """It is closed."""
        with self._changed:
            self._load(key).connections.discard(connection)

    def take(self, connection: Connection) -> None:
        """It is used from now on, and not closed to make room for another one."""
        with self._changed:
            connection.is_idle = False

    def put_back(self, connection: Connection, keys: Iterable[str]) -> None:
        """It is idle now, and is closed at once if it is one too many."""
        with self._changed:
            connection.is_idle = True
            for key in keys:
                self._close_idle(self._load(key), self.connections)

    def _close_idle(self, load: Load, most: int) -> None:
        """Until no more than so many are open, or no idle one is left."""
        if len(load.connections) > most:
            idle = [each for each in load.connections if each.is_idle]
            for connection in idle[: len(load.connections) - most]:
                connection.close()

    # --- refusals -----------------------------------------------------------------------------

    def note_status(self, host: str, status: int, retry_after: float | None) -> None:
        """How a host answered; too many refusals in a row make a pause, as does its wish."""
        key = site_of(host)
        with self._changed:
            load, now = self._load(key), time.monotonic()
            if status != TOO_MANY_REQUESTS and status < 500:
                load.refusals = 0
            elif load.paused_until <= now:  # what was under way when the pause began is no news
                at_least = FREE_REFUSALS if status == TOO_MANY_REQUESTS else 0
                load.refusals = max(load.refusals + 1, at_least)
                doublings = load.refusals - FREE_REFUSALS
                backoff = min(FIRST_PAUSE * 2.0**doublings, MAX_PAUSE) if doublings >= 0 else 0
                self.pause(key, max(backoff, retry_after or 0))
                self._new_pauses[key] = load.paused_until

    def pause(self, key: str, seconds: float) -> None:
        """No image of the site is asked for so long."""
        with self._changed:
            load = self._load(key)
            load.paused_until = max(load.paused_until, time.monotonic() + seconds)

    # --- all processes ------------------------------------------------------------------------

    def share_among(self, processes: int) -> None:
        """Keep to the part of one of so many; each has one connection at least."""
        connections, rate = self._limits
        with self._changed:
            self.connections, self._rate = max(connections // processes, 1), rate / processes
            for load in list(self._loads.values()):
                self._close_idle(load, self.connections)
            self._changed.notify_all()

    def take_new_pauses(self) -> dict[str, float]:
        """The pauses that began here since the last call, in seconds from now, by site."""
        with self._changed:
            now, pauses = time.monotonic(), self._new_pauses
            self._new_pauses = {}
        return {key: until - now for key, until in pauses.items() if until > now}

    def _load(self, key: str) -> Load:
        if len(self._loads) >= MAX_LOADS and key not in self._loads:
            now = time.monotonic()
            over = [each for each, load in self._loads.items() if load.is_over(now)]
            for each in over:
                del self._loads[each]
        return self._loads.setdefault(key, Load())


def _busy(key: str, seconds: float) -> OutboundError:
    name = key.removeprefix("site ")
    words = f"{name} has as many requests from this service as it may, or asked for a pause."
    error = OutboundError(HOST_BUSY, words, permanent=False)
    error.retry_after = seconds if WAIT_SECONDS < seconds < math.inf else WAIT_SECONDS
    return error
