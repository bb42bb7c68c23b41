"""500 slow clients of each kind, without and with the gateway: what everybody else notices.

python -m benchmarks.slow_clients [--number 500]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import requests

from benchmarks.processes import resident_mib, with_children
from settings import Settings
from tests.gateway import Gateway
from tests.slow_clients import KINDS, SlowClients
from tests.system import System, csv_of

NUMBER = 500
CALLS, PAUSE_SECONDS = 200, 0.02  # of /healthz, slower than the gateway's limit
UPLOAD = csv_of(*[(f"Product {n}", f"http://127.0.0.1:9/{n}.jpg") for n in range(1000)])
FILE_BYTES = 20 * 1024 * 1024  # of what slow readers ask for
GIVE_UP_SECONDS = 30
TITLES = ("slow clients", "p99", "upload", "memory", "gateway: p99", "upload", "memory")


@dataclass(frozen=True)
class Seen:
    """What other callers saw meanwhile; None: no answer."""

    p99_ms: float | None
    upload_seconds: float | None
    mib: float

    def cells(self) -> list[str]:
        times = (self.p99_ms, self.upload_seconds)
        shown = ["no answer" if each is None else f"{each:.2g}" for each in times]
        return [*shown, f"{self.mib:.0f}"]


class MeasuredSystem(System):
    """The system with its own defaults, on the embedded database."""

    def pids(self) -> list[int]:
        return with_children(self.pid("api"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_clients")
    parser.add_argument("--number", type=int, default=NUMBER)
    number = parser.parse_args().number
    without, behind = (dict(_seen(number, has_gateway=each)) for each in (False, True))
    print(f"{number} clients that send or read a byte a second. Beside them: the p99 of /healthz")
    print("in ms, an upload of 1,000 rows in s, and the memory in MiB:\n")
    _print_row(TITLES)
    _print_row(["---"] * len(TITLES))
    for kind, seen in without.items():
        _print_row([kind, *seen.cells(), *behind[kind].cells()])


def _print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |")


def _seen(number: int, *, has_gateway: bool) -> Iterator[tuple[str, Seen]]:
    with _serving(has_gateway) as (url, pids, path):
        yield "none", _look(url, pids())
        for kind in KINDS:
            with SlowClients(url, kind, number, path=path, trickle=True):
                yield kind, _look(url, pids())


@contextmanager
def _serving(has_gateway: bool) -> Iterator[tuple[str, Callable[[], list[int]], str]]:
    """Yields the URL of a system, the processes that serve it, and the path of a large file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        images, gateway = folder / "processed_images", Gateway(folder)
        path = _large_file(images)
        database = f"sqlite:///{folder}/bench.db"
        with MeasuredSystem(folder, database, PROCESSED_DIR=str(images)) as system:
            if not has_gateway:
                yield system.url, system.pids, path
                return
            limit = Settings().max_upload_bytes
            with gateway.serving(urlsplit(system.url).netloc, folder, max_upload_bytes=limit):
                yield gateway.url, lambda: [*system.pids(), *gateway.pids()], path


def _large_file(images: Path) -> str:
    file = images / str(uuid.uuid4()) / "1-1.bmp"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(FILE_BYTES))
    return f"/processed_images/{file.parent.name}/{file.name}"


def _look(url: str, pids: Sequence[int]) -> Seen:
    waits = [wait for _ in range(CALLS) if (wait := _paced(url)) is not None]
    upload = _seconds(
        lambda: requests.post(
            f"{url}/upload", files={"file": ("a.csv", UPLOAD)}, timeout=GIVE_UP_SECONDS
        )
    )
    p99 = 1000 * quantiles(waits, n=100)[98] if len(waits) == CALLS else None
    return Seen(p99_ms=p99, upload_seconds=upload, mib=resident_mib(pids))


def _paced(url: str) -> float | None:
    time.sleep(PAUSE_SECONDS)
    return _seconds(lambda: requests.get(f"{url}/healthz", timeout=GIVE_UP_SECONDS))


def _seconds(call: Callable[[], requests.Response]) -> float | None:
    """How long a call takes; None where it is refused, or not answered."""
    started = time.monotonic()
    with suppress(requests.RequestException):
        return time.monotonic() - started if call().ok else None
    return None


if __name__ == "__main__":
    main()
