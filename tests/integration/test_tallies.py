"""Tallies: how fast the workers are of late, and which hosts fail with which codes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from database import Database
from pipeline.tally import MAX_FAILURES, Tally
from tests.integration.conftest import Stores, completed
from work_queue import tallies
from work_queue.claims import claim_images
from work_queue.models import Tally as TallyTable
from work_queue.outcomes import Outcome
from work_queue.sql_functions import utc_now
from work_queue.tallies import FailureRow, TallyRow

pytestmark = pytest.mark.integration
URL = "http://one.example/{}.jpg"


def count(database: Database, *rows: TallyRow, hours_ago: float = 0) -> None:
    """What a process counted some hours ago."""
    database.write(tallies.add_tallies, "ann", rows)
    database.write(_move, hours_ago)


def _move(tx: sa.Connection, hours: float) -> None:
    if hours:
        newest = sa.select(sa.func.max(TallyTable.counted_at)).scalar_subquery()
        tx.execute(
            sa.update(TallyTable)
            .where(TallyTable.counted_at == newest)
            .values(counted_at=utc_now(-3600 * hours))
        )


def test_failures_are_those_of_the_last_hour_first_and_of_the_hours_before(
    database: Database,
) -> None:
    count(database, TallyRow("slow.example", "timed_out", 9, 20), hours_ago=2)
    count(database, TallyRow("gone.example", "http_404", 2, 0), TallyRow("", "", 50, 0))
    count(database, TallyRow("gone.example", "http_404", 1, 3))

    assert database.read(tallies.find_failures) == [
        FailureRow("gone.example", "http_404", 3, 3, 3, 3),
        FailureRow("slow.example", "timed_out", 0, 0, 9, 20),
    ]


def test_what_is_older_than_the_hours_that_are_kept_is_removed(database: Database) -> None:
    count(database, TallyRow("gone.example", "http_404", 2, 0), hours_ago=7)
    assert database.read(tallies.find_failures) == []

    count(database, TallyRow("", "", 1, 0))

    with database.reading.connect() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(TallyTable)) == 1


def test_the_speed_is_that_of_the_last_minute(database: Database) -> None:
    count(database, TallyRow("", "", 600, 0), hours_ago=0.1)
    count(database, TallyRow("", "", 90, 0), TallyRow("gone.example", "http_404", 30, 5))

    assert database.read(tallies.images_per_second) == 2


def test_a_worker_is_seen_while_it_holds_images_and_for_minutes_after_it_ended_some(
    database: Database, store: Stores
) -> None:
    store(URL.format(1), URL.format(2))
    database.write(claim_images, "ben", limit=2, lease_seconds=60)
    count(database, TallyRow("", "", 7, 0))

    ann, ben = database.read(tallies.find_workers)

    assert (ann.worker, ann.at_work, ann.ended) == ("ann", 0, 7)
    assert (ben.worker, ben.at_work, ben.ended) == ("ben", 2, 0)


def test_a_process_records_what_it_counted_by_host_and_code(
    database: Database, store: Stores
) -> None:
    store(*(URL.format(n) for n in range(3)))
    images = database.write(claim_images, "ann", limit=3, lease_seconds=60)
    assert images
    tally = Tally(database, worker="ann")
    tally.count(
        [
            completed(images[0]),
            Outcome.failed(images[1], "http_404", "gone"),
            Outcome.retry(images[2], 1, "timed_out", "late"),
            Outcome.release(images[2]),
        ]
    )

    tally.record()
    tally.record()

    assert set(database.read(tallies.find_failures)) == {
        FailureRow("one.example", "http_404", 1, 0, 1, 0),
        FailureRow("one.example", "timed_out", 0, 1, 0, 1),
    }
    (ann,) = database.read(tallies.find_workers)
    assert ann.ended == 2


def test_a_thousand_failing_hosts_make_few_rows(database: Database, store: Stores) -> None:
    hosts = 3 * MAX_FAILURES
    store(*(f"http://h{n}.example/1.jpg" for n in range(hosts)))
    tally = Tally(database, worker="ann")
    for _ in range(hosts):
        images = database.write(claim_images, "ann", limit=1, lease_seconds=60)
        assert images
        tally.count([Outcome.failed(images[0], "http_404", "gone")])

    tally.record()

    found = database.read(tallies.find_failures)
    assert len(found) == MAX_FAILURES + 1
    assert found[0] == FailureRow("", "http_404", 2 * MAX_FAILURES, 0, 2 * MAX_FAILURES, 0)


@pytest.mark.parametrize(
    "read", [tallies.find_failures, tallies.images_per_second, tallies.find_workers]
)
def test_a_look_reads_the_rows_of_its_hours_alone(database: Database, read: Any) -> None:
    if not database.is_embedded:
        pytest.skip("SQLite's own EXPLAIN")
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "tallies" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    sa.event.listen(database.reading, "before_cursor_execute", explain)
    database.read(read)

    of_table = [plan for plan in plans if "tallies" in plan and "SUBQUERY" not in plan]
    assert of_table
    assert all("(counted_at>?)" in plan for plan in of_table), of_table
