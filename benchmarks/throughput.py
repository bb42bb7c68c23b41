"""Images a second, end to end, compared with the bare compression and two peers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks import charts, peers
from benchmarks.measured_system import MeasuredSystem, Run, running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup

Rounds = list[dict[str, Run]]
SYSTEM, COMPRESS, LOOP, PEER = "the system", "bare compress", "bare loop", "img2dataset"
GOALS = {  # at least, by case and peer
    ("photos, 0 ms", COMPRESS): 0.95,
    ("photos, 0 ms", LOOP): 0.65,
    ("photos, 0 ms", PEER): 1.0,
    ("photos, 300 ms", COMPRESS): 0.90,
    ("photos, 300 ms", LOOP): 3.5,
    ("photos, 300 ms", PEER): 1.0,
    ("thumbnails, 0 ms", COMPRESS): 0.75,
}


def run(setup: Setup) -> Result:
    photos = setup.album.photos(setup.number(60))
    thumbnails = setup.album.thumbnails(setup.number(500))
    found: dict[str, Rounds] = {}
    with Origin("photo", photos) as origin, running(origin) as system:
        for delay_ms in (0, 300):
            urls = origin.urls(setup.number(300), delay_ms=delay_ms)
            found[f"photos, {delay_ms} ms"] = _rounds(setup, system, photos, urls)
    with Origin("thumbnail", thumbnails) as origin, running(origin) as system:
        urls = origin.urls(setup.number(2000))
        found["thumbnails, 0 ms"] = _rounds(setup, system, thumbnails, urls)
    return Result(
        figures=[each for case, rounds in found.items() for each in _figures(case, rounds)],
        details=[_detail(case, rounds) for case, rounds in found.items()],
        charts={"throughput": _chart(found)},
    )


def _rounds(
    setup: Setup, system: MeasuredSystem, images: Sequence[bytes], urls: list[str]
) -> Rounds:
    return [_round(system, images, urls) for _ in range(setup.repeats)]


def _round(system: MeasuredSystem, images: Sequence[bytes], urls: list[str]) -> dict[str, Run]:
    runs = {
        SYSTEM: system.job(urls),
        COMPRESS: peers.bare_compress(images, len(urls)),
        LOOP: peers.bare_loop(system.origin, urls),
        PEER: peers.img2dataset(urls),
    }
    return {name: run for name, run in runs.items() if run}


def _figures(case: str, rounds: Rounds) -> list[Figure]:
    figures = [
        Figure(
            what=f"{rounds[0][SYSTEM].images} {case}: images/s ÷ those of {peer}",
            value=_ratio(rounds, SYSTEM, peer),
            at_least=GOALS.get((case, peer)),
        )
        for peer in rounds[0]
        if peer != SYSTEM
    ]
    what = f"{case}: process time of an image, {COMPRESS} ÷ all of the system"
    return [*figures, Figure(what=what, value=_share(rounds))]


def _share(rounds: Rounds) -> float:
    """The bare compression's share of the system's process time; other load hardly changes it."""
    return median(_cpu_ms(each[COMPRESS]) / _cpu_ms(each[SYSTEM]) for each in rounds)


def _cpu_ms(run: Run) -> float:
    return sum(run.cpu_ms.values())


def _ratio(rounds: Rounds, one: str, other: str) -> float:
    return median(each[one].rate / each[other].rate for each in rounds)


def _detail(case: str, rounds: Rounds) -> str:
    """The rates, and how the process time of an image is divided."""
    rates = ", ".join(f"{name} {median(r[name].rate for r in rounds):.3g}" for name in rounds[0])
    limit, whole = (median(_cpu_ms(r[name]) for r in rounds) for name in (COMPRESS, SYSTEM))
    by_part = [
        f"{part} {median(r[SYSTEM].cpu_ms[part] for r in rounds):.2f}"
        for part in rounds[0][SYSTEM].cpu
    ]
    return (
        f"{case}: images/s: {rates}. Process time of an image in ms: bare compress {limit:.2f}, "
        f"the system {whole:.2f} ({', '.join(by_part)})."
    )


def _chart(found: dict[str, Rounds]) -> str:
    groups = {
        case: {name: _ratio(rounds, name, COMPRESS) for name in rounds[0]}
        for case, rounds in found.items()
    }
    return charts.bars("Images a second, as multiples of the bare compression's", groups)
