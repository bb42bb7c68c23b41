"""A few slots for long responses, which no slow reader can keep from others."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable

from settings import MIB

MIN_BYTES_PER_SECOND = 128 * 1024  # of a response that another one waits for
Chunks = Generator[bytes, None, None]


class Yielded(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The response breaks off: its reader is slow, and its slot is needed."""


class Slot:
    """That of one response, with how fast its client takes it."""

    def __init__(self) -> None:
        self._taken, self._waited = 0, 0.0  # bytes in all, and seconds for those of this MiB
        self._handed_over = float("inf")  # when the client got the piece that it has to take
        self._must_end = False

    def is_slow(self, now: float) -> bool:
        """Whether the client has taken too long for a MiB; what makes the pieces may be slow."""
        waits = max(0.0, now - self._handed_over)
        return self._waited + waits > MIB / MIN_BYTES_PER_SECOND

    def end(self) -> None:
        """Let the response break off, when its client takes the next piece."""
        self._must_end = True

    def passed(self, chunks: Iterable[bytes]) -> Chunks:
        """The chunks of the response; raises Yielded where it has to end."""
        for chunk in chunks:
            self._handed_over = begun = time.monotonic()
            yield chunk
            self._handed_over = float("inf")
            if self._must_end:
                raise Yielded
            self._count(len(chunk), time.monotonic() - begun)

    def _count(self, length: int, seconds: float) -> None:
        mib_before = self._taken // MIB
        self._taken += length
        self._waited = self._waited + seconds if self._taken // MIB == mib_before else 0.0


class Slots:
    """As many as there may be responses at a time."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, set[Slot]()
        self._lock = threading.Lock()

    def take(self) -> Slot | None:
        """A free one. There may be none; then those of slow readers will be free soon."""
        with self._lock:
            if len(self._held) < self._most:
                self._held.add(slot := Slot())
                return slot
            now = time.monotonic()
            for held in self._held:
                if held.is_slow(now):
                    held.end()
            return None

    def release(self, slot: Slot) -> None:
        """Let another one have it; more than once does no harm."""
        with self._lock:
            self._held.discard(slot)
