"""`verify`: whether rows, counters and files agree, and what can be mended of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

import settings
from commands.support import environment
from database import Database
from pipeline.unclaimed_files import remove_strays
from storage import OUTPUT_CSV, Storage, open_storage
from work_queue.consistency import Counted, counted_requests, is_known, output_names
from work_queue.statuses import Status

YOUNG = timedelta(hours=1)  # files may be there before their rows
MAX_SHOWN = 5  # names in one line


@click.command()
@click.option("--fix", "fixes", is_flag=True, help="Remove files that no request or image has.")
def verify(*, fixes: bool) -> None:
    """Say whether rows, counters and files agree; also while the service runs.

    Ends with the exit code 1 if something is wrong, or was.
    """
    chosen = settings.read(environment.load())
    db, storage = Database(chosen.database_url), open_storage(chosen)
    number = wrong = 0
    for request in counted_requests(db):
        number += 1
        for sentence in _faults(db, storage, request, fixes=fixes):
            wrong += 1
            print(f"{request.public_id}: {sentence}")
    for sentence in _strays(db, storage, fixes=fixes):
        wrong += 1
        print(sentence)
    print(f"{number} requests; {wrong or 'nothing'} wrong.")
    if wrong:
        raise SystemExit(1)


def _faults(db: Database, storage: Storage, request: Counted, *, fixes: bool) -> Iterator[str]:
    """What is wrong with a request; of one that is at work only what can't be a moment's."""
    if request.status is not Status.COMPLETED:
        return
    if request.counters != request.rows:
        counters, rows = _in_words(request.counters), _in_words(request.rows)
        yield f"its counters say {counters}, its images {rows}."
    there = set(storage.names(request.public_id))
    wanted = {OUTPUT_CSV, *output_names(db, request.id)}
    if missing := wanted - there:
        yield f"files are missing: {_listed(missing)}."
    if more := there - wanted:
        if fixes:
            remove_strays(db, storage, request, more)
        yield f"files that no image has: {_listed(more)}; {_done(fixes=fixes)}."


def _strays(db: Database, storage: Storage, *, fixes: bool) -> Iterator[str]:
    """Files of requests that are not there."""
    for stored in storage.requests():
        is_young = datetime.now(UTC) - stored.modified < YOUNG
        if is_young or db.read(is_known, stored.public_id):
            continue
        if fixes:
            storage.remove(stored.public_id)
        yield f"{stored.public_id}: files of a request that is not there; {_done(fixes=fixes)}."


def _done(*, fixes: bool) -> str:
    return "removed" if fixes else "FIX=1 removes them"


def _in_words(counters: tuple[int, ...]) -> str:
    total, completed, failed = counters
    return f"{completed} completed and {failed} failed of {total}"


def _listed(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:MAX_SHOWN])
    return shown if len(names) <= MAX_SHOWN else f"{shown} and {len(names) - MAX_SHOWN} more"
