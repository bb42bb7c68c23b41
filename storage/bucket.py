"""A bucket of S3, Google Cloud Storage or Azure, or of a server that speaks one of their protocols.

The bucket is the operator's own and often inside their network, so requests to it do not pass the
guard of ``outbound/``, which is for the URLs of users.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit
from uuid import UUID

from obstore.exceptions import BaseError, GenericError
from obstore.store import AzureStore, GCSStore, S3Store

from resilience.circuit_breaker import CircuitBreaker
from settings import MIB
from storage.base import PROBE, StorageUnavailable, Stored, StoredFile, WrongStorage
from storage.names import CSV_TYPE, IMMUTABLE, OUTPUT_CSV, content_type

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions
    from obstore.store import ClientConfig, RetryConfig

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 10  # larger files go and come in parts, each a request of its own
CONNECT_SECONDS = 3
RETRY: RetryConfig = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=5),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1)},
}
OPEN_SECONDS = 1  # in which a bucket that did not answer is not asked again
WINDOW = MIB  # bytes of one request for a part of a file
MAX_REASON = 500  # characters of an error
MAX_UPLOADS = 16  # images at a time, a batch of outcomes: at 50 ms that is 320 a second
PARTS = 2  # of one large file that go up at a time, 5 MiB each

# The library starts a thread for each core. Two are enough to wait for a network, and of many the
# stacks and heaps would use up the address space that a worker process leaves itself.
os.environ.setdefault("TOKIO_WORKER_THREADS", "2")  # noqa: TID251 - it is set, not read


class Bucket:
    """A Storage in a bucket, behind a prefix: ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.

    The library finds credentials and endpoints in each cloud's own environment variables.
    """

    def __init__(self, url: str, *, request_seconds: float = REQUEST_SECONDS) -> None:
        try:
            self._store = store_at(url, request_seconds)
        except (BaseError, ValueError) as error:
            raise WrongStorage(f"STORAGE_URL cannot be used: {_words(error)}") from None
        self._breaker = CircuitBreaker(open_seconds=OPEN_SECONDS, probe_seconds=request_seconds)

    @contextmanager
    def keep_upload(self, public_id: UUID, source: IO[bytes]) -> Iterator[Path]:
        with _scratch_file() as path:
            with path.open("wb") as copy:
                shutil.copyfileobj(source, copy, MIB)
            self._put_file(_upload_key(public_id), path)
            yield path

    def drop_upload(self, public_id: UUID) -> None:
        try:
            with self._request():
                self._store.delete(_upload_key(public_id))
        except OSError as error:  # the user is told of their file, not of ours
            logger.warning("a refused upload stays: %s", error, extra={"request_id": public_id})

    def hide(self, public_id: UUID) -> None:
        """A bucket has no folders to rename; its files go with the request."""

    def remove(self, public_id: UUID) -> None:
        with self._request(writing=True):
            for listed in self._store.list(_key(public_id, "")):
                self._store.delete([found["path"] for found in listed])
            with suppress(FileNotFoundError):
                self._store.delete(_upload_key(public_id))

    @contextmanager
    def upload(self, public_id: UUID) -> Iterator[Path]:
        """It is copied first: it is read several times, and slowly, beside the database."""
        with _scratch_file() as path:
            with self._open(_upload_key(public_id)).content as content, path.open("wb") as copy:
                shutil.copyfileobj(content, copy, WINDOW)
            yield path

    def save_images(self, images: Iterable[tuple[UUID, str, bytes]]) -> None:
        """Together, as a bucket takes its time for each."""
        remaining = iter(images)
        with self._request(writing=True):
            while batch := list(islice(remaining, MAX_UPLOADS)):
                asyncio.run(self._put_images(batch))

    async def _put_images(self, images: Sequence[tuple[UUID, str, bytes]]) -> None:
        await asyncio.gather(*(self._put_image(*image) for image in images))

    async def _put_image(self, public_id: UUID, name: str, content: bytes) -> None:
        attributes = _attributes(content_type(name), IMMUTABLE)
        await self._store.put_async(_key(public_id, name), content, attributes=attributes)

    @contextmanager
    def output_csv(self, public_id: UUID) -> Iterator[BinaryIO]:
        """It goes up when it is complete: rows come as slowly as the database gives them."""
        with _scratch_file() as path:
            with path.open("wb") as file:
                yield file
            self._put_file(_key(public_id, OUTPUT_CSV), path)

    def open(self, public_id: UUID, name: str) -> StoredFile:
        return self._open(_key(public_id, name))

    def version(self, public_id: UUID, name: str) -> str:
        """Also by its time: the etag may be that of the content alone."""
        try:
            with self._request():
                found = self._store.head(_key(public_id, name))
        except FileNotFoundError:
            return ""
        return f"{found['e_tag']} {found['last_modified']}"

    def remove_version(self, public_id: UUID, name: str, version: str) -> None:
        if version and self.version(public_id, name) == version:
            with self._request(writing=True):
                self._store.delete(_key(public_id, name))

    def names(self, public_id: UUID) -> Iterator[str]:
        with self._request(writing=True):
            for listed in self._store.list(_key(public_id, "")):
                yield from (found["path"].rpartition("/")[2] for found in listed)

    def requests(self) -> Iterator[Stored]:
        """By all their objects, as a bucket has no folders."""
        last = None
        with self._request(writing=True):
            for prefix in ("uploads/", "processed_images/"):
                for listed in self._store.list(prefix):
                    for found in listed:
                        name = found["path"].removeprefix(prefix).partition("/")[0]
                        if name != last:
                            last = name
                            with suppress(ValueError):
                                public_id = UUID(name.removesuffix(".csv"))
                                yield Stored(public_id, found["last_modified"])

    def check(self) -> None:
        """Writes an object, reads it and removes it."""
        self._fail_fast()
        key = f"readyz/{secrets.token_hex(8)}"
        with self._request(writing=True):
            self._store.put(key, PROBE)
            found = bytes(self._store.get(key).bytes())
            self._store.delete(key)
        if found != PROBE:
            raise StorageUnavailable("what was written is not what is read")

    def _put_file(self, key: str, path: Path) -> None:
        self._fail_fast()
        with self._request(writing=True):
            self._store.put(
                key, path, attributes=_attributes(CSV_TYPE, "no-cache"), max_concurrency=PARTS
            )

    def _open(self, key: str) -> StoredFile:
        self._fail_fast()
        with self._request():
            found = self._store.get(key, options={"range": (0, WINDOW)})
            first = bytes(found.bytes())
        etag = found.meta["e_tag"] or ""
        content = _Windows(self, key, etag, first, found.meta["size"])
        return StoredFile(
            io.BufferedReader(content, WINDOW),
            found.meta["size"],
            etag.removeprefix("W/").strip('"'),
            found.meta["last_modified"],
        )

    def read(self, key: str, etag: str, start: int, length: int) -> bytes:
        """A part of one version of an object; raises StorageUnavailable if it is another by now."""
        options: GetOptions = {"range": (start, start + length), "if_match": etag or None}
        with self._request():
            return bytes(self._store.get(key, options=options).bytes())

    @contextmanager
    def _request(self, *, writing: bool = False) -> Iterator[None]:
        """Around every request, with its retries: what the library raises becomes an OSError.

        A bucket that isn't there is told as an object that isn't, but what is being written is not
        looked for.
        """
        is_down = False
        try:
            yield
        except FileNotFoundError as error:
            if writing:
                raise StorageUnavailable(_words(error)) from None
            raise
        except BaseError as error:
            is_down = isinstance(error, GenericError)  # the others are answers
            raise StorageUnavailable(_words(error)) from None
        finally:
            self._breaker.report(is_down=is_down)

    def _fail_fast(self) -> None:
        """Raises StorageUnavailable while the bucket is known to be down.

        All threads of the API would wait for it otherwise, and none would be left to say so. What
        is under way, and a batch of images, which is worth waiting for, goes on trying.
        """
        if not self._breaker.allows_call():
            raise StorageUnavailable("it did not answer a moment ago")


class _Windows(io.RawIOBase):
    """An object's bytes, a window at a time: no request lasts as long as a slow reader."""

    def __init__(self, bucket: Bucket, key: str, etag: str, first: bytes, size: int) -> None:
        self._bucket, self._key, self._etag = bucket, key, etag
        self._first, self._size, self._position = first, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._part(len(buffer))
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _part(self, most: int) -> bytes:
        if self._position < len(self._first):
            return self._first[self._position : self._position + most]
        length = min(most, self._size - self._position)
        if length <= 0:
            return b""
        return self._bucket.read(self._key, self._etag, self._position, length)


def store_at(url: str, request_seconds: float = REQUEST_SECONDS) -> S3Store | GCSStore | AzureStore:
    """The library's object for a STORAGE_URL; it connects at the first request."""
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=request_seconds),
        # Only for an endpoint that the operator names as http://…; each cloud's own is https://….
        "allow_http": True,
    }
    parts = urlsplit(url)
    prefix = parts.path.strip("/") or None
    if parts.scheme == "s3":
        return S3Store(parts.netloc, prefix=prefix, client_options=client, retry_config=RETRY)
    if parts.scheme == "gs":
        return GCSStore(parts.netloc, prefix=prefix, client_options=client, retry_config=RETRY)
    return AzureStore(parts.netloc, prefix=prefix, client_options=client, retry_config=RETRY)


@contextmanager
def _scratch_file() -> Iterator[Path]:
    """Nobody else needs it, and it is gone at the end of the block."""
    with TemporaryDirectory(prefix="image-service-") as folder:
        yield Path(folder) / "scratch.csv"


def _upload_key(public_id: UUID) -> str:
    return f"uploads/{public_id}.csv"


def _key(public_id: UUID, name: str) -> str:
    return f"processed_images/{public_id}/{name}"


def _attributes(content_type: str, cache_control: str) -> Attributes:
    """What a CDN or a browser is told that reads the bucket itself."""
    return {"Content-Type": content_type, "Cache-Control": cache_control}


def _words(error: Exception) -> str:
    """Without the library's inside; what signs a URL, it leaves out itself."""
    return " ".join(str(error).partition("\n\nDebug source")[0].split())[:MAX_REASON]
