"""Claims are kept alive while their images are worked on, however long disk or bucket take."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

from database import Database, Unavailable
from work_queue.claims import ClaimedImage, renew_claims

logger = logging.getLogger(__name__)


class LeaseRenewal:
    """Renews, in a thread, the leases of all images that are held.

    Use as a context manager; safe to share among threads.
    """

    def __init__(self, db: Database, *, worker: str, lease_seconds: float) -> None:
        self._database, self._worker, self._lease_seconds = db, worker, lease_seconds
        self._held: dict[int, ClaimedImage] = {}
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def hold(self, images: Iterable[ClaimedImage]) -> None:
        """Keep these claims alive. Raises RuntimeError where leases can't be renewed any more."""
        if self._failure:
            raise RuntimeError("the renewal of leases broke down") from self._failure
        with self._lock:
            self._held |= {image.id: image for image in images}

    def let_go(self, images: Iterable[ClaimedImage]) -> None:
        """These claims have ended; one that was claimed anew since is still held."""
        with self._lock:
            for image in images:
                if self._held.get(image.id) is image:
                    del self._held[image.id]

    def held(self) -> list[ClaimedImage]:
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        try:
            while not self._is_over.wait(self._lease_seconds / 3):
                self._renew()
        except Exception as error:  # raised in the main thread, at the next claim
            logger.exception("the renewal of leases broke down")
            self._failure = error

    def _renew(self) -> None:
        ids = [image.id for image in self.held()]
        if not ids:
            return
        with suppress(Unavailable):  # tried again soon; database.py has logged why
            self._database.write(renew_claims, self._worker, ids, self._lease_seconds)
