"""The two folders, for one machine or for several that share them."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID

from settings import MIB
from storage.base import PROBE, StorageFull, StorageUnavailable, Stored, StoredFile
from storage.names import OUTPUT_CSV

# A thumbnail's own fsync costs a third of its compression. From so many files on they share the
# one of Linux for a whole file system (syncfs(2)), which Python has no name for.
SHARE_A_SYNC = 4
syncfs: Any = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)

FULL = {errno.ENOSPC, errno.EDQUOT}
FULL_OR_BROKEN = {*FULL, errno.EROFS, errno.EIO}


class Folders:
    """A Storage on disk; as it keeps nothing open, it may be shared over a fork, too."""

    def __init__(self, upload_dir: Path, processed_dir: Path, *, min_free_bytes: int = 0) -> None:
        """No upload is taken where less than ``min_free_bytes`` of its disk are free."""
        self.upload_dir = upload_dir.absolute()
        self.processed_dir = processed_dir.absolute()
        self.min_free_bytes = min_free_bytes

    def upload_path(self, public_id: UUID) -> Path:
        """Where the uploaded CSV of a request is kept."""
        return self.upload_dir / f"{public_id}.csv"

    def folder(self, public_id: UUID) -> Path:
        """Where the images and the output CSV of a request are."""
        return self.processed_dir / str(public_id)

    @contextmanager
    def keep_upload(self, public_id: UUID, source: IO[bytes]) -> Iterator[Path]:
        path = self.upload_path(public_id)
        try:
            self.upload_dir.mkdir(parents=True, exist_ok=True)
            self._check_space(self.upload_dir)
            with _written_whole(path, self._upload_part(public_id)) as file:
                shutil.copyfileobj(source, file, MIB)
            _sync_folder(self.upload_dir)
        except OSError as error:
            if error.errno in FULL_OR_BROKEN:
                raise StorageUnavailable(str(error)) from error
            raise
        yield path

    def _upload_part(self, public_id: UUID) -> Path:
        """Where it is until it is whole; under a name by which it is found if that breaks off."""
        return self.upload_dir / f".{public_id}.csv.part"

    def drop_upload(self, public_id: UUID) -> None:
        for path in (self.upload_path(public_id), self._upload_part(public_id)):
            path.unlink(missing_ok=True)

    def hide(self, public_id: UUID) -> None:
        hidden = self._hidden(public_id)
        if not hidden.exists():
            with suppress(FileNotFoundError):
                self.folder(public_id).rename(hidden)

    def remove(self, public_id: UUID) -> None:
        """What is hidden, and what a worker has written since."""
        self.drop_upload(public_id)
        for folder in (self._hidden(public_id), self.folder(public_id)):
            if folder.exists():
                shutil.rmtree(folder)

    def _hidden(self, public_id: UUID) -> Path:
        return self.processed_dir / f".{public_id}.deleted"

    @contextmanager
    def upload(self, public_id: UUID) -> Iterator[Path]:
        path = self.upload_path(public_id)
        path.stat()
        yield path

    def save_images(self, images: Iterable[tuple[UUID, str, bytes]]) -> None:
        """Many share one wait for the disk, a few wait for their own."""
        images = list(images)
        together = syncfs is not None and len(images) >= SHARE_A_SYNC
        folders: dict[UUID, Path] = {}
        for public_id, name, content in images:
            if public_id not in folders:
                folders[public_id] = self.folder(public_id)
                folders[public_id].mkdir(parents=True, exist_ok=True)
            _write_whole(folders[public_id] / name, content, sync=not together)
        for folder in [self.processed_dir] if together else folders.values():
            _sync_folder(folder, file_system=together)

    @contextmanager
    def output_csv(self, public_id: UUID) -> Iterator[BinaryIO]:
        """All images of the request are answered by then, so what stopped workers left half-written
        in its folder is cleared away.
        """
        folder = self.folder(public_id)
        folder.mkdir(parents=True, exist_ok=True)
        with os.scandir(folder) as entries:  # one by one: a list of 100,000 takes 25 MB
            for leftover in entries:
                if leftover.name.endswith(".part"):
                    Path(leftover.path).unlink(missing_ok=True)
        with _written_whole(folder / OUTPUT_CSV) as file:
            yield file
        _sync_folder(folder)

    def open(self, public_id: UUID, name: str) -> StoredFile:
        file = (self.folder(public_id) / name).open("rb")
        found = os.fstat(file.fileno())
        etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"
        return StoredFile(file, found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))

    def version(self, public_id: UUID, name: str) -> str:
        try:
            found = (self.folder(public_id) / name).stat()
        except FileNotFoundError:
            return ""
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def remove_version(self, public_id: UUID, name: str, version: str) -> None:
        if version and self.version(public_id, name) == version:
            (self.folder(public_id) / name).unlink(missing_ok=True)

    def names(self, public_id: UUID) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self.folder(public_id)) as entries:
            yield from (entry.name for entry in entries)

    def requests(self) -> Iterator[Stored]:
        for folder in (self.upload_dir, self.processed_dir):
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(ValueError, FileNotFoundError):  # not ours, or just gone
                        name = entry.name.removeprefix(".").removesuffix(".part")
                        public_id = UUID(name.removesuffix(".csv"))
                        modified = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                        yield Stored(public_id, modified)

    def check(self) -> None:
        for folder in (self.upload_dir, self.processed_dir):
            try:
                check_writing(folder)
            except OSError as error:
                raise StorageUnavailable(f"{folder} cannot be written to: {error}") from error
            self._check_space(folder)

    def _check_space(self, folder: Path) -> None:
        """What is left is for the images of uploads that were accepted, and for the database."""
        if shutil.disk_usage(folder).free < self.min_free_bytes:
            raise StorageFull(f"the disk of {folder} is almost full")


def check_writing(folder: Path) -> None:
    """Make the folder; write a file, read it and remove it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _part_of(folder / "readyz")
    try:
        path.write_bytes(PROBE)
        if path.read_bytes() != PROBE:
            raise OSError("what was written is not what is read")
    finally:
        path.unlink(missing_ok=True)


def _write_whole(path: Path, content: bytes, *, sync: bool) -> None:
    """As `_written_whole`, with as few calls of the system as it takes: there are many images."""
    part = _part_of(path)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        remaining = memoryview(content)
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
        if sync:
            os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


@contextmanager
def _written_whole(path: Path, part: Path | None = None) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that replaces it when the block ends well."""
    part = part or _part_of(path)
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _sync_folder(folder: Path, *, file_system: bool = False) -> None:
    """Make renames in it outlast a power cut, or all that was written to its file system."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not file_system:
            os.fsync(descriptor)
        elif syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "the file system was not written to disk")
    finally:
        os.close(descriptor)
