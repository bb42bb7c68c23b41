"""A large upload is written in steps: others go on, and nobody sees it before it is whole."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from database import Database
from pipeline.removal import remove_abandoned
from settings import Settings
from storage.folders import Folders
from tests.integration.conftest import Product, Stores, request_of
from work_queue.claims import claim_images, work_is_due
from work_queue.completion import claim_finished
from work_queue.intake import BATCH, NewRequest, store_request
from work_queue.models import Host, Image, Request
from work_queue.models import Product as ProductTable
from work_queue.read_queries import find_request
from work_queue.removal import claim_removal, remove_batch

pytestmark = pytest.mark.integration
HALF = 2 * BATCH
Look = Callable[[], object]


def new_request() -> NewRequest:
    return NewRequest(public_id=uuid.uuid4(), file_name="a.csv")


def rows_with(look: Look) -> Iterator[Product]:
    """The rows of a large upload; half-way, somebody has a look at the database."""
    yield from (Product(n, (f"http://a.example/{n % 5000}.jpg",)) for n in range(1, HALF))
    look()
    yield from (Product(n, (f"http://b.example/{n}.jpg",)) for n in range(HALF, 2 * HALF))


def left(database: Database) -> list[int]:
    """How many requests, rows, images and hosts there are."""
    tables = (Request, ProductTable, Image, Host)
    with database.reading.connect() as tx:
        return [tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]


def break_off(database: Database, request: NewRequest) -> None:
    """An upload of which half is written when something goes wrong."""

    def fail() -> None:
        raise ValueError("row 6000 is bad")

    with pytest.raises(ValueError, match="row 6000"):
        store_request(database, request, rows_with(fail))


def test_a_large_upload_is_stored_whole(database: Database) -> None:
    new = new_request()

    stored = store_request(database, new, rows_with(lambda: None))

    assert tuple(stored) == (2 * HALF - 1, 2 * HALF - 1)
    assert left(database) == [1, stored.rows, stored.images, 2]
    request = request_of(database, new.public_id)
    assert (request.total, request.completed, request.failed) == (stored.images, 0, 0)
    with database.reading.connect() as tx:
        copies = tx.scalar(sa.select(sa.func.count()).where(Image.copy_of.is_not(None)))
        ids = sa.select(Image.row_number, Image.copy_of).where(Image.row_number == 5001)
        assert copies == HALF - 1 - 5000
        of_row_5001 = tx.execute(ids).one()
        first = tx.scalar(sa.select(Image.id).where(Image.row_number == 1))
        assert of_row_5001.copy_of == first


def test_an_upload_that_is_not_whole_is_seen_by_nobody(database: Database) -> None:
    new = new_request()
    seen: list[object] = []

    def look() -> None:
        assert left(database)[1] > 0
        seen.append(database.read(find_request, new.public_id))
        seen.append(database.write(claim_images, "ann", limit=3, lease_seconds=60))
        seen.append(database.write(claim_finished, "ann", 60))
        seen.append(database.write(claim_removal, "ann", 60))

    store_request(database, new, rows_with(look))

    assert seen == [None, None, None, None]
    assert database.read(work_is_due)


def test_another_upload_is_taken_while_a_large_one_is_written(
    database: Database, store: Stores
) -> None:
    others: list[uuid.UUID] = []

    store_request(
        database, new_request(), rows_with(lambda: others.append(store("http://c.example/1.jpg")))
    )

    assert request_of(database, others[0]).total == 1


def test_what_an_upload_left_that_broke_off_is_removed(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store("http://c.example/1.jpg")
    break_off(database, new_request())
    assert left(database)[0] == 2
    assert database.read(work_is_due)

    remove_abandoned(database, Folders(tmp_path, tmp_path), Settings(), "ann")

    assert left(database) == [1, 1, 1, 1]


def test_a_small_upload_with_a_bad_row_writes_nothing(database: Database) -> None:
    def rows() -> Iterator[Product]:
        yield Product(1, ("http://a.example/1.jpg",))
        raise ValueError("row 2 is bad")

    with pytest.raises(ValueError, match="row 2"):
        store_request(database, new_request(), rows())

    assert left(database) == [0, 0, 0, 0]


def test_one_worker_removes_and_another_goes_on_where_it_stopped(database: Database) -> None:
    break_off(database, new_request())
    removal = database.write(claim_removal, "ann", 0)
    assert removal is not None
    assert database.write(remove_batch, "ann", removal.id, 0)

    assert database.write(claim_removal, "bob", 60) == removal
    assert database.write(claim_removal, "cay", 60) is None
    assert not database.write(remove_batch, "ann", removal.id, 60)
    while database.write(remove_batch, "bob", removal.id, 60):
        pass
    assert left(database) == [0, 0, 0, 0]
