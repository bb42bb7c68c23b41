"""Whoever lost a claim changes nothing, and nothing of it is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from database import Database
from tests.integration.conftest import Stores, completed, request_of
from tests.integration.test_queue import claim, finish_all, statuses, urls
from work_queue.claims import ClaimedImage, claim_images
from work_queue.completion import ClaimLost, claim_finished, complete_request, finished_images
from work_queue.expired_claims import count_crash, release_expired
from work_queue.models import Image, Request, Webhook
from work_queue.notifications import claim_webhook, record_attempt
from work_queue.outcomes import record_outcomes
from work_queue.request_changes import cancel, retry_failed
from work_queue.statuses import Status

pytestmark = pytest.mark.integration


@contextmanager
def taken_away(database: Database, table: str) -> Iterator[None]:
    """Inside, bob takes the claims of a table right before each statement that changes one."""

    def take(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(f"UPDATE {table}"):
            connection.connection.cursor().execute(f"UPDATE {table} SET claimed_by = 'bob'")  # noqa: S608

    sa.event.listen(database.engine, "before_cursor_execute", take)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", take)


def column(database: Database, column: Any) -> list[Any]:
    with database.reading.connect() as connection:
        return list(connection.scalars(sa.select(column)))


def test_an_outcome_is_not_recorded_for_another_s_claim(database: Database, store: Stores) -> None:
    public_id = store(*urls(2))
    images = claim(database)

    with taken_away(database, "images"):
        recorded = database.write(record_outcomes, "ann", [completed(each) for each in images])

    assert not recorded.ended_request
    assert [outcome.image for outcome in recorded.lost] == images

    assert statuses(database) == [Status.PROCESSING] * 2
    assert request_of(database, public_id).completed == 0


def test_an_outcome_of_an_earlier_attempt_is_not_recorded(
    database: Database, store: Stores
) -> None:
    """The worker's name is the same, the claim is another."""
    store(*urls(1))
    (late,) = claim(database, lease_seconds=0.05)
    time.sleep(0.1)
    database.write(release_expired, 3)
    (image,) = claim(database)
    database.write(record_outcomes, "ann", [completed(image)])
    with database.engine.begin() as tx:
        tx.execute(sa.update(Image).values(status=Status.PROCESSING, claimed_by="ann", attempts=2))

    database.write(record_outcomes, "ann", [completed(late)])

    assert statuses(database) == [Status.PROCESSING]


def test_an_image_that_was_claimed_anew_by_the_same_worker_is_counted_once(
    database: Database, store: Stores
) -> None:
    public_id = store(*urls(1))
    (stale,) = claim(database)
    assert cancel(database, public_id) == 1
    assert retry_failed(database, public_id) == 1
    (image,) = claim(database)

    database.write(record_outcomes, "ann", [completed(stale), completed(image)])

    request = request_of(database, public_id)
    assert (request.completed, request.failed, request.total) == (1, 0, 1)


def test_a_crash_is_not_counted_for_another_s_claim(database: Database, store: Stores) -> None:
    store(*urls(1))
    (image,) = claim(database)

    with taken_away(database, "images"):
        assert not database.write(count_crash, "ann", image)

    assert column(database, Image.crash_count) == [0]


def test_a_request_is_not_completed_with_another_s_claim(database: Database, store: Stores) -> None:
    store(*urls(1), webhook_url="http://a.example/hook")
    finish_all(database)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None

    with taken_away(database, "requests"):
        assert not database.write(complete_request, "ann", finished, 0)

    assert column(database, Request.completed_at) == [None]
    assert column(database, Webhook.id) == []


def test_an_output_csv_is_given_up_when_its_claim_is_lost(
    database: Database, store: Stores
) -> None:
    store(*urls(1))
    finish_all(database)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None

    with taken_away(database, "requests"), pytest.raises(ClaimLost):
        list(finished_images(database, "ann", finished, 60))


def test_an_attempt_is_not_recorded_for_another_s_webhook(
    database: Database, store: Stores
) -> None:
    store(*urls(1), webhook_url="http://a.example/hook")
    finish_all(database)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None
    database.write(complete_request, "ann", finished, 0)
    webhook = database.write(claim_webhook, "ann", lease_seconds=60)
    assert webhook is not None

    with taken_away(database, "webhooks"):
        database.write(
            record_attempt,
            "ann",
            webhook,
            status_code=200,
            duration_ms=1,
            error=None,
            retry_seconds=None,
        )

    assert column(database, Webhook.status) == [Status.PROCESSING]


def test_two_threads_on_one_batch_a_thousand_times_count_each_image_once(
    database: Database, store: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    public_id = store(*urls(2000))
    images: list[ClaimedImage] = []
    while claimed := database.write(claim_images, "ann", limit=200, lease_seconds=600):
        images += claimed
    both = threading.Barrier(2)

    def record() -> None:
        for start in range(0, 2000, 2):
            both.wait()
            batch = [completed(image) for image in images[start : start + 2]]
            database.write(record_outcomes, "ann", batch)

    in_two_threads(record)

    request = request_of(database, public_id)
    assert (request.completed, request.bytes_in) == (2000, 2000 * 100)
    assert not any("deadlock" in record.getMessage() for record in caplog.records)


def in_two_threads(work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def safely() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=safely) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
