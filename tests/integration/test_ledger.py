"""What a worker did is written down, whatever the disk does; what it could not do is given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from database import Outcome
from engine import Database
from pipeline.ledger import Ledger
from storage import Folders
from tables import Image, Status
from tests.integration.conftest import Stores
from tests.integration.test_queue import FIGURES, claim, statuses, urls
from tests.origin import until

pytestmark = pytest.mark.integration


def ledger(database: Database, folder: Path, ended: list[bool]) -> Ledger:
    return Ledger(
        database,
        Folders(folder / "uploads", folder / "processed"),
        worker="ann",
        lease_seconds=2,
        when_ended=lambda: ended.append(True),
    )


def column(database: Database, name: str) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.scalars(sa.select(getattr(Image, name)).order_by(Image.id)))


def test_an_outcome_is_a_file_and_a_row(database: Database, store: Stores, tmp_path: Path) -> None:
    public_id = store(*urls(1))
    ended: list[bool] = []
    with ledger(database, tmp_path, ended) as writer:
        (image,) = claim(database)
        writer.hold([image])
        done = Outcome.completed(image, output_name="1-1.jpg", **FIGURES)
        writer.post(done, b"a picture")
        writer.flush()

        assert statuses(database) == [Status.COMPLETED]
    saved = tmp_path / "processed" / str(public_id) / "1-1.jpg"
    assert saved.read_bytes() == b"a picture"
    assert ended == [True]


def test_what_is_not_answered_is_given_back_at_the_end(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(3))
    with ledger(database, tmp_path, []) as writer:
        images = claim(database)
        writer.hold(images)
        writer.post(Outcome.failed(images[0], "http_404", "Gone."))

    assert statuses(database) == [Status.FAILED, Status.PENDING, Status.PENDING]
    assert column(database, "attempts") == [1, 0, 0]


def test_an_image_that_cannot_be_saved_is_made_again_later(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(1))
    (tmp_path / "processed").write_bytes(b"a file where the folder should be")
    with ledger(database, tmp_path, []) as writer:
        (image,) = claim(database)
        writer.hold([image])
        done = Outcome.completed(image, output_name="1-1.jpg", **FIGURES)
        writer.post(done, b"a picture")

    assert statuses(database) == [Status.PENDING]
    assert claim(database) == []


def test_leases_are_renewed_while_the_worker_lives(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(1))
    with ledger(database, tmp_path, []) as writer:
        images = claim(database, lease_seconds=2)
        writer.hold(images)
        (first,) = column(database, "lease_until")
        until(lambda: column(database, "lease_until") > [first])


def test_a_ledger_that_breaks_down_ends_the_turn(
    database: Database, store: Stores, tmp_path: Path
) -> None:
    store(*urls(2))
    with ledger(database, tmp_path, []) as writer:
        images = claim(database)
        writer.hold(images)
        writer.post(Outcome(images[0], Status.COMPLETED, {}))  # without its figures: a bug
        writer.flush()

        with pytest.raises(RuntimeError, match="broke down"):
            writer.post(Outcome.failed(images[1], "http_404", "Gone."))
    assert statuses(database) == [Status.PROCESSING, Status.PROCESSING]
