"""How many downloads of a request and of a host a worker process may have under way, and who asked
for a pause."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import NamedTuple

QUICK_SECONDS = 0.1  # a host that answers within it may have more than its share
SLOW_SECONDS = 1.0  # a host that takes longer is one of those that have half of all together
AHEAD_SECONDS = 0.25  # for which downloads may wait for a thread, so that a claim takes several
UNKNOWN_SLOTS = 2  # of a host that has not answered yet, where others have due images
MAX_PAUSES = 200  # each is a part of a query's parameter
MAX_KNOWN = 200  # as is each of these


class Pauses:
    """The hosts that asked for a pause; the newest MAX_PAUSES of them, for one process."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, host: str, seconds: float) -> None:
        self._until.pop(host, None)
        self._until[host] = time.monotonic() + seconds
        if len(self._until) > MAX_PAUSES:
            del self._until[next(iter(self._until))]

    def hosts(self) -> set[str]:
        now = time.monotonic()
        self._until = {host: until for host, until in self._until.items() if until > now}
        return set(self._until)


class Download(NamedTuple):
    """Of which request and host a download is."""

    request_id: int
    host: str


class HostLimits:
    """The downloads of a process that are under way, and how hosts have answered in this turn.

    Safe to share among threads.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.under_way: Counter[Download] = Counter()
        self.last_seconds: dict[str, float] = {}  # of a host's last download; the newest at the end
        self.timed_out: set[str] = set()  # hosts, the last time that they were asked
        self._started: dict[int, tuple[str, float]] = {}  # by image: the host, and since when

    @property
    def threads(self) -> int:
        return 2 * self.concurrency

    def total(self) -> int:
        """Downloads under way, of all hosts, and those that wait for a thread."""
        return self.under_way.total()

    def add(self, request_id: int, host: str) -> None:
        """A download will be started."""
        self.under_way[Download(request_id, host)] += 1

    def remove(self, request_id: int, host: str) -> None:
        """A download has arrived, or failed."""
        self.under_way[Download(request_id, host)] -= 1
        self.under_way += Counter()  # without those that are at zero

    def start(self, image_id: int, host: str) -> None:
        """A thread begins a download."""
        self._started[image_id] = (host, time.monotonic())

    def finish(self, image_id: int, *, is_download: bool, is_timeout: bool = False) -> None:
        """It has ended; a refusal says nothing of a host's speed, as it is often quick."""
        host, since = self._started.pop(image_id)
        if is_timeout:
            self.timed_out.add(host)
        else:
            self.timed_out.discard(host)
        if is_download:
            self.last_seconds.pop(host, None)
            self.last_seconds[host] = time.monotonic() - since

    def waits_longer_than(self, seconds: float) -> set[str]:
        """The hosts that keep a download waiting for longer."""
        long_ago = time.monotonic() - seconds
        return {host for host, since in list(self._started.values()) if since < long_ago}

    def slow_downloads(self) -> int:
        """Those of slow hosts that are under way."""
        return Slots(self).slow_total


class Slots:
    """How many more images of a request and a host may be claimed, at this moment.

    A process has ``2 c`` threads: ``c`` is how many downloads one request may have, and as many
    again are for others while those are slow. A host is

    - quick, if its last download took less than QUICK_SECONDS, and none waits for longer now;
    - slow, if its last one took SLOW_SECONDS or timed out, or one waits for longer now;
    - unknown, before its first answer: nobody can tell it from a slow one yet;
    - steady in all other cases.

    What may be claimed is the least of

    - of a host, while others have due images: any number of a quick one, ``c / 2`` of a steady or
      slow one, UNKNOWN_SLOTS of an unknown one, 1 of one that timed out;
    - of a host, while no others have any: what all threads will have done in a moment, ``c *
      AHEAD_SECONDS / s`` with ``s`` the seconds of its last download;
    - of all slow hosts together: ``c``, so that half of the threads stay free;
    - of the slow and unknown hosts of one request: half of the threads that those of the other
      requests leave. So a request of dead hosts leaves room for the next, and that one as well.
    """

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        seconds = limits.last_seconds.items()
        self._slow = (
            {host for host, last in list(seconds) if last >= SLOW_SECONDS}
            | limits.timed_out
            | limits.waits_longer_than(SLOW_SECONDS)
        )
        self._late = limits.waits_longer_than(QUICK_SECONDS)
        self._of_host: Counter[str] = Counter()
        self._unproven: Counter[int] = Counter()  # by request: those of slow and unknown hosts
        for (request_id, host), number in limits.under_way.items():
            self._of_host[host] += number
            if self._is_unproven(host):
                self._unproven[request_id] += number
        self.slow_total = sum(self._of_host[host] for host in self._slow)

    def saturated_hosts(self) -> set[str]:
        """Hosts that have their part of the downloads: the rest is for others."""
        return {host for host in self._of_host if self._left_of_host(host) <= 0}

    def barred_hosts(self) -> set[str]:
        """The slow ones, once all of them together have half of the threads."""
        return self._slow if self.slow_total >= self._limits.concurrency else set()

    def capped_requests(self) -> set[int]:
        """Requests whose slow and unknown hosts have their part of the threads."""
        return {request_id for request_id in self._unproven if self._left_of(request_id) <= 0}

    def known_hosts(self) -> list[str]:
        """What capped requests may still use: the newest MAX_KNOWN hosts that have answered."""
        answered = list(self._limits.last_seconds)  # threads change it meanwhile
        return [host for host in answered if host not in self._slow][-MAX_KNOWN:]

    def beside_others(self, request_id: int, host: str) -> int:
        """How many more may be claimed while other hosts have due images."""
        return self._at_most(request_id, host, self._left_of_host(host))

    def alone(self, request_id: int, host: str) -> int:
        """How many more may be claimed where no other host has due images."""
        last = self._limits.last_seconds.get(host)
        ahead = (
            self._share if last is None else int(self._limits.concurrency * AHEAD_SECONDS / last)
        )
        return self._at_most(request_id, host, 1 if host in self._limits.timed_out else ahead)

    @property
    def _share(self) -> int:
        return max(self._limits.concurrency // 2, 1)

    def _is_unproven(self, host: str) -> bool:
        return host in self._slow or host not in self._limits.last_seconds

    def _at_most(self, request_id: int, host: str, number: int) -> int:
        if host in self._slow:
            number = min(number, self._limits.concurrency - self.slow_total)
        if self._is_unproven(host):
            number = min(number, self._left_of(request_id))
        return max(number, 1)

    def _left_of(self, request_id: int) -> int:
        """How many more the slow and unknown hosts of a request may have."""
        own = self._unproven[request_id]
        left_by_others = self._limits.threads - (self._unproven.total() - own)
        return (left_by_others + 1) // 2 - own

    def _left_of_host(self, host: str) -> int:
        if host in self._limits.timed_out:
            return 1 - self._of_host[host]
        if host not in self._limits.last_seconds:
            return min(UNKNOWN_SLOTS, self._share) - self._of_host[host]
        if self._limits.last_seconds[host] < QUICK_SECONDS and host not in self._late:
            return sys.maxsize
        return self._share - self._of_host[host]
