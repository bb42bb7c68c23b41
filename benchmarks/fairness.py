"""How long a small request takes behind large ones."""

from __future__ import annotations

from statistics import median

from benchmarks import charts
from benchmarks.measured_system import running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup

SMALL, LARGE, AHEAD = 10, 5_000, 5
TIMES = 5  # the ten images are sent; once in a quick run, where the large requests end soon


def run(setup: Setup) -> Result:
    large, times = setup.number(LARGE), 1 if setup.is_quick else TIMES
    with Origin("thumbnail", setup.album.thumbnails(200)) as origin, running(origin) as system:
        ten = origin.urls(SMALL)
        alone = [system.job(ten).seconds for _ in range(times)]
        ahead = [system.start(origin.urls(large)) for _ in range(AHEAD)]
        behind = [system.job(ten).seconds for _ in range(times)]
        left = [system.peek(request_id)["progress"]["pending"] for request_id in ahead]
        assert all(left), "a large request ended too soon"
    shown = {"alone": median(alone), f"behind {AHEAD} of {large:,}": median(behind)}
    what = f"{SMALL} images behind {AHEAD} requests of {large:,}: seconds ÷ those alone"
    return Result(
        figures=[Figure(what=what, value=median(behind) / median(alone), at_most=5)],
        details=[f"{name}: {seconds:.2f} s." for name, seconds in shown.items()],
        charts={"fairness": charts.bars(f"Seconds of a request of {SMALL} images", {"": shown})},
    )
