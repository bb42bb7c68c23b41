"""What worker processes tell each other in Redis: that they live, and which sites want a pause."""

from __future__ import annotations

import secrets
import threading
from typing import Self

import redis

from outbound.load_limits import LoadLimits

EXCHANGE_SECONDS = 1.0
HEARD_SECONDS = 60.0  # in which a worker that is restarted, or busy, tells again that it lives
ALIVE_SECONDS = 10.0  # after its last exchange a process still counts
MAX_PAUSES = 1_000  # read in one exchange: the longest ones
QUICK = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": None}
KEYS = ("outbound:processes", "outbound:pauses")

# By the clock of Redis, in milliseconds. Both sets are sorted by when an entry ends.
EXCHANGE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
for i = 4, #ARGV, 2 do
    redis.call('ZADD', KEYS[2], 'GT', now + ARGV[i + 1], ARGV[i])
end
for _, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    redis.call('PEXPIRE', key, 600000)
end
local answer = {redis.call('ZCARD', KEYS[1])}
local pauses = redis.call('ZREVRANGE', KEYS[2], 0, ARGV[3] - 1, 'WITHSCORES')
for i = 1, #pauses, 2 do
    answer[i + 1], answer[i + 2] = pauses[i], pauses[i + 1] - now
end
return answer
"""


class SharedLimits:
    """Keeps the limits of a process to its part, in a thread of its own; make it after a fork.

    While Redis is away, the process keeps to the part that it had, and to the pauses that it knows.
    """

    def __init__(self, limits: LoadLimits, redis_url: str) -> None:
        self._limits, self._me = limits, secrets.token_hex(8)
        self._exchange = _client(redis_url).register_script(EXCHANGE)
        self._stopping = threading.Event()

    def start(self) -> Self:
        """Count at once; then every second."""
        self._tell()
        threading.Thread(target=self._run, name="shared limits", daemon=True).start()
        return self

    def stop(self) -> None:
        """Other processes find out when this one has not been heard of for some seconds."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(EXCHANGE_SECONDS):
            self._tell()

    def _tell(self) -> None:
        pauses = self._limits.take_new_pauses()
        told = [part for key, left in pauses.items() for part in (key, int(left * 1000))]
        try:
            processes, *found = self._exchange(
                KEYS, [self._me, int(ALIVE_SECONDS * 1000), MAX_PAUSES, *told]
            )
        except redis.RedisError:
            return  # worker.py says so, when it can't wake others
        self._limits.share_among(processes)
        for key, milliseconds in zip(found[::2], found[1::2], strict=True):
            self._limits.pause(key.decode(), milliseconds / 1000)


def has_live_process(redis_url: str) -> bool | None:
    """Whether any process was heard of in the last minute; None where Redis does not answer."""
    try:
        with _client(redis_url) as client:
            seconds, microseconds = client.time()
            newest = client.zrange(KEYS[0], 0, 0, desc=True, withscores=True)
    except redis.RedisError:
        return None
    heard_since = seconds + microseconds / 1e6 + ALIVE_SECONDS - HEARD_SECONDS
    return any(counts_until / 1000 > heard_since for _, counts_until in newest)


def _client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, **QUICK)
