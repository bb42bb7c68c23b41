"""What a worker did is recorded, whatever the disk does; what it could not do is released."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from database import Database
from storage import Folders
from tests.integration.conftest import Stores, completed, writing
from tests.integration.test_queue import claim, statuses, urls
from tests.origin import until
from work_queue.models import Image, Request
from work_queue.outcomes import Outcome
from work_queue.request_changes import cancel, retry_failed
from work_queue.statuses import Status

pytestmark = pytest.mark.integration


def folders(folder: Path) -> Folders:
    return Folders(folder / "uploads", folder / "processed")


def column(database: Database, name: str) -> list[Any]:
    with database.reading.connect() as connection:
        return list(connection.scalars(sa.select(getattr(Image, name)).order_by(Image.id)))


def test_an_outcome_is_a_file_and_a_row(database: Database, store: Stores, tmp_path: Path) -> None:
    public_id = store(*urls(1))
    ended: list[bool] = []
    with writing(database, folders(tmp_path), ended) as (leases, results):
        (image,) = claim(database)
        leases.hold([image])
        done = completed(image, "1-1.jpg")
        results.post(done, b"a picture")
        results.flush()

        assert statuses(database) == [Status.COMPLETED]
    saved = tmp_path / "processed" / str(public_id) / "1-1.jpg"
    assert saved.read_bytes() == b"a picture"
    assert ended == [True]


@pytest.mark.parametrize("taken_by", [None, "bob"])
def test_a_file_of_a_lost_claim_is_removed_unless_another_worker_has_the_image(
    database: Database, store: Stores, tmp_path: Path, taken_by: str | None
) -> None:
    public_id = store(*urls(1))
    with writing(database, folders(tmp_path), []) as (leases, results):
        (image,) = claim(database)
        leases.hold([image])
        cancel(database, public_id)
        if taken_by:
            retry_failed(database, public_id)
            assert claim(database, taken_by)
        results.post(completed(image, "1-1.jpg"), b"a picture")
        results.flush()

    saved = tmp_path / "processed" / str(public_id) / "1-1.jpg"
    assert saved.exists() == (taken_by is not None)


def test_a_file_of_a_request_that_is_gone_takes_its_folder_with_it(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(1))
    with writing(database, folders(tmp_path), []) as (leases, results):
        (image,) = claim(database)
        leases.hold([image])
        with database.engine.begin() as tx:
            tx.execute(sa.delete(Request))
        results.post(completed(image, "1-1.jpg"), b"a picture")
        results.flush()

    assert [*(tmp_path / "processed").iterdir()] == []


def test_what_is_not_answered_is_released_at_the_end(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(3))
    with writing(database, folders(tmp_path), []) as (leases, results):
        images = claim(database)
        leases.hold(images)
        results.post(Outcome.failed(images[0], "http_404", "Gone."))

    assert statuses(database) == [Status.FAILED, Status.PENDING, Status.PENDING]
    assert column(database, "attempts") == [1, 0, 0]


def test_an_image_that_cannot_be_saved_is_made_again_later(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(1))
    (tmp_path / "processed").write_bytes(b"a file where the folder should be")
    with writing(database, folders(tmp_path), []) as (leases, results):
        (image,) = claim(database)
        leases.hold([image])
        done = completed(image, "1-1.jpg")
        results.post(done, b"a picture")

    assert statuses(database) == [Status.PENDING]
    assert claim(database) == []


def test_leases_are_renewed_while_the_worker_lives(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(1))
    with writing(database, folders(tmp_path), []) as (leases, _):
        images = claim(database, lease_seconds=2)
        leases.hold(images)
        (first,) = column(database, "lease_until")
        until(lambda: column(database, "lease_until") > [first])


def test_a_result_writer_that_breaks_down_ends_the_turn(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(2))
    with writing(database, folders(tmp_path), []) as (leases, results):
        images = claim(database)
        leases.hold(images)
        results.post(Outcome(images[0], Status.COMPLETED, {}))  # without its figures: a bug
        results.flush()

        with pytest.raises(RuntimeError, match="broke down"):
            results.post(Outcome.failed(images[1], "http_404", "Gone."))
    assert statuses(database) == [Status.PROCESSING, Status.PROCESSING]
