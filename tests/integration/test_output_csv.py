"""The end of a request whose upload or whose disk is not as it should be."""

from __future__ import annotations

import csv
import logging
import time
from pathlib import Path
from uuid import UUID

import pytest

from database import Database
from pipeline.output_csv import complete_requests
from settings import Settings
from storage import Folders
from tests.integration.conftest import Stores, completed, request_of
from tests.integration.test_queue import claim
from work_queue.outcomes import Outcome, record_outcomes

pytestmark = pytest.mark.integration


@pytest.fixture
def storage(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "uploads", tmp_path / "processed")


def answered(database: Database, store: Stores) -> UUID:
    """A request of two images, the first of which went well."""
    public_id = store("http://a.example/1.jpg", "http://a.example/2.jpg")
    good, bad = claim(database)
    done = completed(good, "1-1.jpg")
    database.write(record_outcomes, "ann", [done, Outcome.failed(bad, "http_404", "Gone.")])
    return public_id


def finish(database: Database, storage: Folders, *, lease_seconds: float = 30) -> int:
    return complete_requests(database, storage, Settings(lease_seconds=lease_seconds), "ann")


def output(storage: Folders, public_id: UUID) -> list[dict[str, str]]:
    text = (storage.folder(public_id) / "output.csv").read_text()
    return list(csv.DictReader(text.splitlines()))


def status(database: Database, public_id: UUID) -> str:
    request = request_of(database, public_id)
    return str(request.status)


@pytest.mark.parametrize("upload", [None, b"no,longer\nwhat,it was\n", b"Name,Image\nCup,\n"])
def test_a_request_ends_also_when_its_upload_is_gone_or_changed(
    database: Database, storage: Folders, store: Stores, upload: bytes | None
) -> None:
    public_id = answered(database, store)
    storage.upload_dir.mkdir()
    if upload is not None:
        storage.upload_path(public_id).write_bytes(upload)

    assert finish(database, storage) == 1

    (row,) = output(storage, public_id)
    assert row["Input Image Urls"] == "http://a.example/1.jpg,http://a.example/2.jpg"
    assert row["Output Image Urls"].endswith(f"/{public_id}/1-1.jpg,")
    assert (row["Product Name"], row["Errors"]) == ("Cup", "2: Gone.")
    assert status(database, public_id) == "Completed"


def test_what_a_killed_worker_left_of_a_failed_image_goes_when_the_request_is_completed(
    database: Database, storage: Folders, store: Stores
) -> None:
    public_id = answered(database, store)
    storage.save_images([(public_id, name, b"a picture") for name in ("1-1.jpg", "1-2.jpg")])

    assert finish(database, storage) == 1

    assert sorted(storage.names(public_id)) == ["1-1.jpg", "output.csv"]


def test_a_request_whose_output_cannot_be_written_is_finished_later(
    database: Database, storage: Folders, store: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    public_id = answered(database, store)
    storage.processed_dir.write_bytes(b"a file where the folder should be")

    with caplog.at_level(logging.ERROR):
        assert finish(database, storage, lease_seconds=1) == 0
    assert "output CSV not written" in caplog.text
    storage.processed_dir.unlink()
    time.sleep(1.1)

    assert finish(database, storage) == 1
    assert status(database, public_id) == "Completed"
