"""The CPU time of one image is bounded: when it is over, each search takes the best that it has."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_thread = threading.local()


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """What is compressed inside has so many seconds, with those of the programs that it runs."""
    _thread.ends_at = _cpu_seconds() + seconds
    try:
        yield
    finally:
        del _thread.ends_at


def _cpu_seconds() -> float:
    of_programs = os.times()
    return time.process_time() + of_programs.children_user + of_programs.children_system


def is_over() -> bool:
    """Whether a search should end with what it has; never outside of ``limited_to``."""
    ends_at: float | None = getattr(_thread, "ends_at", None)
    return ends_at is not None and _cpu_seconds() > ends_at
