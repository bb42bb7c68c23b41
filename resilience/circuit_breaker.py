"""Calls to a part that is down fail at once, instead of each waiting for its time-out.

Michael Nygard, "Release It!", second edition, chapter 5: closed while all is well, open after a
failure, half-open while one caller probes.
"""

from __future__ import annotations

import threading
import time


class CircuitBreaker:
    """Safe to share among threads.

    After a failure calls are refused for ``open_seconds``. Then one caller may probe, for at most
    ``probe_seconds``, while the others are still refused.
    """

    def __init__(self, *, open_seconds: float, probe_seconds: float) -> None:
        self._open_seconds, self._probe_seconds = open_seconds, probe_seconds
        self._refuses_until = 0.0  # of time.monotonic(); 0 while closed
        self._lock = threading.Lock()

    def allows_call(self) -> bool:
        """Whether the caller may try; who may must report() how it went."""
        with self._lock:
            if not self._refuses_until:
                return True
            if time.monotonic() < self._refuses_until:
                return False
            self._refuses_until = time.monotonic() + self._probe_seconds
            return True

    def report(self, *, is_down: bool) -> None:
        """Open the circuit, or close it."""
        self._refuses_until = time.monotonic() + self._open_seconds if is_down else 0.0
