"""Tables and archives of a request in a real database and a real storage."""

from __future__ import annotations

import io
import time
import uuid
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api import workbook_upload
from api.made_file_routes import MAX_ARCHIVES, MAX_TABLES
from api.made_files import RequestChanged
from api.slots import MIN_BYTES_PER_SECOND, Yielded
from app import create_app
from database import Database
from manifest import open_manifest
from pipeline.output_csv import complete_requests
from settings import MIB, Settings
from storage import open_storage
from tests.integration.conftest import completed
from tests.s3 import S3, variables
from tests.workbooks import workbook
from work_queue.claims import claim_images
from work_queue.intake import NewRequest, store_request
from work_queue.outcomes import record_outcomes

pytestmark = pytest.mark.integration
UPLOAD = b"Name,Image\r\nCup,https://a.example/1.jpg\r\nMug,https://a.example/2.jpg\r\n"


@pytest.fixture(params=["folders", "bucket"])
def chosen(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Settings with a storage of each kind."""
    if request.param == "folders":
        uploads, processed = tmp_path / "uploads", tmp_path / "processed"
        yield Settings(database_url=database_url, upload_dir=uploads, processed_dir=processed)
        return
    with S3(tmp_path) as s3:
        for name, value in variables(s3.address).items():
            monkeypatch.setenv(name, value)
        yield Settings(database_url=database_url, storage_url=variables(s3.address)["STORAGE_URL"])


@pytest.fixture
def client(chosen: Settings) -> Iterator[FlaskClient]:
    app = create_app(chosen)
    yield app.test_client()
    app.extensions["service"].database.close()


@pytest.fixture
def public_id(chosen: Settings, database: Database) -> UUID:
    """A completed request of two rows."""
    storage, new = open_storage(chosen), NewRequest(public_id=uuid.uuid4(), file_name="a.csv")
    with storage.keep_upload(new.public_id, io.BytesIO(UPLOAD)) as path:
        store_request(database, new, open_manifest(path))
    for image in database.write(claim_images, "ann", limit=2, lease_seconds=60) or []:
        name = f"{image.row_number}-1.jpg"
        storage.save_images([(new.public_id, name, name.encode() * 100_000)])
        database.write(record_outcomes, "ann", [completed(image, name)])
    assert complete_requests(database, storage, chosen, "ann") == 1
    return new.public_id


def get(client: FlaskClient, public_id: UUID, name: str) -> bytes:
    with client.get(f"/processed_images/{public_id}/{name}") as response:
        assert response.status_code == 200
        return response.get_data()


def test_they_are_made_from_folders_and_from_a_bucket(client: FlaskClient, public_id: UUID) -> None:
    new = f"http://127.0.0.1:5000/processed_images/{public_id}".encode()

    table = get(client, public_id, "import.csv")
    archive = zipfile.ZipFile(io.BytesIO(get(client, public_id, "images.zip")))

    assert table == UPLOAD.replace(b"https://a.example/1", new + b"/1-1").replace(
        b"https://a.example/2", new + b"/2-1"
    )
    assert archive.testzip() is None
    assert [len(archive.read(name)) for name in ("1-1.jpg", "2-1.jpg")] == [700_000, 700_000]


def test_one_whose_request_is_deleted_meanwhile_breaks_off(
    client: FlaskClient, public_id: UUID
) -> None:
    response = client.get(f"/processed_images/{public_id}/import.csv")
    assert client.delete(f"/requests/{public_id}").status_code == 204

    with pytest.raises(RequestChanged), response:
        response.get_data()


def test_only_some_are_made_at_a_time(client: FlaskClient, public_id: UUID) -> None:
    url = f"/processed_images/{public_id}/import.csv"
    unread = [client.get(url) for _ in range(MAX_TABLES)]

    busy = client.get(url)

    assert (busy.status_code, busy.get_json()["code"]) == (503, "too_many_downloads")
    assert busy.headers["Retry-After"]
    assert client.get(f"/status/{public_id}").status_code == 200
    assert client.head(url).status_code == 200
    for each in unread:
        each.close()
    assert get(client, public_id, "import.csv")


def test_a_reader_that_is_slow_makes_room_for_one_who_waits(
    client: FlaskClient, public_id: UUID
) -> None:
    url = f"/processed_images/{public_id}/images.zip"
    unread = [client.get(url) for _ in range(MAX_ARCHIVES)]
    slow = unread[0].iter_encoded()
    next(slow)
    assert client.get(url).status_code == 503
    time.sleep(MIB / MIN_BYTES_PER_SECOND + 0.5)
    assert client.get(url).status_code == 503

    with pytest.raises(Yielded):
        deque(slow, maxlen=0)
    unread[0].close()

    assert get(client, public_id, "images.zip")
    unread[1].close()


def test_only_some_workbooks_are_read_at_a_time(client: FlaskClient) -> None:
    content = workbook([["Name", "Image"], ["Cup", "https://a.example/1.jpg"]])

    def dry_run() -> int:
        form = {"file": (io.BytesIO(content), "a.xlsx"), "dry_run": "1"}
        return client.post("/upload", data=form).status_code

    with ExitStack() as others:
        for _ in range(workbook_upload.MAX_WORKBOOKS):
            others.enter_context(workbook_upload.slots)
        assert dry_run() == 503

    assert dry_run() == 200
