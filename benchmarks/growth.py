"""What an image costs in time and memory as requests grow."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks import charts
from benchmarks.measured_system import MeasuredSystem, Run, running
from benchmarks.origin import Origin
from benchmarks.processes import peak_mib
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup

SIZES = {1_000: 5, 10_000: 3, 100_000: 1}  # images: repeats; the last takes minutes


@dataclass(frozen=True, kw_only=True)
class Step:
    """Requests of one size; ``peaks`` are the processes' peak memory since their start, in MiB."""

    images: int
    seconds: float  # of an image
    cpu_ms: float  # of an image
    peaks: dict[str, float]


def run(setup: Setup) -> Result:
    unlimited = {"HOST_REQUESTS_PER_SECOND": "1000000"}  # or it would measure this limit
    with (
        Origin("small", setup.album.small_ones(500)) as origin,
        running(origin, settings=unlimited) as system,
    ):
        steps = [
            _step(system, setup.number(images), repeats=1 if setup.is_quick else repeats)
            for images, repeats in SIZES.items()
        ]
    return Result(
        figures=_figures(steps),
        details=[_detail(step) for step in steps],
        charts={"growth": _chart(steps)},
    )


def _step(system: MeasuredSystem, images: int, *, repeats: int) -> Step:
    runs: list[Run] = [system.job(system.origin.urls(images)) for _ in range(repeats)]
    return Step(
        images=images,
        seconds=median(run.seconds / run.images for run in runs),
        cpu_ms=median(sum(run.cpu_ms.values()) for run in runs),
        peaks={name: peak_mib(system.pids(name)[1:]) for name in ("worker", "api")},
    )


def _figures(steps: list[Step]) -> list[Figure]:
    first, last = steps[0], steps[-1]
    times = [
        Figure(
            what=f"seconds of an image, of {step.images:,} ÷ of {first.images:,}",
            value=step.seconds / first.seconds,
            at_most=1.1,
        )
        for step in steps[1:]
    ]
    process_time = Figure(
        what=f"process time of an image, of {last.images:,} ÷ of {first.images:,}",
        value=last.cpu_ms / first.cpu_ms,
    )
    memory = [
        Figure(
            what=f"peak memory of the largest {name} process, {last.images:,} ÷ {first.images:,}",
            value=peak / first.peaks[name],
            at_most=1.15,
        )
        for name, peak in last.peaks.items()
    ]
    return [*times, process_time, *memory]


def _detail(step: Step) -> str:
    return (
        f"{step.images:,} images: {1000 * step.seconds:.2f} ms and {step.cpu_ms:.2f} ms of process "
        f"time each; peaks: worker {step.peaks['worker']:.0f} MiB, API {step.peaks['api']:.0f} MiB."
    )


def _chart(steps: list[Step]) -> str:
    first = steps[0]
    series = {
        "seconds of an image": [step.seconds / first.seconds for step in steps],
        "memory, worker": [step.peaks["worker"] / first.peaks["worker"] for step in steps],
        "memory, API": [step.peaks["api"] / first.peaks["api"] for step in steps],
    }
    title = f"By number of images, as multiples of those at {first.images:,}"
    return charts.lines(title, [step.images for step in steps], series)
