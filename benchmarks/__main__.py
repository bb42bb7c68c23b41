"""Measure the system and write docs/figures.md.

python -m benchmarks [--only throughput,growth] [--quick] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from benchmarks import (
    bucket,
    fairness,
    gallery,
    growth,
    scale,
    slow_host,
    status,
    throughput,
    upload,
    victim,
    watchers,
)
from benchmarks.album import Album
from benchmarks.report import QUICK_WARNING, ROOT, FiguresPage, table
from benchmarks.setup import Setup

BENCHMARKS = {
    "throughput": throughput.run,
    "growth": growth.run,
    "upload": upload.run,
    "status": status.run,
    "watchers": watchers.run,
    "gallery": gallery.run,
    "fairness": fairness.run,
    "slow_host": slow_host.run,
    "scale": scale.run,
    "victim": victim.run,
    "bucket": bucket.run,
}


def main() -> None:
    chosen = _arguments()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("The benchmarks read /proc, so they need Linux.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the programs that were started
    setup = Setup(Album(chosen.photos), chosen.quick)
    folder = ROOT / ("benchmarks/.quick" if chosen.quick else "docs") / "figures"
    page = FiguresPage(folder, list(BENCHMARKS), is_quick=chosen.quick)
    if chosen.quick:
        print(QUICK_WARNING)
    for name in chosen.only:
        started = time.monotonic()
        print(f"\n{name} …", flush=True)
        result = BENCHMARKS[name](setup)
        took = f"({name} took {time.monotonic() - started:.0f} s)"
        print(table(result.figures), *result.details, took, sep="\n", flush=True)
        page.add(name, result)
    print(f"\n{page.summary()} Written: {page.file}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", type=_names, default=list(BENCHMARKS), metavar="NAME,NAME")
    parser.add_argument("--quick", action="store_true", help="a smoke test of a few minutes")
    parser.add_argument("--photos", type=Path, default=ROOT / "samples" / "photos")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - BENCHMARKS.keys():
        raise argparse.ArgumentTypeError(
            f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    return names


if __name__ == "__main__":
    main()
