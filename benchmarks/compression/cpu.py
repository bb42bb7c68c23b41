"""The CPU time of a piece of work, with that of the programs it ran."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def timed(work: Callable[[], Result], runs: int = 3) -> tuple[float, Result]:
    """The least CPU time in seconds of up to that many runs; none begins after a second."""
    spent: list[float] = []
    while len(spent) < runs and sum(spent) < 1:
        started = _seconds()
        result = work()
        spent.append(_seconds() - started)
    return min(spent), result


def _seconds() -> float:
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + programs.ru_utime + programs.ru_stime
