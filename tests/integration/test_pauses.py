"""Pauses: what an operator has paused is claimed by nobody, and all else is."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from database import Database
from tests.integration.conftest import Product, Stores, completed, request_of
from work_queue import pauses
from work_queue.api_keys import add_key, find_key, keys_at_work, prefix_of
from work_queue.claims import ClaimedImage, claim_images
from work_queue.intake import NewRequest, store_request
from work_queue.models import ALL_WORK, NO_KEY
from work_queue.outcomes import record_outcomes
from work_queue.pauses import PauseRow
from work_queue.request_changes import cancel

pytestmark = pytest.mark.integration
ONE, OTHER = "http://one.example/1.jpg", "http://other.example:8080/1.jpg"


def claim(database: Database) -> list[ClaimedImage]:
    return database.write(claim_images, "ann", limit=9, lease_seconds=60) or []


def listed(database: Database) -> list[tuple[str, int | None]]:
    return [(pause.host, pause.images) for pause in database.read(pauses.find_pauses)]


def test_images_of_a_paused_host_wait_and_others_go_on(database: Database, store: Stores) -> None:
    store(ONE, OTHER)
    pauses.pause(database, "one.example")

    assert [image.host for image in claim(database)] == ["other.example:8080"]
    assert claim(database) == []
    assert database.read(keys_at_work) == []


def test_after_its_end_the_same_images_are_claimed_at_their_first_attempt(
    database: Database, store: Stores
) -> None:
    store(ONE)
    pauses.pause(database, "one.example")
    assert claim(database) == []

    assert database.write(pauses.resume, "one.example")

    (image,) = claim(database)
    assert image.attempts == 1
    assert not database.write(pauses.resume, "one.example")


def test_all_work_is_paused_and_goes_on(database: Database, store: Stores) -> None:
    store(ONE, OTHER)
    pauses.pause(database, ALL_WORK)
    assert database.read(pauses.work_is_paused)
    assert claim(database) == []
    assert database.read(keys_at_work) == []

    database.write(pauses.resume, ALL_WORK)

    assert not database.read(pauses.work_is_paused)
    assert database.read(keys_at_work) == [NO_KEY]
    assert claim(database)


def test_what_was_claimed_before_a_pause_is_recorded(database: Database, store: Stores) -> None:
    public_id = store(ONE)
    (image,) = claim(database)
    pauses.pause(database, ALL_WORK)

    database.write(record_outcomes, "ann", [completed(image)])

    assert request_of(database, public_id).completed == 1


def test_a_paused_host_of_one_key_keeps_no_other_key_waiting(database: Database) -> None:
    found = []
    for name, url in (("one", ONE), ("other", OTHER)):
        text = database.write(add_key, name, "write", {})
        key = database.read(find_key, prefix_of(text) or "")
        assert key is not None
        new = NewRequest(public_id=uuid.uuid4(), file_name="a.csv", key_id=key.id)
        store_request(database, new, [Product(1, (url,))])
        found.append(key.id)

    pauses.pause(database, "one.example")

    assert database.read(keys_at_work) == [found[1]]


def test_a_pause_says_since_when_and_how_many_images_wait_for_its_end(
    database: Database, store: Stores
) -> None:
    store(ONE, f"{ONE}?2", OTHER)
    for host in ("one.example", "one.example", "nobody.example", ALL_WORK):
        pauses.pause(database, host)

    assert listed(database) == [(ALL_WORK, None), ("nobody.example", 0), ("one.example", 2)]
    assert isinstance(database.read(pauses.find_pauses)[0], PauseRow)


def test_images_of_a_paused_host_can_be_cancelled(database: Database, store: Stores) -> None:
    public_id = store(ONE)
    pauses.pause(database, "one.example")

    assert cancel(database, public_id) == 1

    assert listed(database) == [("one.example", 0)]


def test_a_claim_asks_for_pauses_by_their_key_and_a_look_for_images_by_their_index(
    database: Database, store: Stores
) -> None:
    """So neither costs more where a request has many hosts, or a host many images that ended."""
    if not database.is_embedded:
        pytest.skip("SQLite's own EXPLAIN")
    store(ONE)
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "pauses" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    sa.event.listen(database.engine, "before_cursor_execute", explain)
    assert claim(database)
    database.write(keys_at_work)
    of_table = [plan for plan in plans if "pauses" in plan]
    database.write(pauses.find_pauses)

    searched = [plan for plan in plans if "images" in plan]
    assert all("INDEX ix_images_pending (request_id=?" in plan for plan in searched), searched
    assert len(of_table) == 2
    assert all(plan.startswith("SEARCH pauses") for plan in of_table), of_table
