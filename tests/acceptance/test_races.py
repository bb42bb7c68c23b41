"""Changes of a request that meet each other, a worker's death, or a full disk."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from tests.acceptance.test_faults import assert_all_is_there_once
from tests.acceptance.test_requests import delete, files_of, has_done, post, rows_of, statuses
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import System, csv_of, eventually
from work_queue.models import Image, Request

OwnSystem = Callable[..., System]
UNLIMITED = resource.RLIM_INFINITY


def urls_of(origin: Origin, number: int) -> list[str]:
    """That many URLs of a few small photos, and every tenth of none."""
    small = photo_urls(origin, 20, width=40, height=30)
    dead = origin.url("/gone.jpg")
    return [f"{dead if n % 10 == 9 else small[n % 20]}?image={n}" for n in range(number)]


def change(system: System, request_id: str, action: str) -> requests.Response:
    if action == "delete":
        return delete(system, request_id)
    return post(system, f"/requests/{request_id}/{action}")


def kill_children(system: System) -> None:
    for pid in system.worker_processes():
        with suppress(ProcessLookupError):  # it has just gone
            os.kill(pid, signal.SIGKILL)


def test_retries_cancels_and_deletes_at_one_moment_take_only_what_was_asked(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    other = system.accepted(csv_of(("Bowl", *photo_urls(origin, 50))))
    request_id = system.accepted(csv_of(("Cup", *urls_of(origin, 1_000))))
    eventually(lambda: has_done(system, request_id, 20))

    with ThreadPoolExecutor(30) as threads:
        asked = [
            (action, threads.submit(change, system, request_id, action))
            for _ in range(10)
            for action in ("retry", "cancel", "delete")
        ]
    answers = [(action, answer.result().status_code) for action, answer in asked]

    assert sorted(code for action, code in answers if action == "delete") == [204] + [404] * 9
    assert {code for action, code in answers if action != "delete"} <= {202, 404}
    assert system.get(f"/status/{request_id}").status_code == 404
    assert_all_is_there_once(system, system.completed(other))
    eventually(lambda: rows_of(system, Request) == 1)
    eventually(lambda: {path.name for path in files_of(system) if request_id in str(path)} == set())
    assert rows_of(system, Image) == 50
    eventually(lambda: system.verified() == (0, "1 requests; nothing wrong.\n"))


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_a_worker_killed_in_the_middle_of_a_change_changes_nothing_of_it(
    own_system: OwnSystem, origin: Origin, action: str
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *urls_of(origin, 300))))
    eventually(lambda: has_done(system, request_id, 20))

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(change, system, request_id, action)
        kill_children(system)

    assert asked.result().status_code == 202
    status = system.completed(request_id)
    progress = status["progress"]
    assert progress["completed"] == statuses(status).count("Completed")
    assert progress["completed"] + progress["failed"] == progress["total"] == 300
    codes = {image["error"]["code"] for image in status["images"] if image["error"]}
    assert codes <= ({"http_404"} if action == "retry" else {"http_404", "cancelled"})
    eventually(lambda: system.verified() == (0, "1 requests; nothing wrong.\n"))


def test_workers_killed_while_they_remove_a_request_leave_nothing_of_it(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(LEASE_SECONDS="1")
    request_id = system.accepted(
        csv_of(*((f"Cup {n}", url) for n, url in enumerate(urls_of(origin, 1_000))))
    )
    eventually(lambda: has_done(system, request_id, 20))

    assert delete(system, request_id).status_code == 204
    for _ in range(3):
        kill_children(system)
        eventually(system.worker_processes)

    eventually(lambda: rows_of(system, Request) == rows_of(system, Image) == 0)
    eventually(lambda: files_of(system) == [])


def limit_files(pids: list[int], size: int) -> None:
    """No file of these processes may grow beyond this: every write fails, as on a full disk."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def test_what_is_deleted_on_a_full_disk_goes_when_there_is_room(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id, other = (
        system.accepted(csv_of(("Cup", *photo_urls(origin, 20)))) for _ in range(2)
    )
    for each in (request_id, other):
        system.completed(each)
    api, workers = system.api_processes(), system.worker_processes()

    limit_files([*api, *workers], 0)
    refused = delete(system, request_id)
    assert refused.status_code == 503, refused.text
    assert system.get(f"/processed_images/{request_id}/1-1.jpg").status_code == 200

    limit_files(api, UNLIMITED)
    assert delete(system, request_id).status_code == 204
    assert system.get(f"/status/{request_id}").status_code == 404
    assert rows_of(system, Request) == 2

    limit_files(workers, UNLIMITED)
    eventually(lambda: rows_of(system, Request) == 1)
    eventually(lambda: [path for path in files_of(system) if request_id in str(path)] == [])
    assert_all_is_there_once(system, system.status(other))
    assert system.verified() == (0, "1 requests; nothing wrong.\n")
