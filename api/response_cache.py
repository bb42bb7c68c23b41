"""Statuses of the last second, and faults, answered again while nothing has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import Any

from database import Database
from work_queue.catalogue_faults import CatalogueFaults, find_faults
from work_queue.read_queries import FoundRequest, RequestRow

FRESH_SECONDS = 1.0
MAX_FAULTS = 1000  # requests whose faults are kept
MAX_RESPONSES, MAX_BYTES = 16, 500_000  # kept, and of one that is worth keeping


class ResponseCache:
    """Responses of the last second, used again while the counters of their request stand still, and
    its notification does.

    So a client that polls without a pause costs one row a poll, not a hundred; a client that polls
    every two seconds always gets fresh data. Safe to share among threads.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any, bytes]] = {}
        self._lock = threading.Lock()

    def find(self, asked: Hashable, found: FoundRequest) -> bytes | None:
        """The body of the same response, if it is still right."""
        made_at, state, body = self._kept.get(asked, (-FRESH_SECONDS, None, b""))
        is_fresh = time.monotonic() - made_at < FRESH_SECONDS
        return body if is_fresh and state == _state(found) else None

    def keep(self, asked: Hashable, found: FoundRequest, body: bytes) -> None:
        """Keep a response; a large one is not worth the memory."""
        if len(body) > MAX_BYTES:
            return
        with self._lock:
            self._kept.pop(asked, None)
            self._kept[asked] = (time.monotonic(), _state(found), body)
            if len(self._kept) > MAX_RESPONSES:
                del self._kept[next(iter(self._kept))]


class FaultCache:
    """The faults of completed requests: to count them, all their images are read, so it is done
    once for each completion. Safe to share among threads.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, CatalogueFaults] = {}
        self._lock = threading.Lock()

    def of(self, db: Database, request: RequestRow) -> CatalogueFaults:
        """Those of one."""
        key = (request.id, request.completed_at)
        faults = self._kept.get(key) or db.read(find_faults, request.id)
        with self._lock:
            self._kept[key] = faults
            if len(self._kept) > MAX_FAULTS:
                del self._kept[next(iter(self._kept))]
        return faults


def _state(found: FoundRequest) -> tuple[Any, ...]:
    request, webhook = found.request, found.webhook
    counters = (request.status, request.completed, request.failed, request.completed_at)
    return (*counters, webhook and webhook.status, len(found.attempts))
