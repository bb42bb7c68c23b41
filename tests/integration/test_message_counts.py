"""How many messages to the database each step takes: statements, and the commit of a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from app import create_app
from database import Database
from settings import Settings
from tests.integration.conftest import Stores, completed
from tests.integration.test_queue import claim, urls
from work_queue.claims import claim_images, renew_claims, work_is_due
from work_queue.outcomes import TIMED_OUT, Outcome, record_outcomes

pytestmark = pytest.mark.integration
Counts = Callable[[Callable[[], Any]], int]


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements inside, and COMMIT for each transaction that wrote."""
    messages: list[str] = []
    engines = {database.engine, database.reading}

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement != "BEGIN IMMEDIATE":  # SQLite's; SQL Server begins with the first statement
            messages.append(statement)

    def note_commit(_: Any) -> None:
        messages.append("COMMIT")

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    sa.event.listen(database.engine, "commit", note_commit)
    yield messages
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", note)
    sa.event.remove(database.engine, "commit", note_commit)


def test_a_claim_takes_four(database: Database, store: Stores) -> None:
    store(*urls(3))

    with counted(database) as messages:
        assert database.write(claim_images, "ann", limit=3, lease_seconds=60)

    assert len(messages) == 4, messages


def test_a_claim_that_finds_nothing_takes_two(database: Database) -> None:
    with counted(database) as messages:
        assert database.write(claim_images, "ann", limit=3, lease_seconds=60) is None

    assert len(messages) == 2, messages


def test_a_batch_of_outcomes_takes_four_whatever_its_size(
    database: Database, store: Stores
) -> None:
    store(*urls(20), *urls(2))
    store(*urls(20))
    batch = [completed(image) for _ in range(2) for image in claim(database, limit=16)]

    with counted(database) as messages:
        database.write(record_outcomes, "ann", batch)

    assert len(messages) == 4, messages


def test_a_batch_with_time_outs_takes_one_more(database: Database, store: Stores) -> None:
    store(*urls(8), *urls(8, "b.example"))
    images = [*claim(database, limit=16), *claim(database, limit=16)]
    late = [Outcome.retry(image, 1, TIMED_OUT, "late") for image in images[1:]]

    with counted(database) as messages:
        database.write(record_outcomes, "ann", [completed(images[0]), *late])

    assert len(messages) == 5, messages


def test_leases_are_renewed_with_two(database: Database, store: Stores) -> None:
    store(*urls(16))
    ids = [image.id for image in claim(database, limit=16)]

    with counted(database) as messages:
        database.write(renew_claims, "ann", ids, 60)

    assert len(messages) == 2, messages


def test_an_idle_look_takes_one(database: Database) -> None:
    with counted(database) as messages:
        assert not database.read(work_is_due)

    assert len(messages) == 1, messages


@pytest.mark.parametrize("webhook_url", [None, "http://a.example/hook"])
def test_a_status_takes_two(
    database: Database, database_url: str, store: Stores, webhook_url: str | None
) -> None:
    request_id = store(*urls(3), webhook_url=webhook_url)
    app = create_app(Settings(database_url=database_url))
    own: Database = app.extensions["service"].database

    with counted(own) as messages:
        assert app.test_client().get(f"/status/{request_id}").status_code == 200

    assert len(messages) == 2, messages
