"""Writes down what a worker did, beside its work: files first, then rows, a batch at a time.

One thread per turn saves the compressed images and records outcomes, at most FLUSH_SECONDS late;
another renews the leases of everything that is claimed and not yet recorded, however long the disk
or the bucket takes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import database
from database import ClaimedImage, Outcome
from engine import Database, Unavailable
from settings import MIB
from storage import Storage
from tables import Status

logger = logging.getLogger(__name__)

BATCH = 16  # outcomes of one transaction; thumbnails fill it in a tenth of a second
MOST_WAITING, MOST_WAITING_BYTES = 4 * BATCH, 64 * MIB  # posted and not yet written
FLUSH_SECONDS = 0.1  # so a poller is hardly behind; a busy worker fills its batches sooner
PATIENCE_SECONDS = 1.0  # between two tries to reach a database that is away
STUCK_SECONDS = 900.0  # in one picture; a drawing of 100 megapixels took 36, more when busy


class Ledger:
    """Use as a context manager: leaving it records everything posted and gives back the rest."""

    def __init__(
        self,
        db: Database,
        storage: Storage,
        *,
        worker: str,
        lease_seconds: float,
        when_ended: Callable[[], object],
    ) -> None:
        self._database, self._storage, self._when_ended = db, storage, when_ended
        self._worker, self._lease_seconds = worker, lease_seconds
        self._held: dict[int, ClaimedImage] = {}
        self._posted: list[tuple[Outcome, bytes | None]] = []
        self._changed = threading.Condition()
        self._closing = self._in_haste = False
        self._failure: BaseException | None = None
        self._waiting_bytes = 0
        self._compressing_since: float | None = None
        self._thread = threading.Thread(target=self._keep_books, name="ledger", daemon=True)
        self._is_over = threading.Event()
        self._leases = threading.Thread(target=self._keep_leases, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._leases.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            answered = {outcome.image.id for outcome, _ in self._posted}
            rest = [image for key, image in self._held.items() if key not in answered]
            self._posted += [(Outcome.given_back(image), None) for image in rest]
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._is_over.set()
        self._leases.join()

    def hold(self, images: list[ClaimedImage]) -> None:
        """Keep these claims alive until their outcomes are recorded."""
        with self._changed:
            self._held |= {image.id: image for image in images}

    def post(self, outcome: Outcome, content: bytes | None = None) -> None:
        """Have an outcome recorded; ``content`` is saved under its ``output_name`` before.

        Waits while too much is waiting already. Raises RuntimeError when nothing can be recorded
        any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self._is_overfull())
            if self._failure:
                raise RuntimeError("the ledger broke down") from self._failure
            self._posted.append((outcome, content))
            self._waiting_bytes += len(content or b"")
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything posted is recorded, or given up."""
        with self._changed:
            self._in_haste = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._in_haste or self._failure)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around the compression of one picture: if it never ends, the process does.

        Its claims run out then, like those of any worker that stopped.
        """
        self._compressing_since = time.monotonic()
        try:
            yield
        finally:
            self._compressing_since = None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Around a thread: when it breaks down, the turn must not go on for nothing."""
        try:
            yield
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _keep_books(self) -> None:
        with self._telling():
            while self._step():
                pass

    def _keep_leases(self) -> None:
        with self._telling():
            while not self._is_over.wait(self._lease_seconds / 3):
                self._renew()
                self._end_if_stuck()

    def _step(self) -> bool:
        batch = self._next_batch()
        self._write(batch)
        with self._changed:
            self._waiting_bytes -= sum(len(content or b"") for _, content in batch)
            self._in_haste = self._in_haste and bool(self._posted)
            self._changed.notify_all()
            return bool(self._posted) or not self._closing

    def _next_batch(self) -> list[tuple[Outcome, bytes | None]]:
        """What was posted, as soon as it fills a batch or its first outcome has waited enough."""
        with self._changed:
            self._changed.wait_for(self._is_full, FLUSH_SECONDS)
            batch, self._posted = self._posted[:BATCH], self._posted[BATCH:]
        return batch

    def _is_overfull(self) -> bool:
        return len(self._posted) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES

    def _is_full(self) -> bool:
        return self._closing or self._in_haste or len(self._posted) >= BATCH

    def _write(self, batch: list[tuple[Outcome, bytes | None]]) -> None:
        if not batch:
            return
        outcomes = self._save(batch)
        gives_up_at = time.monotonic() + self._lease_seconds
        while not self._record(outcomes) and time.monotonic() < gives_up_at:
            time.sleep(PATIENCE_SECONDS)
        with self._changed:
            for outcome in outcomes:
                if self._held.get(outcome.image.id) is outcome.image:  # not claimed anew since
                    del self._held[outcome.image.id]

    def _save(self, batch: list[tuple[Outcome, bytes | None]]) -> list[Outcome]:
        files = [
            (outcome.image.public_id, outcome.columns["output_name"], content)
            for outcome, content in batch
            if content is not None
        ]
        try:
            self._storage.save_images(files)
        except OSError:
            logger.exception("images could not be saved")
            return [
                outcome
                if content is None  # what could not be saved is made anew, when a lease is over
                else Outcome.given_back(outcome.image, self._lease_seconds)
                for outcome, content in batch
            ]
        return [outcome for outcome, _ in batch]

    def _record(self, outcomes: list[Outcome]) -> bool:
        """Whether it was recorded; what never is comes back when its lease runs out."""
        try:
            if database.record(self._database, self._worker, outcomes):
                self._when_ended()
            _log(outcomes)
        except Unavailable:
            logger.exception("outcomes could not be recorded yet", extra={"count": len(outcomes)})
            return False
        return True

    def _renew(self) -> None:
        with self._changed:
            ids = list(self._held)
        if not ids:
            return
        try:
            database.renew(self._database, self._worker, ids, self._lease_seconds)
        except Unavailable:
            logger.exception("leases could not be renewed", extra={"count": len(ids)})

    def _end_if_stuck(self) -> None:
        since = self._compressing_since
        if since is not None and time.monotonic() - since > STUCK_SECONDS:
            logger.critical("one picture took too long: the worker process ends itself")
            os._exit(os.EX_SOFTWARE)


def _log(outcomes: list[Outcome]) -> None:
    """A line for each image that did not go well, and one for all that did."""
    completed = [outcome for outcome in outcomes if outcome.status is Status.COMPLETED]
    if completed:
        saved = sum(
            each.columns["input_bytes"] - each.columns["output_bytes"] for each in completed
        )
        logger.info("images completed", extra={"count": len(completed), "bytes_saved": saved})
    for outcome in outcomes:
        image, code = outcome.image, outcome.columns.get("error_code")
        if code:
            place = {"row": image.row_number, "position": image.position}
            fields = {"request_id": image.public_id, **place, "code": code}
            logger.info("image %s", outcome.status.lower(), extra=fields)
