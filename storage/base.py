"""What every storage promises, and the errors it raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, Protocol
from uuid import UUID

PROBE = b"Written to see whether it can be."  # by check()


class StorageUnavailable(OSError):  # noqa: N818 - it is what happened, not a mistake of ours
    """The storage does not answer, or refuses; it may recover shortly."""


class StorageFull(StorageUnavailable):
    """There is too little room for an upload."""


class WrongStorage(SystemExit):
    """The storage can't be used like this; ends the program with one line that says why."""


@dataclass(frozen=True)
class StoredFile:
    """One version of a file; ``content`` is the reader's to close, and can seek.

    The ``etag`` stands without its quotes; ``size`` is in bytes.
    """

    content: BufferedReader
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Stored:
    """A request of which there are files, and when one of them was written."""

    public_id: UUID
    modified: datetime


class Storage(Protocol):
    """Where uploads, images and output CSVs are; safe to share among threads, not over a fork.

    A file is there whole, or not at all, and once a method has returned, or its block has ended
    well, it outlasts a power cut. What goes wrong is an OSError.
    """

    def keep_upload(self, public_id: UUID, source: IO[bytes]) -> AbstractContextManager[Path]:
        """Keep an upload; inside the block there is a file with its content.

        Raises whatever reading ``source`` raises.
        """

    def drop_upload(self, public_id: UUID) -> None:
        """Forget an upload that was refused."""

    def hide(self, public_id: UUID) -> None:
        """Serve no file of a request from now on, where that takes a moment: not in a bucket."""

    def remove(self, public_id: UUID) -> None:
        """Remove all files of a request, its upload too; harmless where there are none."""

    def upload(self, public_id: UUID) -> AbstractContextManager[Path]:
        """A file with an upload's content, inside the block; raises FileNotFoundError."""

    def save_images(self, images: Iterable[tuple[UUID, str, bytes]]) -> None:
        """Write (request, name, content), over what is there under the same name."""

    def output_csv(self, public_id: UUID) -> AbstractContextManager[BinaryIO]:
        """The output CSV, open for writing; it takes its place when the block ends well."""

    def open(self, public_id: UUID, name: str) -> StoredFile:
        """An image or the output CSV; raises FileNotFoundError."""

    def version(self, public_id: UUID, name: str) -> str:
        """What tells a file from any that takes its place; empty where there is none."""

    def remove_version(self, public_id: UUID, name: str, version: str) -> None:
        """Remove an image, unless it is another version by now, or gone."""

    def names(self, public_id: UUID) -> Iterator[str]:
        """The files of a request, without its upload."""

    def requests(self) -> Iterator[Stored]:
        """All requests that have an upload or other files; one may come twice."""

    def check(self) -> None:
        """Write something, read it and remove it; raises StorageUnavailable where that fails."""
