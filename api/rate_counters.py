"""Counters in Redis, so that all processes share them.

Without Redis nothing is limited: a service that is open is better than one that is closed, and
/readyz says so.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import redis

from resilience.circuit_breaker import CircuitBreaker

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


class Counters:
    """Fixed windows: one counter in Redis for each caller, kind and minute."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, **QUICK)
        self._breaker = CircuitBreaker(open_seconds=OPEN_SECONDS, probe_seconds=1.0)

    def count(self, name: str, limit: int) -> Counted | None:
        """Count one request; None where Redis does not answer."""
        if not self._breaker.allows_call():
            return None
        window, elapsed = divmod(int(time.time()), WINDOW)
        key = f"rate:{name}:{window}"
        try:
            with self._redis.pipeline(transaction=False) as together:
                together.incr(key)
                together.expire(key, 2 * WINDOW)
                number, _ = together.execute()
        except redis.RedisError:
            self._breaker.report(is_down=True)
            return None
        self._breaker.report(is_down=False)
        return Counted(limit, limit - number, WINDOW - elapsed)
