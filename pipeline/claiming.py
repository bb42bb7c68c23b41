"""Which images a worker process claims next, and how many at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import metrics
from database import Database
from pipeline.host_limits import HostLimits, Pauses, Slots
from settings import Settings
from work_queue.api_keys import keys_at_work
from work_queue.claims import Choice, ClaimedImage, claim_images

REFILL_SECONDS = 0.25  # of work in one claim: so claims cost little, and new requests wait little
MAX_CLAIMED = 16  # thumbnails cost about as much time as their claims would, one by one
SHARES = 4  # of a request's last images, one of which a process may have in flight
MAX_ASKED = 16  # keys, of one claim: each costs a statement where nothing can be claimed from it
WITHOUT_HEAD_START = 0.25  # of all claims
CLAIM_ATTEMPTS = 3  # of one refill, when others take what it chose


class CompressionTime:
    """The seconds that an image takes to compress: a moving average, each counts for a tenth."""

    def __init__(self) -> None:
        self._seconds = REFILL_SECONDS / 3  # of a photo of some megapixels

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Around the compression of one image."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            self._seconds += (seconds - self._seconds) / 10
            metrics.COMPRESSION_SECONDS.observe(seconds)

    def images_in(self, seconds: float, max_images: int) -> int:
        """How many images are compressed in that time: from 1 to ``max_images``."""
        return round(min(max(seconds / self._seconds, 1), max_images))


class KeyTurns:
    """The keys with images that are due take turns, as each process sees them."""

    def __init__(self, db: Database) -> None:
        self._database = db
        self._keys: list[int] = []
        self._looked_at = 0.0
        self._had_at: dict[int, float] = {}  # of time.monotonic(): the last turn, by key

    def next_keys(self) -> list[int]:
        """Those whose last turn was longest ago; so many as one claim may ask for."""
        if not self._keys or time.monotonic() - self._looked_at > REFILL_SECONDS:
            self._keys = self._database.read(keys_at_work)
            self._looked_at = time.monotonic()
        return sorted(self._keys, key=lambda key_id: self._had_at.get(key_id, 0.0))[:MAX_ASKED]

    def had(self, keys: Iterable[int]) -> None:
        """They had their turns, also where nothing could be claimed from them."""
        self._had_at.update(dict.fromkeys(keys, time.monotonic()))


class ImageClaimer:
    """Claims the images of one worker process; it is kept from turn to turn."""

    def __init__(self, db: Database, settings: Settings, *, worker: str) -> None:
        self._database, self._settings, self._worker = db, settings, worker
        self.pauses = Pauses()
        self.compression_time = CompressionTime()
        self._key_turns = KeyTurns(db)

    def claim(self, host_limits: HostLimits) -> list[ClaimedImage]:
        """Images of a host below its limit, or, where no other has any, of a saturated one."""
        slots, paused = Slots(host_limits), self.pauses.hosts()
        barred, saturated = paused | slots.barred_hosts(), slots.saturated_hosts()
        claimed = self._claim_from(slots, barred | saturated, slots.beside_others)
        if not claimed and saturated - barred:
            claimed = self._claim_from(slots, barred, slots.alone)
        return claimed

    def _claim_from(
        self, slots: Slots, excluded_hosts: set[str], limit_of: Callable[[int, str], int]
    ) -> list[ClaimedImage]:
        """What is due, also when other workers are quicker a few times."""
        capped = slots.capped_requests()
        choice = Choice(
            excluded_hosts=excluded_hosts,
            capped_requests=capped,
            known_hosts=slots.known_hosts() if capped else (),
        )
        for _ in range(CLAIM_ATTEMPTS):
            keys = self._key_turns.next_keys()
            if not keys:
                return []
            claimed = self._database.write(
                claim_images,
                self._worker,
                limit=self.compression_time.images_in(REFILL_SECONDS, MAX_CLAIMED),
                lease_seconds=self._settings.lease_seconds,
                choice=choice,
                keys=keys,
                shares=SHARES,
                limit_of=limit_of,
                # A stream of small requests starves no large one.
                head_start=random.random() >= WITHOUT_HEAD_START,  # noqa: S311
            )
            if claimed:
                keys = keys[: keys.index(claimed[0].key_id) + 1]
            self._key_turns.had(keys)
            if claimed or claimed is None:
                return claimed or []
        return []
