"""`make chaos`: random faults and user actions on a service of its own, and what came of them."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, run

HEAD = (
    "events",
    "images",
    "lost",
    "doubled",
    "left behind",
    "disagreements",
    "cut short",
    "s to recover",
)


def main() -> None:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the programs that were started
    print(f"seed {asked.seed}")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = run(folder, events=asked.events, images=asked.images, seed=asked.seed, say=_say)
    print("\n".join(_table(report)))
    if not report.judgement.is_good:
        raise SystemExit(f"Its database, files and log are kept in {folder}")
    shutil.rmtree(folder)


def _table(report: Report) -> list[str]:
    found = report.judgement
    lists = (
        *(found.lost, found.doubled, found.left_behind, found.disagreements),
        found.cut_short,
    )
    cells = (report.events, found.images, *map(len, lists), round(report.seconds, 1))
    return [
        *(sentence for each in lists for sentence in each),
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        f"| {' | '.join(map(str, cells))} |",
    ]


def _say(words: str) -> None:
    print(f"  {words}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))  # noqa: S311
    parser.add_argument("--events", type=int, default=38)
    parser.add_argument("--images", type=int, default=1_200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
