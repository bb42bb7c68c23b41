"""One worker process's turns: a window of images in flight, one picture being compressed.

While the main thread compresses a picture, threads download the next ones. The window is refilled a
few claims at a time, so that all processes share even a small request from its first image.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import database
from compress import Options, Unreadable, compress
from database import ClaimedImage, Outcome
from engine import Database
from outbound import Client
from pipeline.download import DownloadFailed
from pipeline.ledger import Ledger
from pipeline.window import Arrival, Pauses, Window
from settings import Settings
from storage import Storage, image_name

logger = logging.getLogger(__name__)

REFILL_SECONDS = 0.25  # of work in one claim: so claims cost little, and new requests wait little
MOST_CLAIMED = 16  # thumbnails cost about as much time as their claims would, one by one
IDLE_SECONDS = 0.2  # before asking again, when nothing was due but downloads are still under way
SHARES = 4  # of a request's last images, one of which a process may have in flight
SHARING_SECONDS = 0.05  # in which other processes may take their share of a small request
CLAIM_TRIES = 3  # of one refill, when others take what it chose
BROKE_DOWN = "The image could not be compressed: something went wrong here; it was logged."
FIRST_RETRY_SECONDS = 1.0  # doubled with each further one, with jitter


class Beside(Protocol):
    """What goes on in other threads while this one works on images."""

    def look(self) -> object:
        """Look for something to do: the last image of a request has been recorded."""

    def look_now_and_then(self) -> object: ...

    def is_busy(self) -> bool: ...


class Pace:
    """How many seconds a picture takes here, lately."""

    def __init__(self) -> None:
        self._seconds = REFILL_SECONDS / 3  # of a photo of some megapixels

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around the work on one picture; each counts for a tenth, so an odd one changes little."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds += (time.monotonic() - started - self._seconds) / 10

    def images_in(self, seconds: float, most: int) -> int:
        return round(min(max(seconds / self._seconds, 1), most))


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
        self._pauses = Pauses()
        self._pace = Pace()
        self._ask_again_at = 0.0
        self._claims = 0

    def turn(self, seconds: float, beside: Beside) -> None:
        """Work until nothing is due, here or ``beside``, or the time is over.

        A worker that is stopping gives back what it holds instead of finishing it.
        """
        ends_at = time.monotonic() + seconds
        window = Window(self._settings, self._client, self._pauses)
        try:
            with self._ledger(beside) as ledger:
                while not self._is_stopping():
                    beside.look_now_and_then()
                    if time.monotonic() < ends_at:
                        self._refill(window, ledger)
                    elif window.is_empty():
                        return
                    if not self._step(window, ledger, beside):
                        return
        finally:
            window.close()

    def _step(self, window: Window, ledger: Ledger, beside: Beside) -> bool:
        """Work on one image, if one is there; False when there is nothing to wait for."""
        if suspect := window.take_suspect():
            database.suspect(self._database, self._worker, suspect)
            window.start(suspect)
        if window.is_empty():
            time.sleep(IDLE_SECONDS if beside.is_busy() else 0)
            return beside.is_busy()
        until_refill = self._ask_again_at - time.monotonic()
        if arrival := window.take(
            until_refill if 0 < until_refill < IDLE_SECONDS else IDLE_SECONDS
        ):
            self._work_on(arrival, ledger)
        return True

    def _ledger(self, beside: Beside) -> Ledger:
        return Ledger(
            self._database,
            self._storage,
            worker=self._worker,
            lease_seconds=self._settings.lease_seconds,
            when_ended=beside.look,
        )

    def _refill(self, window: Window, ledger: Ledger) -> None:
        while window.has_room() and (window.is_empty() or time.monotonic() >= self._ask_again_at):
            claimed = self._claim(window)
            ledger.hold(claimed)
            for image in claimed:
                window.add(image)
            if not claimed:
                self._ask_again_at = time.monotonic() + IDLE_SECONDS
                return
            if window.in_flight() >= claimed[0].share:
                self._ask_again_at = time.monotonic() + SHARING_SECONDS
                return

    def _claim(self, window: Window) -> list[ClaimedImage]:
        """Images of a host below its limit, or, where no other has any, of one at its limit."""
        self._claims += 1
        paused, at_limit = self._pauses.hosts(), window.hosts_at_limit()
        claimed = self._claim_from(paused | at_limit, window.room_of)
        if not claimed and at_limit:
            claimed = self._claim_from(paused, window.room_of_last)
        return claimed

    def _claim_from(
        self, passing_over: set[str], limit_of_host: Callable[[str], int]
    ) -> list[ClaimedImage]:
        """What is due, also when other workers are quicker a few times."""
        for _ in range(CLAIM_TRIES):
            claimed = database.claim_images(
                self._database,
                self._worker,
                limit=self._pace.images_in(REFILL_SECONDS, MOST_CLAIMED),
                lease_seconds=self._settings.lease_seconds,
                passing_over=passing_over,
                shares=SHARES,
                limit_of_host=limit_of_host,
                head_start=self._claims % 4 != 0,  # a stream of small requests starves no large one
            )
            if claimed or claimed is None:
                return claimed or []
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
        options = Options(
            reduce_by=image.reduce_by,
            format=image.format,
            max_width=image.max_width,
            max_height=image.max_height,
        )
        try:
            with ledger.watching(), self._pace.measured():
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
