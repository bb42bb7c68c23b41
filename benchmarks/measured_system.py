"""The whole system with an image server, and how long a job on it takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.origin import Origin
from benchmarks.processes import cpu_seconds, with_children
from tests.system import QUICK, System, csv_of

PROCESSES = 2  # of the worker, and of each peer: one a core
POLL_SECONDS = 0.5  # a job's duration comes from its own timestamps, not from the polls
MAX_JOB_SECONDS = 3600  # until a job must have ended

Seen = TypeVar("Seen")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A number of processed images; ``cpu`` is process time in seconds by program."""

    images: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    @property
    def cpu_ms(self) -> dict[str, float]:
        """The process time of one image in milliseconds, by program."""
        return {name: 1000 * spent / self.images for name, spent in self.cpu.items()}


class MeasuredSystem(System):
    """The system with its own defaults, on an embedded database in a folder of its own."""

    def __init__(self, folder: Path, origin: Origin, **settings: str) -> None:
        self.origin = origin
        self.database_url = f"sqlite:///{folder}/bench.db"
        own = dict.fromkeys(QUICK, "") | {"ALLOWED_PRIVATE_HOSTS": origin.addresses} | settings
        super().__init__(folder, self.database_url, **own)

    def pids(self, name: str) -> list[int]:
        """The pids of the ``api`` or the ``worker``: the parent first, then its children."""
        return with_children(self.pid(name))

    def job(
        self, urls: Sequence[str], *, when_accepted: Callable[[str], object] = lambda _: None
    ) -> Run:
        """Run a job; its time is from the upload's response until its output CSV is written."""
        before = self._cpu()
        request_id = self.start(urls)
        accepted_at = time.time()
        when_accepted(request_id)
        status = self.wait(request_id)
        assert not status["progress"]["failed"], "images failed"
        seconds = datetime.fromisoformat(status["completed_at"]).timestamp() - accepted_at
        cpu = {name: spent - before[name] for name, spent in self._cpu().items()}
        return Run(images=len(urls), seconds=seconds, cpu=cpu)

    def start(self, urls: Sequence[str]) -> str:
        return self.accepted(csv_of_urls(urls))

    def wait(self, request_id: str) -> dict[str, Any]:
        """The status of the request, once it is completed."""
        return wait_until(lambda: self.peek(request_id), lambda seen: bool(seen["completed_at"]))

    def peek(self, request_id: str) -> dict[str, Any]:
        """The status with one image of its list, which costs the system least."""
        found: dict[str, Any] = self.get(f"/status/{request_id}?limit=1").json()
        return found

    def _cpu(self) -> dict[str, float]:
        parts = {"worker": self.pids("worker"), "API": self.pids("api")}
        spent = {name: cpu_seconds(pids) for name, pids in parts.items()}
        return spent | {"origin": cpu_seconds([self.origin.pid])}


def wait_until(look: Callable[[], Seen], is_done: Callable[[Seen], bool]) -> Seen:
    """What ``look`` returns when ``is_done`` holds for it; polls every POLL_SECONDS."""
    gives_up_at = time.monotonic() + MAX_JOB_SECONDS
    while not is_done(seen := look()):
        assert time.monotonic() < gives_up_at, f"the job took over {MAX_JOB_SECONDS} s"
        time.sleep(POLL_SECONDS)
    return seen


def csv_of_urls(urls: Sequence[str]) -> str:
    """A CSV with one product for each URL."""
    return csv_of(*[(f"Product {number}", url) for number, url in enumerate(urls, start=1)])


@contextmanager
def running(
    origin: Origin, *, processes: int = PROCESSES, settings: Mapping[str, str] | None = None
) -> Iterator[MeasuredSystem]:
    """Start the system and run a first job, in which every process makes its connections."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        MeasuredSystem(Path(folder), origin, **(settings or {})) as system,
    ):
        if processes != PROCESSES:
            system.stop("worker")
            system.start_worker(processes=processes)
        system.job(origin.urls(8 * processes))
        yield system
