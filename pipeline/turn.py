"""One worker process's turns: a window of images in flight, one picture being compressed.

While the main thread compresses a picture, threads download the next ones. The window is refilled a
few claims at a time, so that all processes share even a small request from its first image.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

import database
from database import ClaimedImage, Outcome
from engine import Database
from outbound import Client
from pipeline.compress import Options, Unreadable, compress
from pipeline.download import DownloadFailed
from pipeline.ledger import Ledger
from pipeline.storage import Storage, image_name
from pipeline.window import Arrival, Hosts, Window
from settings import Settings

logger = logging.getLogger(__name__)

REFILL = 3  # images of one claim: fewer cost more queries, more share a small request worse
IDLE_SECONDS = 0.2  # before asking again, when nothing was due but downloads are still under way
BROKE_DOWN = "The image could not be compressed: something went wrong here; it was logged."
FIRST_RETRY_SECONDS = 1.0  # doubled with each further one, with jitter


class Workshop:
    """What one worker process keeps from turn to turn, and the turns themselves."""

    def __init__(
        self,
        db: Database,
        client: Client,
        storage: Storage,
        settings: Settings,
        *,
        worker: str,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._database, self._client, self._storage = db, client, storage
        self._settings, self._worker, self._is_stopping = settings, worker, is_stopping
        self._hosts = Hosts(limit=max(1, settings.download_concurrency // 2))
        self._ask_again_at = 0.0
        self._claims = 0

    def turn(self, seconds: float, when_ended: Callable[[], object]) -> None:
        """Work until nothing is due or the time is over.

        Calls ``when_ended``, from another thread, each time that the last image of a request has
        been recorded. A worker that is stopping gives back what it holds instead of finishing it.
        """
        ends_at = time.monotonic() + seconds
        window = Window(self._settings, self._client, self._hosts)
        try:
            with self._ledger(when_ended) as ledger:
                while not self._is_stopping():
                    if time.monotonic() < ends_at:
                        self._refill(window, ledger)
                    if window.is_empty():
                        return
                    if arrival := window.take(IDLE_SECONDS):
                        self._work_on(arrival, ledger)
        finally:
            window.close()

    def _ledger(self, when_ended: Callable[[], object]) -> Ledger:
        return Ledger(
            self._database,
            self._storage,
            worker=self._worker,
            lease_seconds=self._settings.lease_seconds,
            when_ended=when_ended,
        )

    def _refill(self, window: Window, ledger: Ledger) -> None:
        while window.has_room() and (window.is_empty() or time.monotonic() >= self._ask_again_at):
            claimed = self._claim(REFILL)
            if not claimed:
                self._ask_again_at = time.monotonic() + IDLE_SECONDS
                return
            ledger.hold(claimed)
            for image in claimed:
                window.add(image)

    def _claim(self, limit: int) -> list[ClaimedImage]:
        """Images of a host below its limit, or, where no other has any, of one at its limit."""
        self._claims += 1
        paused, at_limit = self._hosts.paused(), self._hosts.at_limit()
        for passing_over in (paused | at_limit, paused) if at_limit else (paused,):
            claimed = database.claim_images(
                self._database,
                self._worker,
                limit=limit,
                lease_seconds=self._settings.lease_seconds,
                passing_over=passing_over,
                head_start=self._claims % 4 != 0,  # a stream of small requests starves no large one
            )
            if claimed:
                return claimed
        return []

    def _work_on(self, arrival: Arrival, ledger: Ledger) -> None:
        image, original = arrival
        if isinstance(original, DownloadFailed):
            ledger.post(self._after_failure(image, original))
        else:
            self._compress(image, original, ledger)
        if image.stops:
            ledger.flush()  # a stop after this is not its fault

    def _after_failure(self, image: ClaimedImage, failure: DownloadFailed) -> Outcome:
        if failure.permanent or image.attempts >= self._settings.download_attempts:
            return Outcome.failed(image, failure.code, str(failure))
        backoff = FIRST_RETRY_SECONDS * 2 ** (image.attempts - 1) * random.uniform(0.5, 1)  # noqa: S311
        wait = max(backoff, failure.retry_after or 0)
        return Outcome.again(image, wait, failure.code, str(failure))

    def _compress(self, image: ClaimedImage, original: bytes, ledger: Ledger) -> None:
        if image.stops:
            database.suspect(self._database, self._worker, image)
        options = Options(
            reduce_by=image.reduce_by,
            format=image.format,
            max_width=image.max_width,
            max_height=image.max_height,
        )
        try:
            with ledger.watching():
                made = compress(original, options, max_pixels=self._settings.max_image_pixels)
        except Unreadable as error:
            ledger.post(Outcome.failed(image, error.code, str(error)))
            return
        except Exception:  # or this image would come back, and end every turn, for ever
            logger.exception("compression broke down", extra={"image_id": image.id})
            ledger.post(Outcome.failed(image, "compression_error", BROKE_DOWN))
            return
        figures = {
            name: getattr(made, name)
            for name in ("format", "width", "height", "method", "quality", "scale", "encodes")
        }
        outcome = Outcome.completed(
            image,
            output_name=image_name(image.row_number, image.position, made.extension),
            input_bytes=len(original),
            output_bytes=len(made.content),
            target_met=made.target_met,
            **figures,
        )
        ledger.post(outcome, made.content)
