"""Parts that stop, at the worst moment: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually
from work_queue.models import Base, Image, Product, Request
from work_queue.sql_functions import utc_now

LARGE_PICTURE = 150 * 1024 * 1024  # a worker has 80 MiB without one, one of 24 megapixels 70 more
OwnSystem = Callable[..., System]


def assert_all_is_there_once(system: System, status: dict[str, Any]) -> None:
    """Every image ended once: rows, counters, files and the output CSV say the same."""
    images = status["images"]
    assert {image["status"] for image in images} == {"Completed"}
    assert status["progress"]["completed"] == status["progress"]["total"] == len(images)
    assert status["bytes_out"] == sum(image["output_bytes"] for image in images)
    folder = system.folder / "processed" / status["request_id"]
    names = sorted(image["output_url"].rpartition("/")[2] for image in images)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "output.csv"])
    listed = ",".join(r["Output Image Urls"] for r in system.output_rows(status["request_id"]))
    assert listed.split(",") == [image["output_url"] for image in images]


def has_progressed(system: System, request_id: str, done: int) -> bool:
    progress = system.get(f"/status/{request_id}?limit=1").json()["progress"]
    return int(progress["completed"]) >= done


def is_decoding(system: System) -> bool:
    """Whether some process of the worker holds the pixels of a large picture (proc(5), statm)."""
    pages = [resident_pages(pid) for pid in system.worker_processes()]
    return max(pages, default=0) * os.sysconf("SC_PAGE_SIZE") > LARGE_PICTURE


def resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:  # it has just gone
        return 0


def test_killing_every_worker_process_three_times_loses_and_doubles_nothing(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    hook = origin.on("/hook-after-kills", content())
    rows = [(f"Product {n}", url) for n, url in enumerate(photo_urls(origin, 300))]
    request_id = system.accepted(csv_of(*rows), webhook_url=hook)

    for done in (30, 100, 170):
        eventually(partial(has_progressed, system, request_id, done))
        for pid in system.worker_processes():
            os.kill(pid, signal.SIGKILL)

    status = system.completed(request_id)
    assert_all_is_there_once(system, status)
    eventually(lambda: system.status(request_id)["webhook"]["status"] == "Delivered")
    ids = Counter(r.headers["webhook-id"] for r in origin.received if r.path == "/hook-after-kills")
    assert len(ids) == 1


def test_a_worker_killed_whole_and_started_again_goes_on(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 100))))

    eventually(partial(has_progressed, system, request_id, 10))
    system.kill("worker")
    system.start_worker()

    assert_all_is_there_once(system, system.completed(request_id))


def test_a_stopped_worker_gives_back_what_it_holds(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system(LEASE_SECONDS="600")
    urls = [origin.on(f"/slow-{n}.jpg", content(photo(n), delay=1)) for n in range(40)]
    request_id = system.accepted(csv_of(("Cup", *urls)))

    eventually(partial(has_progressed, system, request_id, 1))
    system.stop("worker")
    system.start_worker()

    assert_all_is_there_once(system, system.completed(request_id))


def test_an_upload_is_taken_at_once_while_redis_is_away(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    csv = csv_of(("Cup", *photo_urls(origin, 5)))
    system.redis.stop()

    started = time.monotonic()
    request_id = system.accepted(csv)
    assert time.monotonic() - started < 2
    assert system.get("/readyz").status_code == 200
    system.redis.start()

    assert_all_is_there_once(system, system.completed(request_id))


def test_readiness_says_that_images_have_to_wait(own_system: OwnSystem) -> None:
    system = own_system()
    eventually(lambda: system.get("/readyz").json()["status"] == "ok")

    system.kill("worker")
    system.redis.empty()  # as after a minute
    system.accepted(csv_of(("Cup", "http://a.example/1.jpg")))
    ready = system.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "none was heard of in the last minute" in ready.json()["workers"]
    assert ready.json()["oldest_due_seconds"] > 0

    system.redis.stop()
    ready = system.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["workers"].startswith("unknown")
    system.redis.start()


def test_jobs_that_wait_when_redis_is_emptied_are_done(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    system.kill("worker")
    requests = [system.accepted(csv_of(("Cup", *photo_urls(origin, 5)))) for _ in range(3)]

    system.redis.empty()
    system.start_worker()

    for request_id in requests:
        assert_all_is_there_once(system, system.completed(request_id))


def test_the_api_killed_and_started_again_answers_as_before(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 20))))

    system.kill("api")
    system.start_api()

    assert_all_is_there_once(system, system.completed(request_id))


def test_an_upload_cut_short_by_a_kill_of_the_api_leaves_nothing(own_system: OwnSystem) -> None:
    system = own_system(MAX_UPLOAD_BYTES=str(64 * 1024 * 1024))
    database = Database(system.database_url)
    large = csv_of(*((f"Cup {n}", f"http://a.example/{n}.jpg") for n in range(200_000)))
    with ThreadPoolExecutor(1) as thread:
        upload = thread.submit(system.upload, large)
        eventually(lambda: database.read(rows_of, Product))
        system.kill("api")
        assert upload.exception()
    assert database.read(rows_of, Request) == 1

    database.write(let_leases_run_out)  # as after five minutes

    eventually(lambda: database.read(rows_of, Request) == 0)
    assert database.read(rows_of, Product) == database.read(rows_of, Image) == 0
    assert [*(system.folder / "uploads").glob("*.csv")] == []


def rows_of(tx: Connection, table: type[Base]) -> int:
    return tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def let_leases_run_out(tx: Connection) -> None:
    tx.execute(sa.update(Request).values(lease_until=utc_now()))


def test_what_the_service_writes_is_for_its_own_user_alone(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 2)))))

    written = [*(system.folder / "uploads").rglob("*"), *(system.folder / "processed").rglob("*")]
    modes = {path.name: path.stat().st_mode & 0o077 for path in written}
    assert len(modes) == 5  # the upload, the folder of the request, two images, the output CSV
    assert not any(modes.values())


def test_no_upload_is_taken_when_the_disk_is_almost_full(own_system: OwnSystem) -> None:
    system = own_system(MIN_FREE_BYTES=str(2**60))

    refused = system.upload(csv_of(("Cup", "http://a.example/1.jpg")))
    ready = system.get("/readyz")

    for answer in (refused, ready):
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert [*(system.folder / "uploads").iterdir()] == []


def test_many_failures_of_one_kind_are_one_line_of_the_log(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    gone = [origin.url(f"/gone-{n}.jpg") for n in range(300)]

    system.completed(system.accepted(csv_of(("Cup", *gone))))

    lines = (system.folder / "system.log").read_text().splitlines()
    failed = [line for line in lines if "code=http_404" in line]
    assert sum(int(line.partition("count=")[2].split()[0]) for line in failed) == 300
    assert len(failed) <= 100


def test_an_image_that_stops_every_worker_ends_and_the_others_do_not_suffer(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(LEASE_SECONDS="1", MAX_IMAGE_BYTES=str(64 * 1024 * 1024))
    heavy = origin.on("/heavy.jpg", content(photo(width=6000, height=4000)))
    request_id = system.accepted(csv_of(("Cup", heavy, *photo_urls(origin, 10))))

    for _ in range(3):
        eventually(partial(is_decoding, system))
        for pid in system.worker_processes():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_decoding(system))

    images = system.completed(request_id)["images"]
    assert [image["status"] for image in images] == ["Failed"] + 10 * ["Completed"]
    assert images[0]["error"]["code"] == "stopped_the_worker"
