"""Results are written beside the work: files first, then rows, a batch at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self
from uuid import UUID

from database import Database, Unavailable
from pipeline.lease_renewal import LeaseRenewal
from pipeline.tally import Tally
from pipeline.unclaimed_files import remove_lost
from settings import MIB
from storage import Storage
from work_queue.outcomes import Outcome, record_outcomes
from work_queue.statuses import Status

logger = logging.getLogger(__name__)

BATCH = 16  # outcomes of one transaction; thumbnails fill it in a tenth of a second
MAX_WAITING, MAX_WAITING_BYTES = 4 * BATCH, 64 * MIB  # posted and not yet written
FLUSH_SECONDS = 0.1  # so a poller is hardly behind; a busy worker fills its batches sooner
RETRY_SECONDS = 1.0  # between two attempts to reach a database that is down


class Result(NamedTuple):
    """An outcome, and the compressed image where there is one."""

    outcome: Outcome
    content: bytes | None


class ResultWriter:
    """One thread saves compressed images and records outcomes, at most FLUSH_SECONDS late.

    Use as a context manager: leaving it writes everything posted, and releases what ``leases``
    still holds. ``when_request_ends`` is called when the last image of a request is recorded.
    """

    def __init__(
        self,
        db: Database,
        storage: Storage,
        leases: LeaseRenewal,
        *,
        worker: str,
        lease_seconds: float,
        when_request_ends: Callable[[], object],
    ) -> None:
        self._database, self._storage, self._leases = db, storage, leases
        self._worker, self._lease_seconds = worker, lease_seconds
        self._when_request_ends = when_request_ends
        self._tally = Tally(db, worker=worker)
        self._posted: list[Result] = []
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_closing = self._is_flushing = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="results", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            posted = {result.outcome.image.id for result in self._posted}
            rest = [image for image in self._leases.held() if image.id not in posted]
            self._posted += [Result(Outcome.release(image), None) for image in rest]
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def post(self, outcome: Outcome, content: bytes | None = None) -> None:
        """Have an outcome recorded; ``content`` is saved under its ``output_name`` before.

        Waits while too much is waiting already. Raises RuntimeError when nothing can be recorded
        any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self._is_overfull())
            if self._failure:
                raise RuntimeError("the result writer broke down") from self._failure
            self._posted.append(Result(outcome, content))
            self._waiting_bytes += len(content or b"")
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything posted is recorded, or given up."""
        with self._changed:
            self._is_flushing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_flushing or self._failure)

    def _run(self) -> None:
        try:
            while self._write_next_batch():
                self._tally.record_when_due()
            self._tally.record()
        except Exception as error:  # raised in the main thread, at its next post()
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _write_next_batch(self) -> bool:
        """False when there will be no further one."""
        batch = self._next_batch()
        if batch:
            self._write(batch)
        with self._changed:
            self._waiting_bytes -= sum(len(result.content or b"") for result in batch)
            self._is_flushing = self._is_flushing and bool(self._posted)
            self._changed.notify_all()
            return bool(self._posted) or not self._is_closing

    def _next_batch(self) -> list[Result]:
        """What was posted, as soon as it fills a batch or its first result has waited enough."""
        with self._changed:
            self._changed.wait_for(self._is_full, FLUSH_SECONDS)
            batch, self._posted = self._posted[:BATCH], self._posted[BATCH:]
        return batch

    def _is_overfull(self) -> bool:
        return len(self._posted) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES

    def _is_full(self) -> bool:
        return self._is_closing or self._is_flushing or len(self._posted) >= BATCH

    def _write(self, batch: list[Result]) -> None:
        """What can't be recorded for as long as a lease is left: it expires, and is tried again."""
        outcomes = self._saved(batch)
        gives_up_at = time.monotonic() + self._lease_seconds
        while not self._record(outcomes) and time.monotonic() < gives_up_at:
            time.sleep(RETRY_SECONDS)
        self._leases.let_go(outcome.image for outcome in outcomes)

    def _saved(self, batch: list[Result]) -> list[Outcome]:
        """The outcomes to record; an image that could not be saved is made again later."""
        files = [
            (outcome.image.public_id, outcome.columns["output_name"], content)
            for outcome, content in batch
            if content is not None
        ]
        try:
            self._storage.save_images(files)
        except OSError:
            unsaved = sorted({str(result.outcome.image.public_id) for result in batch})
            logger.exception("images could not be saved", extra={"request_id": ",".join(unsaved)})
            return [
                outcome if content is None else Outcome.release(outcome.image, self._lease_seconds)
                for outcome, content in batch
            ]
        return [outcome for outcome, _ in batch]

    def _record(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether the database could be reached."""
        try:
            recorded = self._database.write(record_outcomes, self._worker, outcomes)
            remove_lost(self._database, self._storage, recorded.lost)
        except Unavailable:  # database.py has logged why
            return False
        if recorded.ended_request:
            self._when_request_ends()
        lost = {id(outcome) for outcome in recorded.lost}
        kept = [outcome for outcome in outcomes if id(outcome) not in lost]
        _log(kept)
        self._tally.count(kept)
        return True


def _log(outcomes: Sequence[Outcome]) -> None:
    """A line for the images of a request that ended in the same way."""
    alike: dict[tuple[UUID, str, str | None], list[Outcome]] = {}
    for outcome in outcomes:
        code = outcome.columns.get("error_code")
        if code or outcome.status is Status.COMPLETED:
            key = (outcome.image.public_id, outcome.status.lower(), code)
            alike.setdefault(key, []).append(outcome)
    for (public_id, status, code), ended in alike.items():
        how = {"code": code} if code else {"bytes_saved": sum(map(_bytes_saved, ended))}
        fields = {"request_id": public_id, "count": len(ended), **how}
        logger.info("images %s", status, extra=fields)


def _bytes_saved(completed: Outcome) -> int:
    columns = completed.columns
    return int(columns["input_bytes"]) - int(columns["output_bytes"])
