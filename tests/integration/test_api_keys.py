"""Keys in the database: turns among them, and what each may have under way."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from database import Database
from pipeline.claiming import MAX_ASKED, ImageClaimer
from pipeline.host_limits import HostLimits
from settings import Settings
from tests.integration.conftest import Product, completed
from tests.integration.test_message_counts import counted
from work_queue import api_keys, intake
from work_queue.api_keys import Bounds, NoRoom
from work_queue.intake import NewRequest, store_request
from work_queue.models import Image, Request
from work_queue.outcomes import record_outcomes
from work_queue.removal import hide_old
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status

pytestmark = pytest.mark.integration


def new_key(database: Database, name: str) -> int:
    database.write(api_keys.add_key, name, "write", {})
    found = database.read(api_keys.find_key_named, name)
    assert found is not None
    return found.id


def store(database: Database, key_id: int, images: int, bounds: Bounds | None = None) -> None:
    new = NewRequest(public_id=uuid.uuid4(), file_name="a.csv", key_id=key_id)
    urls = tuple(f"http://{new.public_id}.example/{n}.jpg" for n in range(images))
    store_request(database, new, [Product(1, urls)], bounds)


def claims(database: Database, number: int) -> list[int]:
    """The keys from which a worker process claims, one after the other; the images are done."""
    claimer = ImageClaimer(database, Settings(), worker="ann")
    found = []
    for _ in range(number):
        images = claimer.claim(HostLimits(8))
        database.write(record_outcomes, "ann", [completed(image) for image in images])
        found += [images[0].key_id] if images else []
    return found


def test_keys_take_turns_however_many_requests_each_has(database: Database) -> None:
    many, one = new_key(database, "many"), new_key(database, "one")
    for _ in range(10):
        store(database, many, 30)
    store(database, one, 90)

    turns = Counter(claims(database, 12))

    assert turns == {many: 6, one: 6}


def test_no_key_misses_every_claim_without_a_head_start(database: Database) -> None:
    """A large request goes on beside small new ones of its key, whatever other keys do."""
    one, other = new_key(database, "one"), new_key(database, "other")
    for key_id in (one, other):
        store(database, key_id, 1_000)
    claims(database, 20)
    begun = [request_id for request_id, _ in served(database)]
    for _ in range(40):
        store(database, one, 1)
        store(database, other, 1)

    before = dict(served(database))
    claims(database, 60)

    after = dict(served(database))
    assert all(after[request_id] > before[request_id] for request_id in begun)


def served(database: Database) -> list[tuple[int, int]]:
    with database.reading.connect() as tx:
        found = tx.execute(
            sa.select(Request.id, Request.completed).where(Request.total == 1_000)
        ).all()
    return [(request_id, number) for request_id, number in found]


def test_keys_with_nothing_due_cost_a_claim_nothing(database: Database) -> None:
    for n in range(3 * MAX_ASKED):
        store(database, new_key(database, f"waiting-{n}"), 1)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Image).values(next_attempt_at=utc_now(60)))
    busy = new_key(database, "busy")
    store(database, busy, 50)
    claimer = ImageClaimer(database, Settings(), worker="ann")

    with counted(database) as messages:
        images = claimer.claim(HostLimits(8))

    assert images[0].key_id == busy
    assert len(messages) <= 6, messages


def test_uploads_at_the_same_moment_are_bounded_together(database: Database) -> None:
    key_id, bounds = new_key(database, "shop"), Bounds(requests=2, images=10)

    def upload(_: int) -> bool:
        try:
            store(database, key_id, 3, bounds)
        except NoRoom:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(upload, range(6)))

    assert taken.count(True) == 2
    assert database.read(api_keys.open_work, key_id) == (2, 6)


def test_a_large_upload_beyond_the_bound_leaves_nothing_that_anybody_sees(
    database: Database,
) -> None:
    key_id = new_key(database, "shop")

    with pytest.raises(NoRoom):
        store(database, key_id, 2 * intake.BATCH, Bounds(None, 100))

    assert database.read(api_keys.open_work, key_id) == (0, 0)


def test_a_renewed_key_is_valid_also_where_it_had_expired(database: Database) -> None:
    past = {"expires_at": datetime.now(UTC) - timedelta(days=1)}
    old = database.write(api_keys.add_key, "shop", "write", past)

    new = database.write(api_keys.renew_key, "shop")

    found = database.read(api_keys.find_key_named, "shop")
    assert found is not None
    assert new is not None
    assert found.opens_with(new)
    assert not found.opens_with(old)


def test_each_key_keeps_its_requests_as_long_as_it_says(database: Database) -> None:
    short = new_key(database, "short")
    database.write(api_keys.change_key, "short", {"retention_days": 1})
    long = new_key(database, "long")
    for key_id in (short, long):
        store(database, key_id, 1)
    with database.engine.begin() as tx:
        done = datetime.now(UTC) - timedelta(days=3)
        tx.execute(sa.update(Request).values(status=Status.COMPLETED, completed_at=done))

    assert database.read(api_keys.keys_to_clear, 0) == {short: 1}
    assert database.read(api_keys.keys_to_clear, 2) == {short: 1, long: 2}
    assert database.write(hide_old, short, 1)
    assert database.read(api_keys.keys_to_clear, 0) == {}
