"""One run: start, upload, let things happen, wait until all is settled, judge."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from database import Database
from tests.chaos.events import WORKERS, chosen, events_of, keep_running, let_happen
from tests.chaos.jobs import Users
from tests.chaos.judgement import Judgement, is_settled, judge
from tests.origin import Origin
from tests.system import ForkedSystem, System, eventually

JOBS = 4  # uploaded before anything happens
SETTLED_WITHIN = 300  # seconds; a change of many images that breaks off takes one minute
SETTINGS = {"DOWNLOAD_CONCURRENCY": "4"}  # so that the jobs take as long as the events


@dataclass(frozen=True, kw_only=True)
class Report:
    """What happened, what was found, and how long it took to be whole again."""

    events: int
    seconds: float
    judgement: Judgement


class ChaoticSystem(ForkedSystem):
    """An API and two workers, with a database and folders of their own."""

    def start_worker(self, name: str = "", *, processes: int = 2) -> None:
        """One of them, or both."""
        for each in (name,) if name else WORKERS:
            super().start_worker(each, processes=processes)


def run(folder: Path, *, events: int, images: int, seed: int, say: Callable[[str], None]) -> Report:
    """``images`` are those of all jobs that are there at the beginning."""
    chance, file = random.Random(seed), folder / "chaos.db"  # noqa: S311
    with Origin() as origin:
        host, port = origin.address
        settings = SETTINGS | {"ALLOWED_PRIVATE_HOSTS": f"{host}:{port}"}
        with ChaoticSystem(folder, f"sqlite:///{file}", **settings) as system:
            users = Users(system, origin, images // JOBS, random.Random(seed))  # noqa: S311
            for _ in range(JOBS):
                users.upload()
            happening = chosen(events_of(system, users, file, chance), events, chance)
            let_happen(happening, chance, say)
            ended_at = time.monotonic()
            wait_until_settled(system)
            seconds = time.monotonic() - ended_at
            judgement = judge(system, origin, users.jobs)
            return Report(events=len(happening), seconds=seconds, judgement=judgement)


def wait_until_settled(system: System) -> None:
    db = Database(system.database_url)

    def settled() -> bool:
        for name in WORKERS:
            keep_running(system, name)
        return db.read(is_settled)

    eventually(settled, within=SETTLED_WITHIN)
    db.close()
