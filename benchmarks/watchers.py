"""What 200 people who watch a running job in their browsers cost it."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import multiprocessing.connection
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlsplit

from benchmarks.measured_system import MeasuredSystem, Run, running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup

WATCHERS = 200
SPREAD_SECONDS = 2.0  # over which they begin to watch
ENDED = ("Completed", "Failed")


def run(setup: Setup) -> Result:
    thumbnails = setup.album.thumbnails(setup.number(500))
    with Origin("thumbnail", thumbnails) as origin, running(origin) as system:
        urls = origin.urls(setup.number(4000))
        rounds = [(system.job(urls), _watched_job(system, urls)) for _ in range(setup.repeats)]
    return Result(
        figures=[
            Figure(
                what=f"{len(urls)} thumbnails with {WATCHERS} watchers: images/s ÷ those without",
                value=median(watched[0].rate / alone.rate for alone, watched in rounds),
                at_least=0.95,
            )
        ],
        details=[
            f"API: {median(_cost(*each) for each in rounds):.2f} ms of process time a second and "
            "watcher.",
            f"Polls: {median(polls for _, (_, polls) in rounds):.0f} a second.",
        ],
    )


def _cost(alone: Run, watched: tuple[Run, float]) -> float:
    """The API's process time that a watcher costs a second, in milliseconds."""
    job, _ = watched
    return 1000 * (job.cpu["API"] - alone.cpu["API"]) / job.seconds / WATCHERS


def _watched_job(system: MeasuredSystem, urls: list[str]) -> tuple[Run, float]:
    """The job, and how many polls it got a second."""
    with _watchers(system.url) as watchers:
        job = system.job(urls, when_accepted=watchers.watch)
    return job, watchers.polls / job.seconds


class Watchers:
    """They are in a process of their own, which counts for none of the system's."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_watch_all, args=(url, theirs), daemon=True)
        self._process.start()
        self.polls = 0

    def watch(self, request_id: str) -> None:
        self._ours.send(request_id)

    def close(self) -> None:
        """Once all of them have seen that the request is completed."""
        self.polls = self._ours.recv()
        self._process.join()


@contextmanager
def _watchers(url: str) -> Iterator[Watchers]:
    made = Watchers(url)
    yield made
    made.close()


def _watch_all(url: str, pipe: multiprocessing.connection.Connection) -> None:
    threading.stack_size(256 * 1024)
    request_id = pipe.recv()
    with ThreadPoolExecutor(WATCHERS) as threads:
        polls = threads.map(lambda _: _watch(url, request_id), range(WATCHERS))
        pipe.send(sum(polls))


def _watch(url: str, request_id: str) -> int:
    """Polls as static/watch.js does: the first page until its images have ended, then counters."""
    time.sleep(random.uniform(0, SPREAD_SECONDS))  # noqa: S311
    path, etag, polls = f"/status/{request_id}", "", 0
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    while True:
        headers = {"If-None-Match": etag} if etag else {}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        except ConnectionError:  # it was kept alive for too long: as a browser does, another
            connection.close()
            continue
        body = answer.read()
        polls += 1
        if answer.status == 200:
            status, etag = json.loads(body), answer.headers["ETag"]
            if status["status"] == "Completed":
                return polls
            if all(image["status"] in ENDED for image in status["images"]) and "?" not in path:
                path, etag = f"{path}?limit=1", ""
        time.sleep(float(answer.headers["Retry-After"]))
