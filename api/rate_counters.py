"""Counters in Redis, so that all processes share them.

Without Redis nothing is limited: a service that is open is better than one that is closed, and
/readyz says so.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import redis

from resilience.circuit_breaker import CircuitBreaker

BLOCKS = 100  # of a limit
MAX_BLOCKS = 10_000  # kept by a process: there may be as many addresses
WINDOW = 60  # seconds, of the clock's minutes
QUICK = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25, "retry": None}
OPEN_SECONDS = 5.0  # for which Redis is not asked again after it did not answer


class Counted(NamedTuple):
    """One request of a window: how many may come, how many are left, and seconds until the next."""

    limit: int
    remaining: int
    seconds: int

    @property
    def is_over(self) -> bool:
        return self.remaining < 0

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-07 names them."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.remaining, 0)),
            "RateLimit-Reset": str(self.seconds),
        }


@dataclass
class Block:
    """Numbers of a window that this process took at once: ``used`` is the last that it gave out."""

    window: int
    used: int
    last: int


class Counters:
    """Fixed windows: one counter in Redis for each caller, kind and minute.

    A process takes a hundredth of the limit at a time, so that few requests ask Redis; what it has
    not given out when the minute ends is lost. Safe to share among threads.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, **QUICK)
        self._breaker = CircuitBreaker(open_seconds=OPEN_SECONDS, probe_seconds=1.0)
        self._blocks: dict[str, Block] = {}
        self._lock = threading.Lock()

    def count(self, name: str, limit: int) -> Counted | None:
        """Count one request; None where Redis does not answer."""
        window, elapsed = divmod(int(time.time()), WINDOW)
        number = self._next_of_block(name, window) or self._take(name, window, limit)
        return None if number is None else Counted(limit, limit - number, WINDOW - elapsed)

    def _next_of_block(self, name: str, window: int) -> int | None:
        with self._lock:
            block = self._blocks.get(name)
            if block is None or block.window != window or block.used >= block.last:
                return None
            block.used += 1
            return block.used

    def _take(self, name: str, window: int, limit: int) -> int | None:
        """The first number of a new block."""
        if not self._breaker.allows_call():
            return None
        key, size = f"rate:{name}:{window}", max(limit // BLOCKS, 1)
        try:
            last = int(self._redis.incrby(key, size))
            if last == size:
                self._redis.expire(key, 2 * WINDOW)
        except redis.RedisError:
            self._breaker.report(is_down=True)
            return None
        self._breaker.report(is_down=False)
        with self._lock:
            if len(self._blocks) >= MAX_BLOCKS:
                self._blocks.clear()
            self._blocks[name] = Block(window, last - size + 1, last)
        return last - size + 1
