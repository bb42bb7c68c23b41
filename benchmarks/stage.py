"""The whole system beside an origin, and one job on it with what it took."""

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

PROCESSES = 2  # of the worker, and of the peers: one a core
POLL_SECONDS = 0.5  # how long a job took is told by its own times, not by when a poll saw it
ALLOWANCE = 3600  # seconds, for a job to end

Seen = TypeVar("Seen")


@dataclass(frozen=True, kw_only=True)
class Run:
    """Some images worked through; ``cpu`` is process time in seconds, by who used it."""

    images: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    @property
    def cpu_ms(self) -> dict[str, float]:
        """Of one image, in milliseconds."""
        return {name: 1000 * spent / self.images for name, spent in self.cpu.items()}


class Stage(System):
    """The system with its own defaults, on an embedded database in a folder of its own."""

    def __init__(self, folder: Path, origin: Origin, **settings: str) -> None:
        self.origin = origin
        self.database_url = f"sqlite:///{folder}/bench.db"
        own = dict.fromkeys(QUICK, "") | {"ALLOWED_PRIVATE_HOSTS": origin.addresses} | settings
        super().__init__(folder, self.database_url, **own)

    def pids(self, name: str) -> list[int]:
        """Of the ``api`` or the ``worker``: the parent first, then its children."""
        return with_children(self._processes[name].pid)

    def job(self, urls: Sequence[str]) -> Run:
        """From the upload's answer until the request is completed, output CSV and all."""
        before = self._cpu()
        request_id = self.start(urls)
        answered_at = time.time()
        status = self.wait(request_id)
        assert not status["progress"]["failed"], "images failed"
        seconds = datetime.fromisoformat(status["completed_at"]).timestamp() - answered_at
        cpu = {name: spent - before[name] for name, spent in self._cpu().items()}
        return Run(images=len(urls), seconds=seconds, cpu=cpu)

    def start(self, urls: Sequence[str]) -> str:
        return self.accepted(csv_of_urls(urls))

    def wait(self, request_id: str) -> dict[str, Any]:
        """The status of the request when it is completed."""
        return waited_for(lambda: self.peek(request_id), lambda seen: bool(seen["completed_at"]))

    def peek(self, request_id: str) -> dict[str, Any]:
        """The status with hardly an image of its list, which costs the system least."""
        found: dict[str, Any] = self.get(f"/status/{request_id}?limit=1").json()
        return found

    def _cpu(self) -> dict[str, float]:
        parts = {"worker": self.pids("worker"), "API": self.pids("api")}
        spent = {name: cpu_seconds(pids) for name, pids in parts.items()}
        return spent | {"origin": cpu_seconds([self.origin.pid])}


def waited_for(look: Callable[[], Seen], is_done: Callable[[Seen], bool]) -> Seen:
    """What is seen when it is done; looks now and then."""
    gives_up_at = time.monotonic() + ALLOWANCE
    while not is_done(seen := look()):
        assert time.monotonic() < gives_up_at, f"the system has not finished within {ALLOWANCE} s"
        time.sleep(POLL_SECONDS)
    return seen


def csv_of_urls(urls: Sequence[str]) -> str:
    """A product for each."""
    return csv_of(*[(f"Product {number}", url) for number, url in enumerate(urls, start=1)])


@contextmanager
def running(
    origin: Origin, *, processes: int = PROCESSES, settings: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """The system, after a first job in which every process has made its connections."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Stage(Path(folder), origin, **(settings or {})) as stage,
    ):
        if processes != PROCESSES:
            stage.stop("worker")
            stage.start_worker(processes=processes)
        stage.job(origin.urls(8 * processes))
        yield stage
