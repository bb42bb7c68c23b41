"""The CPU time of one image is bounded: when it is over, each search takes the best that it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_thread = threading.local()


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """What is compressed inside has so many seconds of this process, threads of encoders included.

    Other programs that work on the image (oxipng, gifsicle) are bounded by themselves.
    """
    _thread.ends_at = time.process_time() + seconds
    try:
        yield
    finally:
        del _thread.ends_at


def is_over() -> bool:
    """Whether a search should end with what it has; never outside of ``limited_to``."""
    ends_at: float | None = getattr(_thread, "ends_at", None)
    return ends_at is not None and time.process_time() > ends_at
