"""The images in flight in one worker process, and the hosts they come from."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from database import ClaimedImage
from outbound import Client
from pipeline.download import DownloadFailed, download
from settings import MIB, Settings

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * MIB  # downloaded, or expected of downloads; above it nothing more is claimed
QUICK_SECONDS = 0.1  # a host that answers within it can be asked for more than its share
AHEAD_SECONDS = 0.25  # for which downloads may wait for a thread, so that a claim takes several
MOST_PAUSES = 200  # each is a parameter of a query, and there are 2,100 at most
Arrival = tuple[ClaimedImage, bytes | DownloadFailed]


class Pauses:
    """The hosts that asked for a pause; the newest MOST_PAUSES of them, for one process."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, host: str, seconds: float) -> None:
        self._until.pop(host, None)
        self._until[host] = time.monotonic() + seconds
        if len(self._until) > MOST_PAUSES:
            del self._until[next(iter(self._until))]

    def hosts(self) -> set[str]:
        now = time.monotonic()
        self._until = {host: until for host, until in self._until.items() if until > now}
        return set(self._until)


class Window:
    """The images in flight: being downloaded, or downloaded and waiting for the main thread.

    An image that was in the hands of a worker that stopped is a suspect, and is kept until nothing
    else is in flight: if the worker stops again, it is clear why.
    """

    def __init__(self, settings: Settings, client: Client, pauses: Pauses) -> None:
        self._settings, self._client, self._pauses = settings, client, pauses
        self._threads = ThreadPoolExecutor(settings.download_concurrency, "download")
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._ready: list[Arrival] = []
        self._suspects: list[ClaimedImage] = []
        self._hosts: Counter[str] = Counter()  # downloads under way
        self._served: Counter[int] = Counter()
        self._typical_bytes = float(MIB)  # of a download, lately
        self._seconds: dict[str, float] = {}  # of the last download from a host
        self._under_way: dict[int, tuple[str, float]] = {}  # by image: the host, and since when
        self._share = max(settings.download_concurrency // 2, 1)  # of a slow host

    def has_room(self) -> bool:
        """Whether it takes another refill, which may bring it over its number by that refill."""
        is_small = self.in_flight() < self._settings.download_concurrency
        return is_small and self._bytes() < MOST_BYTES and not self._suspects

    def in_flight(self) -> int:
        return self._hosts.total() + len(self._ready) + len(self._suspects)

    def is_empty(self) -> bool:
        return not self.in_flight()

    def _bytes(self) -> float:
        """Of what waits here, and, as no one knows sizes before, as much as usual per download."""
        waiting = sum(len(arrived) for _, arrived in self._ready if isinstance(arrived, bytes))
        return waiting + self._hosts.total() * self._typical_bytes

    def hosts_at_limit(self) -> set[str]:
        """Slow ones that half of the downloads go to: the other half is for others."""
        return {host for host in self._hosts if self.room_of(host) <= 0}

    def room_of(self, host: str) -> int:
        """How many more downloads from it may wait here; of a host not known yet, as if slow."""
        is_quick = self._seconds.get(host, QUICK_SECONDS) < QUICK_SECONDS
        if is_quick and not self._is_waited_for(host):
            return sys.maxsize
        return self._share - self._hosts[host]

    def _is_waited_for(self, host: str) -> bool:
        """Whether a quick host has become a slow one: it is answering, but not at once."""
        long_ago = time.monotonic() - QUICK_SECONDS
        under_way = list(self._under_way.values())
        return any(of == host and since < long_ago for of, since in under_way)

    def room_of_last(self, host: str) -> int:
        """The same where no other host has any: what all threads will have done in a moment."""
        if host not in self._seconds:
            return self._share
        done = self._settings.download_concurrency * AHEAD_SECONDS / self._seconds[host]
        return max(int(done), 1)

    def add(self, image: ClaimedImage) -> None:
        """Start its download, or, of a suspect, keep it."""
        if image.stops:
            self._suspects.append(image)
        else:
            self.start(image)

    def take_suspect(self) -> ClaimedImage | None:
        """A suspect, once nothing else is in flight."""
        is_alone = not self._hosts.total() and not self._ready
        return self._suspects.pop() if is_alone and self._suspects else None

    def start(self, image: ClaimedImage) -> None:
        self._hosts[image.host] += 1
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
        started = time.monotonic()
        self._under_way[image.id] = (image.host, started)
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
        del self._under_way[image.id]
        if isinstance(arrived, bytes):  # a refusal may be quick where the next picture is not
            self._seconds[image.host] = time.monotonic() - started
        self._arrivals.put((image, arrived))

    def _collect(self, wait_seconds: float) -> None:
        """Move what has arrived to what is ready, waiting for the first one only."""
        try:
            while self._hosts:
                image, arrived = self._arrivals.get(wait_seconds > 0, wait_seconds)
                self._hosts[image.host] -= 1
                self._hosts += Counter()  # without the hosts that are at zero
                if isinstance(arrived, bytes):
                    self._typical_bytes += (len(arrived) - self._typical_bytes) / 4
                elif arrived.retry_after is not None:
                    self._pauses.add(image.host, arrived.retry_after)
                self._ready.append((image, arrived))
                wait_seconds = 0
        except Empty:
            return
