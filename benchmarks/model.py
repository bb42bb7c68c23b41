"""The load of 10, 100 and 1,000 worker processes on what they share: a model, not a measurement.

python -m benchmarks.model prints the tables of docs/running-big.md.

The figures of one process were measured or counted on running code (the page says how). Those of
``Assumed`` were not, and are options of the command. The processes are simulated: each claims,
compresses and records with the batch sizes and waits of the real code. They wait for one lock: the
row of a request, which every batch of outcomes updates; a claim updates it too if it is free.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from heapq import heappop, heappush
from itertools import count

from pipeline.claiming import MAX_CLAIMED, REFILL_SECONDS
from pipeline.result_writer import BATCH, FLUSH_SECONDS, MAX_WAITING
from settings import Settings
from storage.bucket import MAX_UPLOADS

PROCESSES = (10, 100, 1_000)
REQUESTS = (1, 10, 100)
WARM_UP, SECONDS = 20.0, 20.0  # simulated; only what is recorded after the warm-up counts
CHECKS = 10  # of a result writer that waits for a full batch, in one FLUSH_SECONDS
WINDOW = Settings.download_concurrency

RECORD_STATEMENTS = 3  # counted, for any number of requests in a batch
OVERHEAD = (6, 4)  # statements, transactions in SWEEP_SECONDS that are not for images
CONNECTIONS = 3  # counted, to the database: two that write, and one that reads


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What we have not measured: it needs Microsoft's SQL Server and a cloud's bucket."""

    hold_ms: float = 2.0  # a row's lock: the update, a round trip, the commit
    statement_ms: float = 0.5  # of the server's CPU
    round_trip_ms: float = 0.5  # to the database
    put_ms: float = 50.0  # of one small object into a bucket


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of images, and what one of them costs a process."""

    name: str
    cpu_ms: float
    kb_in: float
    kb_out: float
    fetch_ms: float = 0.0
    max_claimed: int = MAX_CLAIMED
    of_claim: tuple[int, int] = (3, 1)  # statements, transactions

    @property
    def claimed(self) -> int:
        """Images of one claim, as pipeline/claiming.py chooses it."""
        return round(min(max(1000 * REFILL_SECONDS / self.cpu_ms, 1), self.max_claimed))


KINDS = (
    Kind(name="thumbnails", cpu_ms=3.6, kb_in=36, kb_out=16),
    Kind(
        name="thumbnails of one host, 150 ms away",
        cpu_ms=5.1,
        kb_in=36,
        kb_out=16,
        fetch_ms=150,
        max_claimed=10,
        of_claim=(4, 2),  # the first looks for other hosts
    ),
    Kind(name="photos", cpu_ms=86, kb_in=1_708, kb_out=738),
)


# --- the simulation ---------------------------------------------------------------------------


@dataclass(eq=False)
class Row:
    """A request's row: locked by one transaction at a time, first come, first served."""

    number: int
    served_at: float = 0.0
    is_locked: bool = False
    waiting: deque[Step] = field(default_factory=deque)


Step = Generator["float | Row", None, None]  # yields seconds to sleep, or a row to lock


@dataclass
class Seen:
    """What happened after the warm-up."""

    images: int = 0
    statements: int = 0
    transactions: int = 0


class Simulation:
    """Worker processes that work on requests without end."""

    def __init__(self, kind: Kind, assumed: Assumed, *, processes: int, requests: int) -> None:
        self.kind, self.assumed = kind, assumed
        self.rows = [Row(number) for number in range(requests)]
        self.seen = Seen()
        self.now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Step]] = []
        for number in range(processes):
            worker = Worker(self)
            starts_at = WARM_UP / 2 * number / processes
            self._resume(worker.main(), starts_at)
            self._resume(worker.result_writer(), starts_at)

    def run(self) -> Seen:
        while self._due and self.now < WARM_UP + SECONDS:
            self.now, _, step = heappop(self._due)
            wanted = next(step)
            if isinstance(wanted, Row):
                self._lock(wanted, step)
            else:
                self._resume(step, wanted)
        return self.seen

    def count_commit(self, *, statements: int, transactions: int = 1, images: int = 0) -> None:
        """Count a commit, after the warm-up."""
        if self.now > WARM_UP:
            self.seen.transactions += transactions
            self.seen.statements += statements
            self.seen.images += images

    def unlock(self, row: Row) -> None:
        row.is_locked = bool(row.waiting)
        if row.waiting:
            self._resume(row.waiting.popleft(), 0)

    def _lock(self, row: Row, step: Step) -> None:
        if row.is_locked:
            row.waiting.append(step)
        else:
            row.is_locked = True
            self._resume(step, 0)

    def _resume(self, step: Step, seconds: float) -> None:
        heappush(self._due, (self.now + seconds, next(self._order), step))


class Worker:
    """One process: its main thread claims and compresses, its result writer saves and records."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._kind = simulation, simulation.kind
        self._hold = simulation.assumed.hold_ms / 1000
        self._put = simulation.assumed.put_ms / 1000
        self._statement = (
            simulation.assumed.statement_ms + simulation.assumed.round_trip_ms
        ) / 1000
        self._claimed: deque[Row] = deque()
        self._posted: deque[Row] = deque()

    def main(self) -> Step:
        arrived_at, fetch = 0.0, self._kind.fetch_ms / 1000
        while True:
            if len(self._claimed) < WINDOW:
                yield from self._claim()
            # Downloads continue while this thread is busy, so a window of them can arrive at once.
            arrived_at = max(arrived_at, self._simulation.now - fetch) + fetch / WINDOW
            yield max(arrived_at - self._simulation.now, 0) + self._kind.cpu_ms / 1000
            while len(self._posted) >= MAX_WAITING:
                yield FLUSH_SECONDS / CHECKS
            self._posted.append(self._claimed.popleft())

    def _claim(self) -> Step:
        statements, transactions = self._kind.of_claim
        yield self._statement
        row = min(self._simulation.rows, key=lambda each: each.served_at)
        yield self._statement * (statements - 2)
        if not row.is_locked:  # otherwise it is skipped: another process serves it
            yield row
            yield self._hold
            row.served_at = self._simulation.now
            self._simulation.unlock(row)
        self._simulation.count_commit(statements=statements, transactions=transactions)
        self._claimed += [row] * self._kind.claimed

    def result_writer(self) -> Step:
        while True:
            for _ in range(CHECKS):
                if len(self._posted) < BATCH:
                    yield FLUSH_SECONDS / CHECKS
            batch = [self._posted.popleft() for _ in range(min(BATCH, len(self._posted)))]
            if batch:
                yield self._put * -(-len(batch) // MAX_UPLOADS)
                yield from self._record(batch)

    def _record(self, batch: Sequence[Row]) -> Step:
        yield self._statement * (RECORD_STATEMENTS - 1)
        rows = sorted(set(batch), key=lambda row: row.number)
        for row in rows:
            yield row
            yield self._hold / len(rows)
        for row in rows:
            self._simulation.unlock(row)
        self._simulation.count_commit(statements=RECORD_STATEMENTS, images=len(batch))


# --- the tables -------------------------------------------------------------------------------


def alone(kind: Kind, assumed: Assumed) -> Seen:
    """One process that shares nothing with others."""
    return Simulation(kind, assumed, processes=1, requests=1).run()


def contention(kind: Kind, assumed: Assumed) -> Iterator[list[str]]:
    """Images a second by number of requests, and their share of what the processes could do."""
    could_do = alone(kind, assumed).images / SECONDS
    for processes in PROCESSES:
        cells = [kind.name, f"{processes:,}", f"{could_do * processes:,.0f}"]
        for requests in REQUESTS:
            seen = Simulation(kind, assumed, processes=processes, requests=requests).run()
            rate = seen.images / SECONDS
            cells.append(f"{rate:,.0f} ({min(rate / could_do / processes, 1):.0%})")
        yield cells


def shared(kind: Kind, assumed: Assumed) -> Iterator[list[str]]:
    """What the processes ask for a second when nothing delays them."""
    seen = alone(kind, assumed)
    images, statements, transactions = (
        count / SECONDS + overhead / Settings.sweep_seconds
        for count, overhead in zip(
            (seen.images, seen.statements, seen.transactions), (0, *OVERHEAD), strict=True
        )
    )
    for processes in PROCESSES:
        yield [
            kind.name,
            f"{processes:,}",
            f"{images * processes:,.0f}",
            f"{transactions * processes:,.0f}",
            f"{statements * processes:,.0f}",
            f"{statements * processes * assumed.statement_ms / 1000:,.1f}",
            f"{CONNECTIONS * processes:,}",
            f"{images * processes * kind.kb_in * 8 / 1e6:,.1f}",
            f"{images * processes * kind.kb_out * 8 / 1e6:,.1f}",
        ]


def table(head: Sequence[str], of_kind: Callable[[Kind], Iterable[list[str]]]) -> str:
    """The rows of all kinds in Markdown."""
    rows = [list(head), ["---"] * len(head), *(row for kind in KINDS for row in of_kind(kind))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model")
    for each in fields(Assumed):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, default=each.default)
    assumed = Assumed(**vars(parser.parse_args()))
    print(table(SHARED, lambda kind: shared(kind, assumed)), end="\n\n")
    print(table(CONTENTION, lambda kind: contention(kind, assumed)))


SHARED = (
    *("images", "processes", "images/s", "transactions/s", "statements/s", "server cores"),
    *("connections", "Gbit/s in", "Gbit/s out"),
)
CONTENTION = ("images", "processes", "could do", *(f"requests at once: {n}" for n in REQUESTS))


if __name__ == "__main__":
    main()
