"""The operator: sees how the service is doing, pauses a host or all work, and lets it go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.acceptance.test_api_keys import code, new_user
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of, eventually

SEEN_SECONDS = 3.0  # in which workers that see a pause too late would have begun


@pytest.fixture
def running(own_system: Callable[..., System]) -> System:
    """Nobody else's work is paused by these tests."""
    return own_system(OPEN="")


def change(system: System, method: str, host: str) -> requests.Response:
    return requests.request(
        method, f"{system.url}/operator/pauses/{host}", headers=system.headers, timeout=PATIENCE
    )


def look(system: System) -> dict[str, Any]:
    answer = system.get("/operator")
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def host_of(origin: Origin) -> str:
    return f"localhost:{origin.address[1]}"


def urls_of_other_host(origin: Origin, number: int) -> list[str]:
    """The same pictures, from a host of another name."""
    return [url.replace("127.0.0.1", "localhost") for url in photo_urls(origin, number)]


def test_images_of_a_paused_host_wait_while_all_others_are_done(
    running: System, origin: Origin
) -> None:
    host = host_of(origin)
    assert change(running, "PUT", host.upper()).json() == {"host": host, "paused": True}

    request_id = running.accepted(
        csv_of(("Cup", *urls_of_other_host(origin, 3)), ("Vase", *photo_urls(origin, 3)))
    )
    eventually(lambda: running.status(request_id)["progress"]["completed"] == 3)
    time.sleep(SEEN_SECONDS)

    waiting = [each for each in running.status(request_id)["images"] if each["row"] == 1]
    assert {(each["status"], each["attempts"]) for each in waiting} == {("Pending", 0)}
    (pause,) = look(running)["pauses"]
    assert (pause["host"], pause["waiting_images"]) == (host, 3)
    assert running.get("/readyz").json()["work"] == "ok"

    change(running, "DELETE", host)

    assert running.completed(request_id)["progress"]["completed"] == 6
    assert {each["attempts"] for each in running.status(request_id)["images"]} == {1}
    assert look(running)["pauses"] == []


def test_all_work_is_paused_and_goes_on_with_nothing_lost(running: System, origin: Origin) -> None:
    slow = [
        origin.on(f"/slow-{n}.jpg", content(b"no picture", delay=0.3), content(b"no picture"))
        for n in range(40)
    ]
    request_id = running.accepted(csv_of(("Cup", *photo_urls(origin, 5)), ("Vase", *slow)))
    eventually(lambda: running.status(request_id)["progress"]["completed"])

    change(running, "PUT", "*")
    time.sleep(SEEN_SECONDS)  # what was begun is finished
    stopped_at = running.status(request_id)["progress"]
    time.sleep(SEEN_SECONDS)

    assert running.status(request_id)["progress"] == stopped_at
    ready = running.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert "paused" in ready.json()["work"]
    assert look(running)["paused_at"]

    later = running.accepted(csv_of(("Jug", *photo_urls(origin, 1))))
    assert running.status(later)["status"] == "Pending"
    change(running, "DELETE", "*")

    assert running.completed(later)["progress"]["completed"] == 1
    assert running.completed(request_id)["progress"]["pending"] == 0
    assert look(running)["paused_at"] is None
    assert running.verified()[0] == 0


def test_failures_are_counted_by_host_and_code_and_workers_by_what_they_ended(
    running: System, origin: Origin
) -> None:
    gone = [origin.on(f"/gone-{n}.jpg", content(status=404)) for n in range(3)]
    running.completed(running.accepted(csv_of(("Cup", *gone), ("Vase", *photo_urls(origin, 2)))))

    found = eventually(lambda: (seen := look(running))["failures"] and seen)

    host = f"127.0.0.1:{origin.address[1]}"
    (failure,) = found["failures"]
    assert (failure["host"], failure["code"], failure["failed_last_hour"]) == (host, "http_404", 3)
    assert sum(process["ended"] for process in found["processes"]) == 5
    assert found["images_per_second"] > 0
    assert found["workers"] == "ok"
    assert (found["waiting_images"], found["oldest_due_seconds"]) == (0, None)


def test_only_an_admin_s_key_is_an_operator_s(own_system: Callable[..., System]) -> None:
    closed = own_system(OPEN="0")
    shop, admin = new_user(closed), new_user(closed, "office", "--scope", "admin")

    assert code(closed.get("/operator")) == (401, "missing_key")
    assert code(change(closed, "PUT", "*")) == (401, "missing_key")
    assert code(shop.call("GET", "/operator")) == (403, "admin_only")
    assert code(shop.call("PUT", "/operator/pauses/*")) == (403, "admin_only")

    assert admin.call("PUT", "/operator/pauses/shop.example").ok
    (pause,) = admin.call("GET", "/operator").json()["pauses"]
    assert pause["host"] == "shop.example"
    audited = [line for line in log(closed) if "audit" in line and "host=shop.example" in line]
    assert "key_name=office" in audited[0]
    assert 'action="PUT /operator/pauses/<host>"' in audited[0]


def log(system: System) -> list[str]:
    return (system.folder / "system.log").read_text().splitlines()


def test_an_open_service_that_others_reach_has_no_operator_without_a_key(
    own_system: Callable[..., System],
) -> None:
    system = own_system(OPEN="1", BEHIND_GATEWAY="1")

    assert code(system.get("/operator")) == (401, "missing_key")
    assert code(change(system, "PUT", "*")) == (401, "missing_key")


@pytest.mark.parametrize("host", ["a@b.example", "two%20words", "x" * 256, "a%5Cb", "a%00b"])
def test_what_no_url_has_as_its_host_is_refused(system: System, host: str) -> None:
    assert code(change(system, "PUT", host)) == (400, "invalid_host_name")
