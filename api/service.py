"""What the routes work with: made by ``app.py``, found by each request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask, current_app

from api.known_keys import KnownKeys
from api.poll_pace import PollPace
from api.rate_counters import Counters
from api.response_cache import FaultCache, ResponseCache
from database import Database
from outbound import HttpClient
from settings import Settings
from storage import Storage


@dataclass(frozen=True)
class Service:
    """``wake_workers`` takes how many to wake; ``redis_answers`` says whether that can work now.

    ``has_live_worker`` says whether one was heard of lately, and None while Redis is away.
    """

    settings: Settings
    database: Database
    storage: Storage
    wake_workers: Callable[[int], None]
    redis_answers: Callable[[], bool]
    has_live_worker: Callable[[], bool | None]
    response_cache: ResponseCache
    known_keys: KnownKeys
    rate_counters: Counters
    client: HttpClient
    fault_cache: FaultCache = field(default_factory=FaultCache)
    poll_pace: PollPace = field(default_factory=PollPace)
    _waking: threading.Lock = field(default_factory=threading.Lock)

    def wake_workers_soon(self, images: int) -> None:
        """In a thread: a Redis that accepts and says nothing would hold up the response."""
        if self._waking.acquire(blocking=False):
            threading.Thread(target=self._wake, args=(images,), daemon=True).start()

    def _wake(self, images: int) -> None:
        try:
            self.wake_workers(images)
        finally:
            self._waking.release()


def install(app: Flask, made: Service) -> None:
    app.extensions["service"] = made


def service() -> Service:
    """The one of the application that answers this request."""
    found: Service = current_app.extensions["service"]
    return found
