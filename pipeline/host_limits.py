"""How many downloads of one host a worker process may have under way, and who asked for a pause."""

from __future__ import annotations

import sys
import time
from collections import Counter

QUICK_SECONDS = 0.1  # a host that answers within it may have more than its share
AHEAD_SECONDS = 0.25  # for which downloads may wait for a thread, so that a claim takes several
MAX_PAUSES = 200  # each is a parameter of a query, and there are 2,100 at most


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


class HostLimits:
    """How many more images of a host may be claimed, from the downloads under way.

    With ``c`` download threads and ``u`` downloads of the host under way:

    - a quick host, whose last download took less than QUICK_SECONDS and which keeps nobody waiting
      now: no limit;
    - any other host, also one not known yet: ``c / 2 - u``, so that half of the threads stay free
      for other hosts;
    - where no other host has due images: ``c * AHEAD_SECONDS / s`` more, with ``s`` the seconds of
      its last download, which is what all threads will have done in a moment.

    Safe to share among threads.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._share = max(threads // 2, 1)
        self._under_way: Counter[str] = Counter()  # by host
        self._last_seconds: dict[str, float] = {}  # of a host's last download
        self._started: dict[int, tuple[str, float]] = {}  # by image: the host, and since when

    def total(self) -> int:
        """Downloads under way, of all hosts, and those that wait for a thread."""
        return self._under_way.total()

    def add(self, host: str) -> None:
        """A download will be started."""
        self._under_way[host] += 1

    def remove(self, host: str) -> None:
        """A download has arrived, or failed."""
        self._under_way[host] -= 1
        self._under_way += Counter()  # without the hosts that are at zero

    def start(self, image_id: int, host: str) -> None:
        """A thread begins a download."""
        self._started[image_id] = (host, time.monotonic())

    def finish(self, image_id: int, *, is_download: bool) -> None:
        """It has ended; a failure says nothing of a host's speed, as a refusal is often quick."""
        host, since = self._started.pop(image_id)
        if is_download:
            self._last_seconds[host] = time.monotonic() - since

    def saturated_hosts(self) -> set[str]:
        """Slow hosts that have their half of the downloads: the other half is for others."""
        return {host for host in self._under_way if self.free_slots(host) <= 0}

    def free_slots(self, host: str) -> int:
        """How many more of its images may be claimed while other hosts have due images."""
        is_quick = self._last_seconds.get(host, QUICK_SECONDS) < QUICK_SECONDS
        if is_quick and not self._keeps_waiting(host):
            return sys.maxsize
        return self._share - self._under_way[host]

    def free_slots_alone(self, host: str) -> int:
        """How many more of its images may be claimed where no other host has due images."""
        if host not in self._last_seconds:
            return self._share
        return max(int(self._threads * AHEAD_SECONDS / self._last_seconds[host]), 1)

    def _keeps_waiting(self, host: str) -> bool:
        """Whether a quick host has become a slow one: a download is under way for too long."""
        long_ago = time.monotonic() - QUICK_SECONDS
        under_way = list(self._started.values())
        return any(of == host and since < long_ago for of, since in under_way)
