"""The images in flight in one worker process, and the hosts they come from."""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from database import ClaimedImage
from outbound import Client
from pipeline.download import DownloadFailed, download
from settings import MIB, Settings

logger = logging.getLogger(__name__)

READY_BYTES = 64 * MIB  # downloaded and waiting; above it nothing more is claimed
Arrival = tuple[ClaimedImage, bytes | DownloadFailed]


class Hosts:
    """Which hosts a refill passes over: those at their limit, and those that asked for a pause."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()
        self._paused_until: dict[str, float] = {}

    def start(self, host: str) -> None:
        self._in_flight[host] += 1

    def end(self, host: str, pause_seconds: float | None) -> None:
        self._in_flight[host] -= 1
        if pause_seconds is not None:
            self._paused_until[host] = time.monotonic() + pause_seconds

    def at_limit(self) -> set[str]:
        return {host for host, number in self._in_flight.items() if number >= self._limit}

    def paused(self) -> set[str]:
        now = time.monotonic()
        self._paused_until = {h: until for h, until in self._paused_until.items() if until > now}
        return set(self._paused_until)


class Window:
    """The images in flight: being downloaded, or downloaded and waiting for the main thread."""

    def __init__(self, settings: Settings, client: Client, hosts: Hosts) -> None:
        self._settings, self._client, self._hosts = settings, client, hosts
        self._threads = ThreadPoolExecutor(settings.download_concurrency, "download")
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._ready: list[Arrival] = []
        self._downloading = 0
        self._served: Counter[int] = Counter()

    def has_room(self) -> bool:
        """Whether it takes another refill, which may bring it a little over its number."""
        waiting = (len(arrived) for _, arrived in self._ready if isinstance(arrived, bytes))
        in_flight = self._downloading + len(self._ready)
        return in_flight < self._settings.download_concurrency and sum(waiting) < READY_BYTES

    def is_empty(self) -> bool:
        return not self._downloading and not self._ready

    def add(self, image: ClaimedImage) -> None:
        """Start its download."""
        self._hosts.start(image.host)
        self._downloading += 1
        self._threads.submit(self._download, image)

    def take(self, wait_seconds: float) -> Arrival | None:
        """A downloaded image of the request that this process served least, in this turn."""
        self._collect(0 if self._ready else wait_seconds)
        if not self._ready:
            return None
        chosen = min(self._ready, key=lambda arrival: self._served[arrival[0].request_id])
        self._ready.remove(chosen)
        self._served[chosen[0].request_id] += 1
        return chosen

    def close(self) -> None:
        """Forget what is in flight; nothing here waits for a slow origin."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _download(self, image: ClaimedImage) -> None:
        arrived: bytes | DownloadFailed
        try:
            arrived = download(
                self._client,
                image.input_url,
                seconds=self._settings.download_seconds,
                max_bytes=self._settings.max_image_bytes,
            )
        except DownloadFailed as failure:
            arrived = failure
        except Exception:  # or the window would wait for this arrival for ever
            logger.exception("download broke down", extra={"image_id": image.id})
            arrived = DownloadFailed(
                "download_error", "The download broke down here.", permanent=False
            )
        self._arrivals.put((image, arrived))

    def _collect(self, wait_seconds: float) -> None:
        """Move what has arrived to what is ready, waiting for the first one only."""
        try:
            while self._downloading:
                image, arrived = self._arrivals.get(wait_seconds > 0, wait_seconds)
                self._downloading -= 1
                pause = arrived.retry_after if isinstance(arrived, DownloadFailed) else None
                self._hosts.end(image.host, pause)
                self._ready.append((image, arrived))
                wait_seconds = 0
        except Empty:
            return
