"""What may happen to a service: faults of its parts, and what users do at the same time."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos.jobs import Users
from tests.system import System, eventually

WORKERS = ("worker-1", "worker-2")
USERS = ("user", "another user")
LONGEST_PAUSE = 3.0  # seconds between two events
AWAY = (1.0, 5.0)  # seconds for which a part is away


@dataclass(frozen=True)
class Event:
    """Something that happens to one part; each part has a thread, so parts fail at once."""

    name: str
    part: str
    happens: Callable[[], None]


def chosen(events: Sequence[Event], number: int, chance: random.Random) -> list[Event]:
    """So many in a random order, each as often as the others."""
    rounds = -(-number // len(events))
    return [event for _ in range(rounds) for event in chance.sample(events, len(events))][:number]


def keep_running(system: System, name: str) -> None:
    """Start a worker again that has ended by itself, as a supervisor does.

    Celery gives up one that loses a child at its start.
    """
    if system.has_ended(name):
        system.start_worker(name)


def let_happen(events: Sequence[Event], chance: random.Random, say: Callable[[str], None]) -> None:
    """All of them, and return when the last one is over."""
    with ExitStack() as stack:
        parts = {
            part: stack.enter_context(ThreadPoolExecutor(1, part))
            for part in {event.part for event in events}
        }
        under_way: list[Future[None]] = []
        for event in events:
            time.sleep(chance.uniform(0, LONGEST_PAUSE))
            say(event.name)
            under_way.append(parts[event.part].submit(event.happens))
        for each in under_way:
            each.result()


def events_of(system: System, users: Users, database: Path, chance: random.Random) -> list[Event]:
    """Every event there is."""
    faults = Faults(system, database, chance)
    of_workers = [
        Event(f"{words} of {name}", name, partial(fault, name))
        for name in WORKERS
        for words, fault in (
            ("kill -9 of a child", faults.kill_worker_child),
            ("kill -9 of the parent", faults.kill_worker_parent),
            ("kill -9 of all", faults.kill_worker),
        )
    ]
    return [
        *of_workers,
        Event("kill -9 of a child of the API", "api", faults.kill_api_child),
        Event("kill -9 of the API", "api", faults.kill_api),
        Event("Redis stands still", "redis", faults.freeze_redis),
        Event("kill -9 of Redis", "redis", faults.kill_redis),
        Event("FLUSHALL", "redis", system.redis.empty),
        Event("the database is locked", "database", faults.lock_database),
        Event("an upload", "user", users.upload),
        *[Event("a cancel", user, users.cancel) for user in USERS],
        *[Event("a retry", user, users.retry) for user in USERS],
        Event("a delete", "another user", users.delete),
        Event("a notification again", "another user", users.notify_again),
    ]


@dataclass(frozen=True)
class Faults:
    """What goes wrong with the parts of a system; each is whole again at the end."""

    system: System
    database: Path
    chance: random.Random

    def kill_worker_child(self, name: str) -> None:
        self._kill_one(lambda: self._kept_running(name))

    def kill_worker_parent(self, name: str) -> None:
        self.system.kill_parent(name)
        self.system.start_worker(name)

    def kill_worker(self, name: str) -> None:
        self.system.kill(name)
        self._pause()
        self.system.start_worker(name)

    def kill_api_child(self) -> None:
        self._kill_one(self.system.api_processes)

    def kill_api(self) -> None:
        self.system.kill("api")
        self._pause()
        self.system.start_api()

    def freeze_redis(self) -> None:
        self.system.redis.signal(signal.SIGSTOP)
        self._pause()
        self.system.redis.signal(signal.SIGCONT)

    def kill_redis(self) -> None:
        self.system.redis.stop()
        self._pause()
        self.system.redis.start()

    def lock_database(self) -> None:
        """Nobody else may write meanwhile."""
        with closing(sqlite3.connect(self.database, timeout=60, isolation_level=None)) as tx:
            tx.execute("BEGIN IMMEDIATE")
            self._pause()
            tx.execute("ROLLBACK")

    def _kept_running(self, name: str) -> list[int]:
        keep_running(self.system, name)
        return self.system.worker_processes(name)

    def _kill_one(self, pids: Callable[[], list[int]]) -> None:
        """Of a program that may just be starting."""
        pid = self.chance.choice(eventually(pids))
        with suppress(ProcessLookupError):  # it has just gone
            os.kill(pid, signal.SIGKILL)

    def _pause(self) -> None:
        time.sleep(self.chance.uniform(*AWAY))
