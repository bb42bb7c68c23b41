"""A small request behind large ones."""

from __future__ import annotations

from statistics import median

from benchmarks import charts
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from benchmarks.stage import running

SMALL, LARGE, AHEAD = 10, 5_000, 5
TIMES = 5  # of the ten images; once in a quick run, where the large ones end soon


def run(setup: Setup) -> Result:
    large, times = setup.number(LARGE), 1 if setup.is_quick else TIMES
    with Origin("thumbnail", setup.album.thumbnails(200)) as origin, running(origin) as stage:
        ten = origin.urls(SMALL)
        alone = [stage.job(ten).seconds for _ in range(times)]
        ahead = [stage.start(origin.urls(large)) for _ in range(AHEAD)]
        behind = [stage.job(ten).seconds for _ in range(times)]
        left = [stage.peek(request_id)["progress"]["pending"] for request_id in ahead]
        assert all(left), "a large request ended too soon"
    shown = {"alone": median(alone), f"behind {AHEAD} of {large:,}": median(behind)}
    what = f"{SMALL} images behind {AHEAD} requests of {large:,}: seconds ÷ those alone"
    return Result(
        figures=[Figure(what=what, value=median(behind) / median(alone), at_most=5)],
        details=[f"{name}: {seconds:.2f} s." for name, seconds in shown.items()],
        charts={"fairness": charts.bars(f"Seconds of a request of {SMALL} images", {"": shown})},
    )
