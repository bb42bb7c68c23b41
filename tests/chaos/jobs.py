"""What the users of a run upload and ask for, and what has to come of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import requests

from tests.conftest import photo
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of

PHOTOS = 100  # from 80 to 872 pixels wide, each at many URLs
SLOWEST = 0.6  # seconds that a photo takes to come
URLS_A_ROW = 3
DEAD, TWICE = 0.05, 0.1  # of the URLs


@dataclass
class Job:
    """An upload, and what its user has asked for since."""

    number: int
    urls: list[str]
    dead: frozenset[str]
    request_id: str = ""
    asked_to_cancel: bool = False
    asked_to_delete: bool = False


@dataclass
class Users:
    """They upload jobs, and change them; the API may be away at any moment."""

    system: System
    origin: Origin
    images: int  # of one job
    random: random.Random
    jobs: list[Job] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for number in range(PHOTOS):
            picture = photo(number, width=80 + 8 * number, height=60 + 6 * number)
            delay = self.random.uniform(0, SLOWEST)
            self.origin.on(f"/photo-{number}.jpg", content(picture, delay=delay))

    def upload(self) -> None:
        """A new job, with a receiver that refuses the first message and every other one."""
        with self._lock:
            job = self._new_job()
            self.jobs.append(job)
        refused, taken = content(status=503), content()
        hook = self.origin.on(f"/hook-{job.number}", *[refused, taken] * 20)
        rows = [job.urls[at : at + URLS_A_ROW] for at in range(0, len(job.urls), URLS_A_ROW)]
        csv = csv_of(*((f"Product {n}", *urls) for n, urls in enumerate(rows)))
        job.request_id = self._accepted(job, csv, hook)

    def cancel(self) -> None:
        job = self._any_job()
        job.asked_to_cancel = True
        self._ask("POST", f"/requests/{job.request_id}/cancel")

    def retry(self) -> None:
        self._ask("POST", f"/requests/{self._any_job().request_id}/retry")

    def delete(self) -> None:
        job = self._any_job()
        job.asked_to_delete = True
        self._ask("DELETE", f"/requests/{job.request_id}")

    def notify_again(self) -> None:
        self._ask("POST", f"/requests/{self._any_job().request_id}/webhook")

    def _new_job(self) -> Job:
        number = len(self.jobs)
        urls = list(self._urls(number))
        return Job(number, urls, frozenset(url for url in urls if "/dead-" in url))

    def _urls(self, number: int) -> Iterator[str]:
        seen: list[str] = []
        for at in range(self.images):
            if seen and self.random.random() < TWICE:
                yield self.random.choice(seen)
                continue
            name = "dead-0" if self.random.random() < DEAD else f"photo-{at % PHOTOS}"
            seen.append(self.origin.url(f"/{name}.jpg?job={number}&image={at}"))
            yield seen[-1]

    def _accepted(self, job: Job, csv: str, hook: str) -> str:
        """As a careful client: again, with the same key, until there is an answer."""
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            answer = self._ask(
                "POST",
                "/upload",
                files={"file": ("products.csv", csv)},
                data={"webhook_url": hook},
                headers={"Idempotency-Key": f"job-{job.number}"},
            )
            if answer is not None and answer.status_code == 202:
                return str(answer.json()["request_id"])
            time.sleep(0.2)
        raise AssertionError(f"job {job.number} was not accepted within {PATIENCE} s")

    def _any_job(self) -> Job:
        with self._lock:
            there = [job for job in self.jobs if job.request_id and not job.asked_to_delete]
            return self.random.choice(there or self.jobs)

    def _ask(self, method: str, path: str, **options: object) -> requests.Response | None:
        """The response; None where the API was away, or went away meanwhile."""
        try:
            return requests.request(
                method,
                f"{self.system.url}{path}",
                timeout=PATIENCE,
                **options,  # type: ignore[arg-type]
            )
        except requests.RequestException:
            return None
