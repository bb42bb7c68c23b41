"""The API keys of the last second, so that a request costs no read."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from database import Database, Unavailable
from work_queue.api_keys import ApiKeyRow, find_key, needs_note, note_use, prefix_of

FRESH_SECONDS = 1.0  # so long a revoked key may still work
MAX_KEPT = 1_000  # keys


class KnownKeys:
    """Safe to share among threads."""

    def __init__(self, db: Database) -> None:
        self._database = db
        self._kept: dict[str, tuple[float, ApiKeyRow]] = {}
        self._lock, self._noting = threading.Lock(), threading.Lock()

    def find(self, text: str, *, fresh: bool = False) -> ApiKeyRow | None:
        """The key that a text is, if it may be used; as it is now, where it must be ``fresh``.

        Raises Unavailable.
        """
        prefix = prefix_of(text)
        if prefix is None:
            return None
        read_at, key = self._kept.get(prefix, (0.0, None))
        if key is None or fresh or time.monotonic() - read_at > FRESH_SECONDS:
            key = self._read(prefix)
        return key if key is not None and key.opens_with(text) else None

    def note_use(self, key: ApiKeyRow) -> None:
        """Record that a key is used, now and then, in a thread: a reader waits for no writer."""
        if needs_note(key) and self._noting.acquire(blocking=False):
            threading.Thread(target=self._note, args=(key,), daemon=True).start()

    def _note(self, key: ApiKeyRow) -> None:
        try:
            with suppress(Unavailable):  # it is known a little later
                self._database.write(note_use, key.id)
                self._read(key.prefix)
        finally:
            self._noting.release()

    def _read(self, prefix: str) -> ApiKeyRow | None:
        key = self._database.read(find_key, prefix)
        with self._lock:
            self._kept.pop(prefix, None)
            if key is not None:
                self._kept[prefix] = (time.monotonic(), key)
            if len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return key
