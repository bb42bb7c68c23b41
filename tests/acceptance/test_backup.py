"""A backup of a service that runs, and the service that is made of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests

from tests.acceptance.conftest import HeldPhoto
from tests.acceptance.test_commands import Command
from tests.acceptance.test_webhook import notified, received
from tests.conftest import photo_urls, server_url
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of, eventually

OwnSystem = Callable[..., System]
pytestmark = pytest.mark.skipif(
    server_url() is not None, reason="it is for the embedded database; servers have their own"
)


def stop(system: System) -> None:
    for name in ("api", "worker"):
        system.kill(name)


def start(system: System) -> None:
    system.start_api()
    system.start_worker()


def lose_everything(system: System) -> None:
    for path in ("uploads", "processed"):
        shutil.rmtree(system.folder / path)
    for file in system.folder.glob("test.db*"):
        file.unlink()


def progress(system: System, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = system.get(f"/status/{request_id}?limit=1").json()["progress"]
    return found


def test_a_job_that_ran_goes_on_from_the_backup_and_nothing_is_lost_or_doubled(
    own_system: OwnSystem, origin: Origin, held: HeldPhoto, tmp_path: Path
) -> None:
    system, folder, hook = own_system(), tmp_path / "kept", origin.on("/hook-kept", content())
    urls = photo_urls(origin, 12)
    done = system.accepted(csv_of(("Cup", *urls[:3])))
    before = system.completed(done)
    running = system.accepted(csv_of(("Cup", *urls), ("Pot", held.url)), webhook_url=hook)
    eventually(lambda: progress(system, running)["completed"] == 12)
    images = system.get(f"/status/{running}").json()["images"][:12]

    assert system.command("backup", str(folder))[0] == 0
    stop(system)
    lose_everything(system)
    held.release()
    asked = len(origin.received)
    code, words = system.command("restore", str(folder))
    start(system)
    after = system.completed(running)

    assert (code, words) == (0, "2 requests with 18 files are back.\n")
    assert system.status(done) == before
    assert after["images"][:12] == images
    assert after["progress"]["completed"] == 13
    assert len(system.output_rows(running)) == 2
    assert notified(system, running)["status"] == "Delivered"
    assert len(received(origin, "/hook-kept")) == 1
    assert {each.path for each in origin.received[asked:]} == {"/held.jpg", "/hook-kept"}
    assert system.verified() == (0, "2 requests; nothing wrong.\n")


def test_a_job_that_is_deleted_while_the_backup_is_made_is_not_in_it(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system, folder = own_system(), tmp_path / "kept"
    kept, deleted = (system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))) for _ in range(2))
    for each in (kept, deleted):
        system.completed(each)
    image = system.folder / "processed" / kept / "1-1.jpg"
    picture = image.read_bytes()

    image.unlink()
    os.mkfifo(image)  # the backup waits at it, with the database copied
    with Command("backup", str(folder), **system.environment) as command:
        writer = eventually(lambda: opened_by_a_reader(image))
        requests.delete(f"{system.url}/requests/{deleted}", timeout=PATIENCE)
        eventually(lambda: not (system.folder / "uploads" / f"{deleted}.csv").exists())
        image.unlink()
        image.write_bytes(picture)
        writer.write(picture)
        writer.close()
        assert command.ended() == 0
    stop(system)
    system.command("restore", "--force", str(folder))
    start(system)

    assert system.status(kept)["progress"]["completed"] == 1
    assert system.get(f"/status/{deleted}").status_code == 404
    eventually(lambda: system.verified() == (0, "1 requests; nothing wrong.\n"))


def opened_by_a_reader(pipe: Path) -> BinaryIO | None:
    """The end to write to, once somebody reads at the other one."""
    with suppress(OSError):
        return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")
    return None


def test_a_restore_takes_nothing_away_unasked(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system, folder = own_system(), tmp_path / "kept"
    kept = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(kept)
    system.command("backup", str(folder))
    later = system.accepted(csv_of(("Cup", *photo_urls(origin, 2))))
    system.completed(later)

    while_it_runs = system.command("restore", "--force", str(folder))
    stop(system)
    unasked = system.command("restore", str(folder))
    forced = system.command("restore", "--force", str(folder))
    start(system)

    assert while_it_runs[0] == 1
    assert "is in use: stop the service first." in while_it_runs[1]
    assert unasked[0] == 1
    assert "FORCE=1 replaces the database and all files." in unasked[1]
    assert forced == (0, "1 requests with 3 files are back.\n")
    assert system.get(f"/status/{later}").status_code == 404
    assert system.status(kept)["progress"]["completed"] == 1
    assert system.verified() == (0, "1 requests; nothing wrong.\n")


def test_a_file_that_is_missing_is_said_and_the_rest_is_kept(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 2))))
    system.completed(request_id)
    (system.folder / "processed" / request_id / "1-2.jpg").unlink()

    code, words = system.command("backup", str(tmp_path / "kept"))

    assert code == 1
    assert words.splitlines() == [
        f"1 requests with 3 files are in {tmp_path}/kept.",
        f"{request_id}: files are missing: 1-2.jpg.",
    ]


def test_what_is_no_backup_and_no_new_folder_is_refused(
    own_system: OwnSystem, tmp_path: Path
) -> None:
    system = own_system()
    stop(system)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()

    backup, restore = (system.command(each, f"{tmp_path}/other") for each in ("backup", "restore"))

    assert backup == (1, f"{tmp_path}/other has something in it: name a new folder.\n")
    assert restore[0] == 1
    assert "is no backup, or one that broke off" in restore[1]


def test_the_service_s_own_folder_is_no_backup(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)
    stop(system)
    shutil.copy(system.folder / "test.db", system.folder / "image_processing.db")

    code, words = system.command("restore", "--force", str(system.folder))

    assert code == 1
    assert "is where the service keeps its own: that is no backup." in words
    start(system)
    assert system.verified() == (0, "1 requests; nothing wrong.\n")


def test_a_service_that_starts_during_a_restore_stops_it(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system, folder = own_system(), tmp_path / "kept"
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)
    system.command("backup", str(folder))
    stop(system)
    image = folder / "processed_images" / request_id / "1-1.jpg"
    picture = image.read_bytes()

    image.unlink()
    os.mkfifo(image)  # the restore waits at it
    with Command("restore", "--force", str(folder), **system.environment) as command:
        writer = eventually(lambda: opened_by_a_reader(image))
        start(system)
        writer.write(picture)
        writer.close()
        assert command.ended() == 1

    assert "is in use: stop the service first." in command.output
    assert system.verified() == (0, "1 requests; nothing wrong.\n")


def test_a_backup_without_its_files_costs_none_that_are_there(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system, folder = own_system(), tmp_path / "kept"
    system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))))
    system.command("backup", str(folder))
    stop(system)
    for name in ("uploads", "processed_images"):
        shutil.rmtree(folder / name)

    code, words = system.command("restore", "--force", str(folder))

    assert code == 1
    assert "files are missing: its upload" in words
    start(system)
    assert system.verified() == (0, "1 requests; nothing wrong.\n")


def test_another_database_is_backed_up_by_its_own_means(
    own_system: OwnSystem, tmp_path: Path
) -> None:
    with Command("backup", str(tmp_path / "kept"), DATABASE_URL="sqlite://") as command:
        assert command.ended() == 1

    assert "docs/sqlserver.md" in command.output
