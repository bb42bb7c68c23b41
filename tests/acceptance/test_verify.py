"""`verify` finds what doesn't agree, and removes only what nobody has."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable

import sqlalchemy as sa

from database import Database
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import System, csv_of
from work_queue.models import Request

OwnSystem = Callable[..., System]
LONG_AGO = time.time() - 86_400


def test_what_agrees_is_said_to(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    gone = origin.url("/gone.jpg")
    for _ in range(2):
        system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 3), gone))))

    assert system.verified() == (0, "2 requests; nothing wrong.\n")


def test_counters_and_files_that_do_not_agree_are_named(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 3))))
    system.completed(request_id)
    folder = system.folder / "processed" / request_id
    (folder / "1-2.jpg").unlink()
    (folder / "9-9.jpg").write_bytes(b"")
    database = Database(system.database_url)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(completed=2, failed=1))
    database.close()

    code, said = system.verified()

    assert code == 1
    assert said.splitlines() == [
        f"{request_id}: its counters say 2 completed and 1 failed of 3, "
        "its images 3 completed and 0 failed of 3.",
        f"{request_id}: files are missing: 1-2.jpg.",
        f"{request_id}: files that no image has: 9-9.jpg; FIX=1 removes them.",
        "1 requests; 3 wrong.",
    ]


def test_files_that_no_image_of_a_request_has_are_removed(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 2))))
    system.completed(request_id)
    stray = system.folder / "processed" / request_id / "9-9.jpg"
    stray.write_bytes(b"of an image that was cancelled")

    assert (
        f"{request_id}: files that no image has: 9-9.jpg; removed." in system.verified("--fix")[1]
    )

    assert not stray.exists()
    assert system.verified() == (0, "1 requests; nothing wrong.\n")


def test_files_of_no_request_are_removed_when_they_are_old(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))))
    old, young = uuid.uuid4(), uuid.uuid4()
    uploads, processed = system.folder / "uploads", system.folder / "processed"
    for each in (old, young):
        (uploads / f"{each}.csv").write_text("left behind")
        (processed / str(each)).mkdir()
    broke_off = uploads / f".{uuid.uuid4()}.csv.part"  # of an API that was killed
    broke_off.write_text("half an upl")
    for path in (uploads / f"{old}.csv", processed / str(old), broke_off):
        os.utime(path, (LONG_AGO, LONG_AGO))
    (uploads / "notes.txt").write_text("not ours")

    code, said = system.verified("--fix")

    assert code == 1
    assert f"{old}: files of a request that is not there; removed." in said
    assert str(young) not in said
    assert not (uploads / f"{old}.csv").exists()
    assert not broke_off.exists()
    assert not (processed / str(old)).exists()
    assert (uploads / f"{young}.csv").exists()
    assert (uploads / "notes.txt").exists()
    assert system.verified() == (0, "1 requests; nothing wrong.\n")
