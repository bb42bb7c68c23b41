"""`backup` and `restore`: the embedded database and all files, in a folder.

The database is copied at one moment, and after it the files that its rows name. A file is written
before its row, so it is there; what is done later is not in the copy, and is done again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click

import migrations
import settings
from commands.support import environment
from database import Database
from migrations import embedded
from settings import MIB, Settings
from storage import OUTPUT_CSV, Folders, Storage, open_storage
from work_queue import request_changes
from work_queue.consistency import Counted, counted_requests, is_known, is_there, output_names
from work_queue.statuses import Status

DATABASE = "image_processing.db"  # in a backup; it takes its name last, so that one is whole
BATCH, BATCH_BYTES = 100, 32 * MIB  # images that are written together


class Copied(NamedTuple):
    """How much was copied, and the files that were not there."""

    requests: int
    files: int
    missing: dict[UUID, list[str]]


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def backup(folder: Path | None) -> None:
    """Copy the embedded database and all files to a new FOLDER; also while the service runs.

    Ends with the exit code 1 if files were missing that a request should have.
    """
    chosen = settings.read(environment.load())
    file = _database_file(chosen)
    folder = folder or Path(f"backup-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    if not file.exists():
        raise SystemExit(f"There is no database {file}.")
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} has something in it: name a new folder.")
    with closing(_database(chosen.database_url)) as db:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{DATABASE}.part"
        embedded.copy_file(file, part)
        with closing(_database(_url(part))) as copy:
            copied = _copied(copy, open_storage(chosen), _folders(folder))
            for public_id in [each for each in copied.missing if not db.read(is_there, each)]:
                copy.write(request_changes.delete, public_id, 0)  # as somebody did meanwhile
                del copied.missing[public_id]
    part.rename(folder / DATABASE)
    _say(copied, f"are in {folder}")


@click.command()
@click.option("--force", "forces", is_flag=True, help="Replace what is there.")
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path, *, forces: bool) -> None:
    """Bring back what is in FOLDER, which `backup` made; the service must be stopped.

    An older database is brought to the newest schema version. Nothing is removed before all is
    copied, and the database comes last: what breaks off can be done again.
    """
    chosen = settings.read(environment.load())
    file, storage = _database_file(chosen), open_storage(chosen)
    if not (folder / DATABASE).exists():
        raise SystemExit(f"{folder} is no backup, or one that broke off: it has no {DATABASE}.")
    if _is_own(folder, file, chosen):
        raise SystemExit(f"{folder} is where the service keeps its own: that is no backup.")
    _check_stopped(file)
    if not forces and (found := _already_there(file, storage)):
        raise SystemExit(f"There is {found} already; FORCE=1 replaces the database and all files.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".restore-") as beside:
        part = Path(beside) / file.name
        embedded.copy_file(folder / DATABASE, part)
        with closing(Database(_url(part))) as db:
            migrations.upgrade(db)
            copied = _copied(db, _folders(folder), storage)
            _put_in_place(part, file, forces=forces)
            for stored in storage.requests():
                if not db.read(is_known, stored.public_id):
                    storage.remove(stored.public_id)
    _say(copied, "are back")


def _database_file(chosen: Settings) -> Path:
    with closing(Database(chosen.database_url)) as db:
        name = db.engine.url.database or ":memory:"
        if db.is_embedded and not name.startswith((":memory:", "file:")):
            return Path(name).absolute()
    raise SystemExit(
        "This is for the embedded database in a file; docs/sqlserver.md says how a SQL Server is "
        "backed up."
    )


def _database(url: str) -> Database:
    """Raises WrongDatabase where it is of another version."""
    db = Database(url)
    if reason := migrations.reason_against(db):
        raise SystemExit(reason)
    return db


def _url(file: Path) -> str:
    return f"sqlite:///{file.absolute()}"


def _folders(folder: Path) -> Folders:
    return Folders(folder / "uploads", folder / "processed_images")


def _already_there(file: Path, storage: Storage) -> str | None:
    if file.exists():
        return f"a database {file}"
    stored = next(iter(storage.requests()), None)
    return f"a file of the request {stored.public_id}" if stored else None


def _is_own(folder: Path, file: Path, chosen: Settings) -> bool:
    """Whether files would be copied to themselves."""
    backup = _folders(folder)
    pairs = [
        (folder / DATABASE, file),
        (backup.upload_dir, chosen.upload_dir),
        (backup.processed_dir, chosen.processed_dir),
    ]
    return any(one.resolve() == other.resolve() for one, other in pairs)


def _check_stopped(file: Path) -> None:
    if embedded.is_in_use(file):
        raise SystemExit(f"{file} is in use: stop the service first.")


def _put_in_place(part: Path, file: Path, *, forces: bool) -> None:
    """A service that was started meanwhile has its database open, or has made a new one: it must
    not go on with the files of another.
    """
    _check_stopped(file)
    if forces:
        for suffix in ("", "-wal", "-shm"):
            file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
    try:
        os.link(part, file)  # fails where there is one
    except FileExistsError:
        raise SystemExit(
            f"{file} was made meanwhile: stop the service, and restore again with FORCE=1."
        ) from None


def _copied(db: Database, source: Storage, target: Storage) -> Copied:
    """Copy the files that the rows of a database name, and no others."""
    requests = files = 0
    missing: dict[UUID, list[str]] = {}
    for request in counted_requests(db):
        requests += 1
        for name, is_copied in _copy_request(db, request, source, target):
            files += is_copied
            if not is_copied:
                missing.setdefault(request.public_id, []).append(name)
    return Copied(requests, files, missing)


def _copy_request(
    db: Database, request: Counted, source: Storage, target: Storage
) -> Iterator[tuple[str, bool]]:
    """The names of a request's files, and whether each was there."""
    yield "its upload", _copy_upload(request.public_id, source, target)
    yield from _copy_images(request.public_id, set(output_names(db, request.id)), source, target)
    is_copied = _copy_output_csv(request.public_id, source, target)
    if is_copied or request.status is Status.COMPLETED:
        yield OUTPUT_CSV, is_copied


def _copy_upload(public_id: UUID, source: Storage, target: Storage) -> bool:
    try:
        with (
            source.upload(public_id) as path,
            path.open("rb") as content,
            target.keep_upload(public_id, content),
        ):
            return True
    except FileNotFoundError:
        return False


def _copy_images(
    public_id: UUID, names: set[str], source: Storage, target: Storage
) -> Iterator[tuple[str, bool]]:
    batch: list[tuple[UUID, str, bytes]] = []
    for name in names:
        try:
            with source.open(public_id, name).content as content:
                batch.append((public_id, name, content.read()))
        except FileNotFoundError:
            yield name, False
            continue
        yield name, True
        if len(batch) >= BATCH or sum(len(each[2]) for each in batch) > BATCH_BYTES:
            target.save_images(batch)
            batch = []
    if batch:
        target.save_images(batch)


def _copy_output_csv(public_id: UUID, source: Storage, target: Storage) -> bool:
    try:
        content = source.open(public_id, OUTPUT_CSV).content
    except FileNotFoundError:
        return False
    with content, target.output_csv(public_id) as copy:
        shutil.copyfileobj(content, copy, MIB)
    return True


def _say(copied: Copied, done: str) -> None:
    print(f"{copied.requests} requests with {copied.files} files {done}.")
    for public_id, names in copied.missing.items():
        print(f"{public_id}: files are missing: {', '.join(names[:5])}.")
    if copied.missing:
        raise SystemExit(1)
