"""How long pollers of a status are to wait: so many who watch a job cost it as little as a few."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MIN_SECONDS, MAX_SECONDS = 2, 15
POLLS_PER_SECOND = 8  # of one request, that a process of the API asks for at most
MAX_KEPT = 1_000  # requests


@dataclass
class Window:
    """The polls of a request since a moment, each of which was asked to wait ``seconds``."""

    began_at: float
    seconds: int = MIN_SECONDS
    polls: int = 0


class PollPace:
    """Counts the polls of each request, for as long as each poller waits. Safe to share among
    threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[Hashable, Window] = {}
        self._lock = threading.Lock()

    def seconds(self, request_id: Hashable) -> int:
        """Count a poll; returns how long it is until the next one of the same poller."""
        with self._lock:
            return self._counted(request_id, self._clock())

    def _counted(self, request_id: Hashable, now: float) -> int:
        window = self._windows.pop(request_id, None) or Window(now)
        self._windows[request_id] = window  # the newest at the end
        if len(self._windows) > MAX_KEPT:
            del self._windows[next(iter(self._windows))]
        window.polls += 1
        passed = now - window.began_at
        if passed < window.seconds:  # a crowd that has just come is not told to come all too soon
            return max(window.seconds, _pace(window.polls))
        seconds = _pace(window.polls * window.seconds / passed)
        self._windows[request_id] = Window(now, seconds)
        return seconds


def _pace(pollers: float) -> int:
    return min(max(round(pollers / POLLS_PER_SECOND), MIN_SECONDS), MAX_SECONDS)
