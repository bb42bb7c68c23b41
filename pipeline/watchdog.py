"""A worker process whose compression never ends is ended; its claims expire, as after a crash."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from work_queue.claims import ClaimedImage

logger = logging.getLogger(__name__)

# In one image; a drawing of 100 megapixels took 36, and after 60 of CPU every search ends.
STUCK_SECONDS, STUCK_CPU_SECONDS = 900.0, 180.0
CHECK_SECONDS = 10.0


class Watchdog:
    """Use as a context manager, and watch() around each compression."""

    def __init__(self) -> None:
        self._since: tuple[float, float] | None = None  # of the clock and of the process time
        self._image: ClaimedImage | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @contextmanager
    def watch(self, image: ClaimedImage) -> Iterator[None]:
        """Around the compression of one image: if it never ends, the process does."""
        self._image = image
        self._since = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self._since = None

    def _run(self) -> None:
        while not self._is_over.wait(CHECK_SECONDS):
            since = self._since
            if since is not None and _is_stuck(*since):
                fields = self._image.log_fields if self._image else {}
                logger.critical(
                    "one image took too long: the worker process ends itself", extra=fields
                )
                os._exit(os.EX_SOFTWARE)


def _is_stuck(started: float, cpu_before: float) -> bool:
    cpu = time.process_time() - cpu_before
    return time.monotonic() - started > STUCK_SECONDS or cpu > STUCK_CPU_SECONDS
