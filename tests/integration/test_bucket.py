"""Both storages do the same; and what only a bucket can do to its users, said in words."""

from __future__ import annotations

import io
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest
from obstore.store import S3Store

from database import Database
from pipeline.output_csv import complete_requests
from settings import Settings
from storage import Bucket, Folders, Storage, StorageUnavailable
from tests.integration.conftest import Stores, completed, writing
from tests.integration.test_queue import claim, statuses, urls
from tests.origin import closed_port, until
from tests.proxy import Proxy
from tests.s3 import S3, variables
from work_queue.outcomes import Outcome, record_outcomes
from work_queue.statuses import Status

pytestmark = pytest.mark.integration
URL = variables(("127.0.0.1", 1))["STORAGE_URL"]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[str, int]], Bucket]:
    """The bucket of a server at an address, as the environment of its user names it."""

    def bucket(address: tuple[str, int], **others: str) -> Bucket:
        for name, value in (variables(address) | others).items():
            monkeypatch.setenv(name, value)
        return Bucket(URL)

    return bucket


BucketAt = Callable[..., Bucket]


@pytest.fixture
def bucket(s3: S3, bucket_at: BucketAt) -> Bucket:
    return bucket_at(s3.address)


@pytest.fixture(params=["folders", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folders":
        return Folders(tmp_path / "uploads", tmp_path / "processed")
    found: Bucket = request.getfixturevalue("bucket")
    return found


@pytest.fixture
def public_id() -> UUID:
    return uuid.uuid4()


def content(storage: Storage, public_id: UUID, name: str) -> bytes:
    with storage.open(public_id, name).content as file:
        return file.read()


# --- what both do -----------------------------------------------------------------------------


def test_an_upload_can_be_read_at_once_and_later(storage: Storage, public_id: UUID) -> None:
    with storage.keep_upload(public_id, io.BytesIO(b"a,b\n")) as path:
        assert path.read_bytes() == b"a,b\n"

    with storage.upload(public_id) as path:
        assert path.read_bytes() == b"a,b\n"


def test_an_upload_that_was_refused_is_gone(storage: Storage, public_id: UUID) -> None:
    with storage.keep_upload(public_id, io.BytesIO(b"a,b\n")):
        storage.drop_upload(public_id)

    with pytest.raises(FileNotFoundError), storage.upload(public_id):
        pass


def test_a_batch_of_images_is_there_when_it_is_saved(storage: Storage, public_id: UUID) -> None:
    images = [(public_id, f"1-{n}.jpg", b"picture %d" % n) for n in range(8)]

    storage.save_images(images)

    assert [content(storage, public_id, name) for _, name, _ in images] == [i[2] for i in images]


def test_an_image_that_is_made_again_takes_the_place_of_the_first(
    storage: Storage, public_id: UUID
) -> None:
    storage.save_images([(public_id, "1-1.jpg", b"one")])
    with storage.open(public_id, "1-1.jpg").content as before:
        storage.save_images([(public_id, "1-1.jpg", b"two!")])
        assert before.read() == b"one"

    assert content(storage, public_id, "1-1.jpg") == b"two!"


def test_every_version_of_a_file_has_an_etag_of_its_own(storage: Storage, public_id: UUID) -> None:
    etags = []
    for version in (b"one", b"two", b"three"):
        storage.save_images([(public_id, "1-1.jpg", version)])
        with (found := storage.open(public_id, "1-1.jpg")).content:
            etags.append(found.etag)
            assert found.size == len(version)

    assert len(set(etags)) == 3
    assert not any('"' in etag for etag in etags)


def test_only_the_version_that_was_looked_at_is_removed(storage: Storage, public_id: UUID) -> None:
    storage.save_images([(public_id, "1-1.jpg", b"one")])
    seen = storage.version(public_id, "1-1.jpg")
    storage.save_images([(public_id, "1-1.jpg", b"two!")])

    storage.remove_version(public_id, "1-1.jpg", seen)
    assert content(storage, public_id, "1-1.jpg") == b"two!"

    storage.remove_version(public_id, "1-1.jpg", storage.version(public_id, "1-1.jpg"))
    assert storage.version(public_id, "1-1.jpg") == ""
    storage.remove_version(public_id, "1-1.jpg", "")


def test_what_was_never_saved_is_not_found(storage: Storage, public_id: UUID) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open(public_id, "1-1.jpg")


def test_a_large_file_can_be_read_from_anywhere(storage: Storage, public_id: UUID) -> None:
    large = bytes(range(256)) * 50_000
    storage.save_images([(public_id, "1-1.png", large)])

    with storage.open(public_id, "1-1.png").content as file:
        file.seek(7_000_000)
        assert file.read(3_000_000) == large[7_000_000:10_000_000]
        file.seek(0)
        assert file.read(len(large)) == large


def test_an_output_csv_is_there_when_it_is_complete(storage: Storage, public_id: UUID) -> None:
    with storage.output_csv(public_id) as file:
        file.write(b"a,b\n")
        with pytest.raises(FileNotFoundError):
            storage.open(public_id, "output.csv")

    assert content(storage, public_id, "output.csv") == b"a,b\n"


def test_an_output_csv_that_breaks_off_leaves_the_one_before(
    storage: Storage, public_id: UUID
) -> None:
    with storage.output_csv(public_id) as file:
        file.write(b"whole\n")

    with pytest.raises(ZeroDivisionError):
        break_off(storage, public_id)

    assert content(storage, public_id, "output.csv") == b"whole\n"


def break_off(storage: Storage, public_id: UUID) -> None:
    with storage.output_csv(public_id) as file:
        file.write(b"half")
        raise ZeroDivisionError


def test_a_storage_in_order_passes_its_check(storage: Storage) -> None:
    storage.check()


# --- a bucket ---------------------------------------------------------------------------------


def test_objects_have_the_names_and_types_that_a_cdn_needs(bucket: Bucket, public_id: UUID) -> None:
    bucket.save_images([(public_id, "1-1.avif", b"picture")])

    raw = S3Store("images", client_options={"allow_http": True})
    found = raw.get(f"some/prefix/processed_images/{public_id}/1-1.avif")
    assert found.attributes["Content-Type"] == "image/avif"
    assert "immutable" in found.attributes["Cache-Control"]


def test_a_file_that_is_replaced_while_it_is_read_is_never_mixed(
    bucket: Bucket, public_id: UUID
) -> None:
    bucket.save_images([(public_id, "1-1.png", b"a" * 3_000_000)])
    file = bucket.open(public_id, "1-1.png").content
    assert file.read(1000) == b"a" * 1000

    bucket.save_images([(public_id, "1-1.png", b"b" * 3_000_000)])

    with pytest.raises(StorageUnavailable, match="precondition"):
        file.read()


def keep_upload(bucket: Bucket) -> None:
    with bucket.keep_upload(uuid.uuid4(), io.BytesIO(b"a,b\n")):
        raise AssertionError("it must not come to this")


def save_images(bucket: Bucket) -> None:
    bucket.save_images([(uuid.uuid4(), "1-1.jpg", b"picture")])


def write_output_csv(bucket: Bucket) -> None:
    with bucket.output_csv(uuid.uuid4()) as file:
        file.write(b"a,b\n")


def read(bucket: Bucket) -> None:
    bucket.open(uuid.uuid4(), "1-1.jpg")


USES = [keep_upload, save_images, write_output_csv, read, Bucket.check]


@pytest.mark.parametrize("use", USES)
def test_while_the_bucket_is_away_every_use_says_so(
    s3: S3, bucket_at: BucketAt, use: Callable[[Bucket], None]
) -> None:
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()
        with pytest.raises(StorageUnavailable, match="HTTP error"):
            use(bucket)


def test_a_bucket_that_is_back_is_used_again(s3: S3, bucket_at: BucketAt, public_id: UUID) -> None:
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()
        with pytest.raises(StorageUnavailable):
            read(bucket)

        proxy.up()
        until(lambda: is_in_order(bucket))
        bucket.save_images([(public_id, "1-1.jpg", b"picture")])
        assert content(bucket, public_id, "1-1.jpg") == b"picture"


def is_in_order(bucket: Bucket) -> bool:
    try:
        bucket.check()
    except StorageUnavailable:
        return False
    return True


@pytest.mark.parametrize("use", [save_images, read])
def test_a_bucket_that_never_answers_is_given_up_in_time(
    bucket_at: BucketAt, use: Callable[[Bucket], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bucket_at(silent.getsockname())
        started = time.monotonic()
        with pytest.raises(StorageUnavailable, match="HTTP error"):
            use(Bucket(URL, request_seconds=0.2))

        assert time.monotonic() - started < 5


def test_a_refused_upload_that_cannot_be_dropped_is_still_only_refused(
    s3: S3, bucket_at: BucketAt, public_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()

        bucket.drop_upload(public_id)

    assert "a refused upload stays" in caplog.text


def test_right_after_a_failure_nobody_waits_for_another(s3: S3, bucket_at: BucketAt) -> None:
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()
        with pytest.raises(StorageUnavailable):
            read(bucket)

        with pytest.raises(StorageUnavailable, match="a moment ago"):
            read(bucket)


@pytest.mark.parametrize("use", [keep_upload, save_images, write_output_csv, Bucket.check])
def test_a_bucket_that_does_not_exist_is_named(
    s3: S3, bucket_at: BucketAt, use: Callable[[Bucket], None]
) -> None:
    bucket_at(s3.address)

    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        use(Bucket("s3://no-such-bucket"))


@pytest.mark.parametrize("use", USES)
def test_credentials_that_are_refused_are_named(
    s3: S3, bucket_at: BucketAt, use: Callable[[Bucket], None]
) -> None:
    bucket = bucket_at(s3.address, AWS_SECRET_ACCESS_KEY="wrong")  # noqa: S106

    with pytest.raises(StorageUnavailable, match="SignatureDoesNotMatch"):
        use(bucket)


def test_a_signature_in_a_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "shop")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2022-11-02&sig=hunter2")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(StorageUnavailable, match="HTTP error") as refused:
        read(Bucket("az://images"))

    assert "hunter2" not in str(refused.value)


class Far(ThreadingHTTPServer):
    """A bucket far away, which answers all the same."""

    request_queue_size = 32


class Slow(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.5)
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.end_headers()


def test_the_images_of_a_batch_go_up_side_by_side(bucket_at: BucketAt) -> None:
    with Far(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        bucket = bucket_at(server.server_address)
        started = time.monotonic()
        bucket.save_images([(uuid.uuid4(), f"1-{n}.jpg", b"picture") for n in range(8)])

        assert time.monotonic() - started < 4 * 0.5
        server.shutdown()


# --- a worker on a bucket that is away ---------------------------------------------------------


def test_images_that_cannot_be_saved_are_released(
    s3: S3, bucket_at: BucketAt, database: Database, store: Stores
) -> None:
    store(*urls(2))
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()
        with writing(database, bucket, []) as (leases, results):
            images = claim(database)
            leases.hold(images)
            for image in images:
                name = f"1-{image.position}.jpg"
                results.post(completed(image, name), b"picture")

    assert statuses(database) == [Status.PENDING, Status.PENDING]


def test_a_request_is_finished_when_the_bucket_is_back(
    s3: S3, bucket_at: BucketAt, database: Database, store: Stores
) -> None:
    public_id = store(*urls(1))
    database.write(
        record_outcomes, "ann", [Outcome.failed(claim(database)[0], "http_404", "Gone.")]
    )
    settings = Settings(lease_seconds=1)
    with Proxy(s3.address) as proxy:
        bucket = bucket_at(proxy.address)
        proxy.down()
        assert complete_requests(database, bucket, settings, "ann") == 0

        proxy.up()
        until(lambda: complete_requests(database, bucket, settings, "ann") == 1)

        assert b"1: Gone." in content(bucket, public_id, "output.csv")
