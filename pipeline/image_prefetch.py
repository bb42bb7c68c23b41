"""Images are downloaded ahead, in threads, while the main thread compresses others."""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

import logs
import metrics
from outbound import HttpClient
from pipeline.download import DownloadFailed, download
from pipeline.host_limits import HostLimits, Pauses
from settings import MIB, Settings
from work_queue.claims import ClaimedImage
from work_queue.outcomes import TIMED_OUT
from work_queue.statements import GIVE_UP_AFTER

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * MIB  # downloaded, or expected of downloads; above it nothing more is claimed
GAVE_UP = f"The host did not answer {GIVE_UP_AFTER} times in a row, and was given up."
Arrival = tuple[ClaimedImage, bytes | DownloadFailed]


class ImagePrefetcher:
    """The images in flight: being downloaded, or downloaded and waiting to be compressed.

    An image whose earlier worker crashed is kept back until nothing else is in flight: if this
    worker crashes too, it is clear why.
    """

    def __init__(self, settings: Settings, client: HttpClient, pauses: Pauses) -> None:
        self._settings, self._client, self._pauses = settings, client, pauses
        self.host_limits = HostLimits(settings.download_concurrency)
        self._threads = ThreadPoolExecutor(self.host_limits.threads, "download")
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._ready: list[Arrival] = []
        self._kept_back: list[ClaimedImage] = []
        self._taken: Counter[int] = Counter()  # by request
        self._typical_bytes = float(MIB)  # of a download: a moving average

    def has_room(self) -> bool:
        """Whether it takes another refill, which may bring it over its number by that refill.

        Downloads of slow hosts take no room from others; they have a limit of their own.
        """
        is_small = self.in_motion() < self._settings.download_concurrency
        return is_small and self._bytes() < MAX_BYTES and not self._kept_back

    def in_flight(self) -> int:
        return self.host_limits.total() + len(self._ready) + len(self._kept_back)

    def in_motion(self) -> int:
        """In flight without the downloads of slow hosts."""
        return self.in_flight() - self.host_limits.slow_downloads()

    def of_request(self, request_id: int) -> int:
        """Images of a request that are in flight."""
        waiting = [image for image, _ in self._ready] + self._kept_back
        under_way = self.host_limits.under_way.items()
        downloads = sum(number for of, number in under_way if of.request_id == request_id)
        return downloads + sum(image.request_id == request_id for image in waiting)

    def is_empty(self) -> bool:
        return not self.in_flight()

    def _bytes(self) -> float:
        """Of what waits here, and, as sizes are not known before, as many per download as usual.

        Those of slow hosts are not expected soon.
        """
        waiting = sum(len(arrived) for _, arrived in self._ready if isinstance(arrived, bytes))
        expected = self.host_limits.total() - self.host_limits.slow_downloads()
        return waiting + expected * self._typical_bytes

    def add(self, image: ClaimedImage) -> None:
        """Start its download, or keep it back where an earlier worker crashed over it.

        An image of a host that was given up has failed without one.
        """
        if image.is_given_up:
            self._ready.append((image, DownloadFailed("host_gave_up", GAVE_UP, permanent=True)))
        elif image.crash_count:
            self._kept_back.append(image)
        else:
            self.start(image)

    def take_kept_back(self) -> ClaimedImage | None:
        """An image that was kept back, once nothing else is in flight."""
        is_alone = not self.host_limits.total() and not self._ready
        return self._kept_back.pop() if is_alone and self._kept_back else None

    def start(self, image: ClaimedImage) -> None:
        """Start its download."""
        self.host_limits.add(image.request_id, image.host)
        self._threads.submit(self._download, image)

    def take(self, wait_seconds: float) -> Arrival | None:
        """A downloaded image of the request that this process has worked on least, in this turn."""
        self._collect(0 if self._ready else wait_seconds)
        if not self._ready:
            return None
        chosen = min(self._ready, key=lambda arrival: self._taken[arrival[0].request_id])
        self._ready.remove(chosen)
        self._taken[chosen[0].request_id] += 1
        return chosen

    def close(self) -> None:
        """Forget what is in flight; nothing here waits for a slow origin."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _download(self, image: ClaimedImage) -> None:
        self.host_limits.start(image.id, image.host)
        started = time.monotonic()
        with logs.about(**image.log_fields):
            arrived = self._downloaded(image)
        metrics.DOWNLOAD_SECONDS.observe(time.monotonic() - started)
        is_timeout = isinstance(arrived, DownloadFailed) and arrived.code == TIMED_OUT
        is_download = isinstance(arrived, bytes)
        self.host_limits.finish(image.id, is_download=is_download, is_timeout=is_timeout)
        self._arrivals.put((image, arrived))

    def _downloaded(self, image: ClaimedImage) -> bytes | DownloadFailed:
        try:
            return download(
                self._client,
                image.input_url,
                seconds=self._settings.download_seconds,
                max_bytes=self._settings.max_image_bytes,
            )
        except DownloadFailed as failure:
            return failure
        except Exception:  # or the main thread would wait for this arrival for ever
            logger.exception("download broke down")
            words = "The download broke down here."
            return DownloadFailed("download_error", words, permanent=False)

    def _collect(self, wait_seconds: float) -> None:
        """Move what has arrived to what is ready, waiting for the first one only."""
        try:
            while self.host_limits.total():
                image, arrived = self._arrivals.get(wait_seconds > 0, wait_seconds)
                self.host_limits.remove(image.request_id, image.host)
                if isinstance(arrived, bytes):
                    self._typical_bytes += (len(arrived) - self._typical_bytes) / 4
                elif arrived.retry_after is not None:
                    self._pauses.add(image.host, arrived.retry_after)
                self._ready.append((image, arrived))
                wait_seconds = 0
        except Empty:
            return
