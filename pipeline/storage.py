"""Names and atomic writes: a file is there whole, or not at all.

Every path is made here, from ids and numbers; no part of one comes from a user. ``uploads/`` holds
``<request id>.csv`` as it came, ``processed_images/<request id>/`` the images and ``output.csv``.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO
from uuid import UUID

OUTPUT_CSV = "output.csv"


def image_name(row_number: int, position: int, extension: str) -> str:
    """The name of an image in its request's folder."""
    return f"{row_number}-{position}.{extension}"


def image_url(public_base_url: str, public_id: UUID, name: str) -> str:
    """Where the API serves a file of ``processed_images/``."""
    return f"{public_base_url}/processed_images/{public_id}/{name}"


class Storage:
    """The two folders; safe to share among threads and processes."""

    def __init__(self, upload_dir: Path, processed_dir: Path) -> None:
        self.upload_dir = upload_dir.absolute()
        self.processed_dir = processed_dir.absolute()

    def upload_path(self, public_id: UUID) -> Path:
        """Where the uploaded CSV of a request is kept."""
        return self.upload_dir / f"{public_id}.csv"

    def folder(self, public_id: UUID) -> Path:
        """Where the images and the output CSV of a request are."""
        return self.processed_dir / str(public_id)

    def keep_upload(self, public_id: UUID, source: IO[bytes]) -> Path:
        """Copy an upload to its place; raises whatever reading ``source`` raises."""
        self.upload_dir.mkdir(parents=True, exist_ok=True)
        path = self.upload_path(public_id)
        with _written_whole(path) as file:
            shutil.copyfileobj(source, file, 1024 * 1024)
        _sync_folder(self.upload_dir)
        return path

    def drop_upload(self, public_id: UUID) -> None:
        """Forget an upload that was refused."""
        self.upload_path(public_id).unlink(missing_ok=True)

    def save_images(self, images: Iterable[tuple[UUID, str, bytes]]) -> None:
        """Write (request, name, content) files that outlast a power cut once this returns."""
        folders = set()
        for public_id, name, content in images:
            folder = self.folder(public_id)
            folder.mkdir(parents=True, exist_ok=True)
            with _written_whole(folder / name) as file:
                file.write(content)
            folders.add(folder)
        for folder in folders:
            _sync_folder(folder)

    @contextmanager
    def output_csv(self, public_id: UUID) -> Iterator[BinaryIO]:
        """The output CSV, open for writing; it takes its place when the block ends well.

        All images of the request are answered by then, so what stopped workers left half-written
        in its folder is cleared away.
        """
        folder = self.folder(public_id)
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.part"):
            leftover.unlink(missing_ok=True)
        with _written_whole(folder / OUTPUT_CSV) as file:
            yield file
        _sync_folder(folder)


@contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that replaces it when the block ends well."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make renames in it outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
