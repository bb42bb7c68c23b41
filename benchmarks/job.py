"""Whole jobs on the whole system, as ratios within one run.

    python -m benchmarks.job throughput [FOLDER]   # beside a bare requests.get + save(quality=50)
    python -m benchmarks.job fairness [FOLDER]     # ten images behind two thousand, and alone

The pictures are the JPEG photos of FOLDER (samples/photos), as often as it takes. All runs on
loopback with two worker processes; the origin is a process of its own.
"""

from __future__ import annotations

import io
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import requests
from PIL import Image

import tables
from engine import Database
from tests.origin import Origin, content
from tests.system import ROOT, System, csv_of

PROCESSES = 2
REPEATS = 3


def serve(folder: Path, ready: Connection) -> None:
    """An origin with the pictures of a folder; tells its address, and ends when told to."""
    with Origin() as origin:
        pictures = [path for path in sorted(folder.iterdir()) if path.suffix != ".md"]
        ready.send(
            (origin.address, [origin.on(f"/{p.name}", content(p.read_bytes())) for p in pictures])
        )
        ready.recv()


@contextmanager
def running(folder: Path) -> Iterator[tuple[System, list[str]]]:
    """The system, and the URLs of the pictures that it may fetch."""
    here, there = multiprocessing.Pipe()
    origin = multiprocessing.Process(target=serve, args=(folder, there))
    origin.start()
    (host, port), urls = here.recv()
    with tempfile.TemporaryDirectory() as temporary:
        url = f"sqlite:///{temporary}/bench.db"
        tables.Base.metadata.create_all(Database(url).engine)
        settings = {
            "ALLOWED_PRIVATE_HOSTS": f"{host}:{port}",
            "SWEEP_SECONDS": "5",
            "LEASE_SECONDS": "30",
        }
        with System(Path(temporary), url, **settings) as system:
            job_seconds(system, urls[:PROCESSES])  # every process has made its connections
            yield system, urls
    here.send("end")
    origin.join()


def repeated(urls: list[str], number: int) -> list[str]:
    """That many different URLs of the same few pictures."""
    return [f"{urls[n % len(urls)]}?{n}" for n in range(number)]


def upload(system: System, urls: list[str]) -> str:
    return system.accepted(csv_of(*[(f"Product {n}", url) for n, url in enumerate(urls)]))


def wait(system: System, request_id: str) -> None:
    while system.get(f"/status/{request_id}?limit=1").json()["status"] != "Completed":
        time.sleep(0.02)


def job_seconds(system: System, urls: list[str]) -> float:
    started = time.monotonic()
    wait(system, upload(system, urls))
    return time.monotonic() - started


def bare_loop(urls: list[str]) -> None:
    with requests.Session() as session:
        for url in urls:
            picture = Image.open(io.BytesIO(session.get(url, timeout=60).content))
            picture.convert("RGB").save(io.BytesIO(), "JPEG", quality=50)


def bare_seconds(urls: list[str]) -> float:
    shares = [urls[n::PROCESSES] for n in range(PROCESSES)]
    started = time.monotonic()
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(bare_loop, shares, chunksize=1)
    return time.monotonic() - started


def throughput(folder: Path) -> None:
    with running(folder) as (system, pictures):
        urls = repeated(pictures, 300)
        ours, bare = [], []
        for _ in range(REPEATS):
            ours.append(job_seconds(system, urls))
            bare.append(bare_seconds(urls))
    ratio = statistics.median(b / o for o, b in zip(ours, bare, strict=True))
    print(f"300 images: {statistics.median(ours):.1f} s, bare loop {statistics.median(bare):.1f} s")
    print(f"images/s of ours ÷ those of the bare loop: {ratio:.2f}")


def fairness(folder: Path) -> None:
    with running(folder) as (system, pictures):
        ten = repeated(pictures, 10)
        alone = [job_seconds(system, ten) for _ in range(REPEATS)]
        large = upload(system, repeated(pictures, 2000))
        behind = [job_seconds(system, ten) for _ in range(REPEATS)]
        progress = system.get(f"/status/{large}?limit=1").json()["progress"]
        assert progress["pending"] > 0, "the large request ended too soon"
    alone_seconds, behind_seconds = statistics.median(alone), statistics.median(behind)
    print(f"10 images alone {alone_seconds:.2f} s, behind 2,000 {behind_seconds:.2f} s")
    print(f"behind ÷ alone: {behind_seconds / alone_seconds:.2f}")


if __name__ == "__main__":
    modes = {"throughput": throughput, "fairness": fairness}
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "samples" / "photos"
    modes[sys.argv[1]](folder)
