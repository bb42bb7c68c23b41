"""A worker process's turns: claim images, download some ahead, compress one at a time.

While the main thread compresses an image, threads download the next ones. They are claimed a few
at a time, so that all processes share even a small request from its first image.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import logs
from database import Database
from outbound import HttpClient
from pipeline.claiming import ImageClaimer
from pipeline.compressed_image import result_of_download
from pipeline.download import DownloadFailed
from pipeline.download_retries import result_of_failure
from pipeline.housekeeping import Housekeeping
from pipeline.image_prefetch import Arrival, ImagePrefetcher
from pipeline.lease_renewal import LeaseRenewal
from pipeline.result_writer import Result, ResultWriter
from pipeline.watchdog import Watchdog
from settings import Settings
from storage import Storage
from work_queue.api_keys import Use
from work_queue.claims import ClaimedImage
from work_queue.expired_claims import count_crash

IDLE_SECONDS = 0.2  # before asking again, when nothing was due but downloads are still under way
SHARING_SECONDS = 0.05  # in which other processes may take their share of a small request


class Processor:
    """What one worker process works with, from turn to turn."""

    def __init__(
        self,
        db: Database,
        client: HttpClient,
        storage: Storage,
        settings: Settings,
        *,
        worker: str,
        is_stopping: Callable[[], bool],
    ) -> None:
        self.database, self.client, self.storage, self.settings = db, client, storage, settings
        self.worker, self.is_stopping = worker, is_stopping
        self.claimer = ImageClaimer(db, settings, worker=worker)

    def take_turn(self, seconds: float, housekeeping: Housekeeping) -> None:
        """Work until nothing is due, here or in housekeeping, or the time is over.

        A worker that is stopping releases what it holds instead of finishing it.
        """
        ends_at = time.monotonic() + seconds
        lease_seconds = self.settings.lease_seconds
        with (
            closing(ImagePrefetcher(self.settings, self.client, self.claimer.pauses)) as images,
            LeaseRenewal(self.database, worker=self.worker, lease_seconds=lease_seconds) as leases,
            ResultWriter(
                self.database,
                self.storage,
                leases,
                worker=self.worker,
                lease_seconds=lease_seconds,
                when_request_ends=housekeeping.complete_and_deliver,
            ) as results,
            Watchdog() as watchdog,
        ):
            Turn(self, images, leases, results, watchdog, housekeeping).run(ends_at)


class Turn:
    """One turn of a process, with the parts that live as long."""

    def __init__(
        self,
        processor: Processor,
        images: ImagePrefetcher,
        leases: LeaseRenewal,
        results: ResultWriter,
        watchdog: Watchdog,
        housekeeping: Housekeeping,
    ) -> None:
        self._processor, self._claimer = processor, processor.claimer
        self._images, self._leases, self._results = images, leases, results
        self._watchdog, self._housekeeping = watchdog, housekeeping
        self._refill_at = 0.0  # of time.monotonic()

    def run(self, ends_at: float) -> None:
        while not self._processor.is_stopping():
            self._housekeeping.sweep_when_due()
            if time.monotonic() < ends_at:
                self._refill()
            elif not self._images.in_motion():
                return  # what slow hosts still owe is released
            if not self._step():
                return

    def _refill(self) -> None:
        """Claim until there is enough in flight, or nothing due, or this process has its share."""
        while self._images.has_room() and self._may_claim():
            claimed = self._claimer.claim(self._images.host_limits)
            self._leases.hold(claimed)
            for image in claimed:
                self._images.add(image)
            if not claimed:
                self._refill_at = time.monotonic() + IDLE_SECONDS
                return
            if self._images.of_request(claimed[0].request_id) >= claimed[0].share:
                self._refill_at = time.monotonic() + SHARING_SECONDS
                return

    def _may_claim(self) -> bool:
        return not self._images.in_motion() or time.monotonic() >= self._refill_at

    def _step(self) -> bool:
        """Work on one image, if one is there; False when there is nothing to wait for."""
        if kept_back := self._images.take_kept_back():
            if self._processor.database.write(count_crash, self._processor.worker, kept_back):
                self._images.start(kept_back)
            else:
                self._leases.let_go([kept_back])
        if self._images.is_empty():
            is_busy = self._housekeeping.is_busy()
            time.sleep(IDLE_SECONDS if is_busy else 0)
            return is_busy
        until_refill = self._refill_at - time.monotonic()
        wait_seconds = until_refill if 0 < until_refill < IDLE_SECONDS else IDLE_SECONDS
        if arrival := self._images.take(wait_seconds):
            self._work_on(arrival)
        return True

    def _work_on(self, arrival: Arrival) -> None:
        with logs.about(**arrival[0].log_fields):
            self._settle(*arrival)

    def _settle(self, image: ClaimedImage, arrived: bytes | DownloadFailed) -> None:
        settings = self._processor.settings
        if isinstance(arrived, DownloadFailed):
            result = result_of_failure(image, arrived, max_attempts=settings.download_attempts)
        else:
            used = _cpu_seconds()
            with self._watchdog.watch(image), self._claimer.compression_time.measure():
                outcome, content = result_of_download(image, arrived, settings)
            use = Use(len(arrived), round(1000 * (_cpu_seconds() - used)))
            result = Result(replace(outcome, use=use), content)
        self._results.post(*result)
        if image.crash_count:
            self._results.flush()  # a crash after this is not its fault


def _cpu_seconds() -> float:
    """What this process and the programs that it ran have used; what downloads beside, too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
