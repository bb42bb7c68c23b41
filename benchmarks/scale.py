"""Twice the worker processes when the cores are no limit: every image is served after a second."""

from __future__ import annotations

from statistics import median

from benchmarks.measured_system import running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup

DELAY_MS = 1_000


def run(setup: Setup) -> Result:
    with (
        Origin("small", setup.album.small_ones(100)) as origin,
        running(origin, processes=2) as two,
        running(origin, processes=4) as four,
    ):
        urls = origin.urls(setup.number(320), delay_ms=DELAY_MS)
        rounds = [(two.job(urls).rate, four.job(urls).rate) for _ in range(setup.repeats)]
    what = f"four worker processes, origin at {DELAY_MS} ms: images/s ÷ those of two"
    return Result(
        figures=[Figure(what=what, value=median(b / a for a, b in rounds), at_least=1.8)],
        details=[
            f"{name}: {median(rates):.1f} images/s."
            for name, rates in zip(("Two", "Four"), zip(*rounds, strict=True), strict=True)
        ],
    )
