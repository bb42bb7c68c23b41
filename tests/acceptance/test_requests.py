"""What users do to their requests: find them again, try again, cancel, delete, tell again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from database import Database, Unavailable
from tests.acceptance.conftest import HeldPhoto
from tests.conftest import photo, photo_urls
from tests.origin import Origin, Received, content
from tests.system import PATIENCE, System, csv_of, eventually
from work_queue import request_changes
from work_queue.models import Base, Host, Image, Request
from work_queue.sql_functions import utc_now

OwnSystem = Callable[..., System]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def post(system: System, path: str, **form: str) -> requests.Response:
    return requests.post(f"{system.url}{path}", data=form, timeout=PATIENCE)


def delete(system: System, request_id: str) -> requests.Response:
    return requests.delete(f"{system.url}/requests/{request_id}", timeout=PATIENCE)


def received(origin: Origin, path: str) -> list[Received]:
    return [each for each in origin.received if each.path == path]


def rows_of(system: System, table: type[Base]) -> int:
    database = Database(system.database_url)
    with database.reading.connect() as tx:
        found = tx.scalar(sa.select(sa.func.count()).select_from(table))
    database.close()
    return found or 0


def statuses(status: dict[str, Any]) -> list[str]:
    return [image["status"] for image in status["images"]]


def test_requests_are_listed_newest_first_in_pages(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    ids = [system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))) for _ in range(5)]
    for each in ids:
        system.completed(each)

    first = system.get("/requests?limit=3").json()
    second = requests.get(first["next"], timeout=PATIENCE).json()

    listed = [*first["requests"], *second["requests"]]
    assert [each["request_id"] for each in listed] == ids[::-1]
    assert second["next"] is None
    assert listed[0]["progress"]["completed"] == 1
    assert listed[0]["status_url"] == f"{system.url}/status/{ids[-1]}"
    assert len(system.get("/requests?status=completed").json()["requests"]) == 5
    assert system.get("/requests?status=Pending").json()["requests"] == []
    assert len(system.get("/requests?q=PRODUCTS").json()["requests"]) == 5
    assert system.get("/requests?q=%25").json()["requests"] == []


def test_the_images_of_a_status_are_filtered_and_searched(system: System, origin: Origin) -> None:
    good, gone = photo_urls(origin, 4), [origin.url(f"/gone-{n}.jpg") for n in range(3)]
    request_id = system.accepted(
        csv_of(("Blue Cup", *good[:2], *gone), ("Red 100% Mug", *good[2:]))
    )
    system.completed(request_id)

    def found(query: str) -> list[str]:
        answer = system.get(f"/status/{request_id}?{query}").json()
        return [image["input_url"] for image in answer["images"]]

    assert found("status=failed") == gone
    assert found("status=Completed&q=mug") == good[2:]
    assert found("q=100%25") == good[2:]
    assert found("q=_") == []
    assert found("q=GONE-1") == [gone[1]]
    assert found("status=Pending") == []
    following = system.get(f"/status/{request_id}?status=Failed&limit=2").json()["next"]
    rest = requests.get(following, timeout=PATIENCE).json()
    assert [image["input_url"] for image in rest["images"]] == gone[2:]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_limit"),
        ("status=done", "invalid_status"),
        ("before=x", "invalid_before"),
        (f"before={UNKNOWN}", "invalid_before"),
        (f"q={'x' * 201}", "invalid_q"),
    ],
)
def test_a_wrong_parameter_of_the_list_is_named(system: System, query: str, code: str) -> None:
    answer = system.get(f"/requests?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_only_what_failed_is_tried_again_under_the_same_names(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    hook = origin.on("/hook-retry", content())
    good = photo_urls(origin, 2)
    bad = origin.on("/late-photo.jpg", content(b"", status=404))
    row = ("Cup", good[0], bad, good[1], bad)
    request_id = system.accepted(csv_of(row), webhook_url=hook)
    before = system.completed(request_id)
    assert statuses(before) == ["Completed", "Failed", "Completed", "Failed"]
    eventually(lambda: len(received(origin, "/hook-retry")) == 1)
    origin.on("/late-photo.jpg", content(photo(9)))

    answer = post(system, f"/requests/{request_id}/retry")

    assert (answer.status_code, answer.json()["retried"]) == (202, 2)
    after = system.completed(request_id)
    assert statuses(after) == ["Completed"] * 4
    assert [image["output_url"] for image in after["images"]][::2] == [
        image["output_url"] for image in before["images"]
    ][::2]
    assert [image["attempts"] for image in after["images"]] == [1, 1, 1, 1]
    assert after["progress"] == {
        "total": 4,
        "completed": 4,
        "failed": 0,
        "pending": 0,
        "percent": 100.0,
    }
    (output,) = system.output_rows(request_id)
    assert output["Output Image Urls"].count("http") == 4
    eventually(lambda: len(received(origin, "/hook-retry")) == 2)
    ids = {each.headers["webhook-id"] for each in received(origin, "/hook-retry")}
    assert len(ids) == 2


def test_a_message_has_one_body_also_when_the_request_is_tried_again_before_it_arrives(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(WEBHOOK_SCHEDULE="0,2,2,2")
    hook = origin.on("/hook-bodies", content(status=503), content())
    late = origin.on("/late-again.jpg", content(b"", status=404), content(photo(9)))
    request_id = system.accepted(csv_of(("Cup", late)), webhook_url=hook)
    eventually(lambda: received(origin, "/hook-bodies"))

    assert post(system, f"/requests/{request_id}/retry").json()["retried"] == 1

    eventually(lambda: system.status(request_id)["webhook"]["status"] == "Delivered")
    time.sleep(3)  # in which the first message would be sent again
    first, second = received(origin, "/hook-bodies")
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert b'"failed": 1' in first.body
    assert b'"failed": 0' in second.body


def test_nothing_is_tried_again_where_nothing_failed(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    before = system.completed(request_id)

    answer = post(system, f"/requests/{request_id}/retry")

    assert (answer.status_code, answer.json()["retried"]) == (202, 0)
    assert system.status(request_id)["completed_at"] == before["completed_at"]


def test_a_cancelled_request_ends_with_what_was_done(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    slow = [origin.on(f"/slow-{n}.jpg", content(photo(n), delay=30)) for n in range(40)]
    quick = photo_urls(origin, 3)
    request_id = system.accepted(csv_of(("Cup", *quick, *slow)))
    eventually(lambda: system.get(f"/status/{request_id}").json()["progress"]["completed"] == 3)

    answer = post(system, f"/requests/{request_id}/cancel")

    assert (answer.status_code, answer.json()["cancelled"]) == (202, 40)
    status = system.completed(request_id)
    assert statuses(status) == ["Completed"] * 3 + ["Failed"] * 40
    assert {image["error"]["code"] for image in status["images"][3:]} == {"cancelled"}
    assert status["progress"]["failed"] == 40
    (output,) = system.output_rows(request_id)
    assert output["Output Image Urls"].count("http") == 3


def test_a_cancel_leaves_no_file_of_an_image_that_was_worked_on(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    large = photo_urls(origin, 60, width=800, height=600)
    for done in (5, 10, 15):
        request_id = system.accepted(csv_of(("Cup", *large)))
        eventually(partial(has_done, system, request_id, done))
        assert post(system, f"/requests/{request_id}/cancel").json()["cancelled"] > 10
        system.completed(request_id)

    eventually(lambda: system.verified() == (0, "3 requests; nothing wrong.\n"))


def has_done(system: System, request_id: str, number: int) -> bool:
    done: int = system.get(f"/status/{request_id}?limit=1").json()["progress"]["completed"]
    return done >= number


def test_a_deleted_request_is_gone_with_its_files_also_while_it_runs(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(LEASE_SECONDS="2")
    slow = [origin.on(f"/slow-{n}.jpg", content(photo(n), delay=1)) for n in range(60)]
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 5), *slow)))
    eventually(lambda: system.get(f"/status/{request_id}").json()["progress"]["completed"] > 3)

    image = f"/processed_images/{request_id}/1-1.jpg"
    assert system.get(image).status_code == 200

    assert delete(system, request_id).status_code == 204

    assert system.get(f"/status/{request_id}").status_code == 404
    assert system.get(image).status_code == 404
    assert system.get("/requests").json()["requests"] == []
    assert delete(system, request_id).status_code == 404
    eventually(lambda: rows_of(system, Request) == rows_of(system, Image) == 0)
    time.sleep(2)  # in which a worker that has not noticed would write its images
    assert files_of(system) == []


def test_old_requests_are_removed_with_their_files(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system(RETENTION_DAYS="7")
    old, new = (system.accepted(csv_of(("Cup", *photo_urls(origin, 2)))) for _ in range(2))
    for each in (old, new):
        system.completed(each)
    database = Database(system.database_url)
    with database.engine.begin() as tx:
        made_old = sa.update(Request).where(Request.public_id == uuid.UUID(old))
        tx.execute(made_old.values(completed_at=datetime.now(UTC) - timedelta(days=8)))
    database.close()

    eventually(lambda: rows_of(system, Request) == 1)

    assert system.get(f"/status/{old}").status_code == 404
    assert system.get(f"/status/{new}").status_code == 200
    names = {path.name for path in files_of(system)}
    assert new in names
    assert old not in names
    assert f"{old}.csv" not in names


def files_of(system: System) -> list[Path]:
    folders = (system.folder / "uploads", system.folder / "processed")
    return [path for folder in folders for path in folder.rglob("*")]


def test_a_notification_is_sent_again_under_its_id(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    hook = origin.on("/hook-again", content())
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)
    system.completed(request_id)
    eventually(lambda: len(received(origin, "/hook-again")) == 1)
    eventually(lambda: system.status(request_id)["webhook"]["status"] == "Delivered")

    assert post(system, f"/requests/{request_id}/webhook").status_code == 202

    eventually(lambda: len(received(origin, "/hook-again")) == 2)
    first, second = received(origin, "/hook-again")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    eventually(lambda: len(system.status(request_id)["webhook"]["attempts"]) == 2)


def test_there_is_nothing_to_send_again_without_a_webhook(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)

    answer = post(system, f"/requests/{request_id}/webhook")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_notification")


def test_what_a_receiver_is_told_can_be_asked_for(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-told", content())
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)
    (sent,) = eventually(lambda: received(origin, "/hook-told"))

    answer = system.get(f"/requests/{request_id}/webhook")

    assert answer.content == sent.body


def test_what_would_be_told_is_there_also_where_nobody_is(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)

    body = system.get(f"/requests/{request_id}/webhook").json()

    assert (body["type"], body["request_id"]) == ("request.completed", request_id)


def test_nothing_is_told_of_a_request_that_is_under_way(system: System, held: HeldPhoto) -> None:
    request_id = system.accepted(csv_of(("Cup", held.url)))

    answer = system.get(f"/requests/{request_id}/webhook")

    assert (answer.status_code, answer.json()["code"]) == (409, "request_not_completed")


def test_a_receiver_is_tested_before_a_job_needs_it(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-test", content())
    gone = origin.on("/hook-gone", content(b"", status=404))

    well = post(system, "/webhooks/test", webhook_url=hook).json()
    badly = post(system, "/webhooks/test", webhook_url=gone).json()

    assert (well["delivered"], well["status_code"], well["error"]) == (True, 200, None)
    assert (badly["delivered"], badly["status_code"]) == (False, 404)
    (message,) = received(origin, "/hook-test")
    assert b'"webhook.test"' in message.body
    assert message.headers["webhook-signature"].startswith("v1,")


def test_a_test_reaches_no_inner_address(system: System) -> None:
    said = post(system, "/webhooks/test", webhook_url="http://169.254.169.254/").json()
    assert (said["delivered"], said["status_code"]) == (False, None)


@pytest.mark.parametrize("action", ["retry", "cancel", "webhook"])
def test_a_request_that_is_not_there_can_t_be_changed(system: System, action: str) -> None:
    answer = post(system, f"/requests/{UNKNOWN}/{action}")
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")


def test_retry_cancel_and_delete_at_the_same_moment_leave_nothing_behind(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(LEASE_SECONDS="2")
    bad = [origin.url(f"/gone-{n}.jpg") for n in range(500)]
    request_id = system.accepted(
        csv_of(("Cup", *photo_urls(origin, 100), *bad[:400]), ("Mug", *bad))
    )
    eventually(lambda: system.get(f"/status/{request_id}").json()["progress"]["failed"] > 20)

    with ThreadPoolExecutor(8) as threads:
        actions = [
            threads.submit(post, system, f"/requests/{request_id}/{action}")
            for _ in range(10)
            for action in ("retry", "cancel")
        ]
        answers = [action.result().status_code for action in actions]
    assert set(answers) == {202}
    status = system.completed(request_id)
    progress = status["progress"]
    assert progress["completed"] == statuses(status).count("Completed")
    assert progress["failed"] == statuses(status).count("Failed")
    assert progress["completed"] + progress["failed"] == progress["total"] == 1000

    with ThreadPoolExecutor(8) as threads:
        deleted = [threads.submit(delete, system, request_id) for _ in range(10)]
        codes = sorted(each.result().status_code for each in deleted)
    assert codes == [204] + [404] * 9
    eventually(lambda: rows_of(system, Request) == rows_of(system, Image) == 0)
    eventually(lambda: files_of(system) == [])


def test_a_repeated_upload_with_its_key_is_the_same_request(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    table = csv_of(("Cup", *photo_urls(origin, 3)))

    def upload(csv: str, key: str = "order-7") -> requests.Response:
        return requests.post(
            f"{system.url}/upload",
            files={"file": ("products.csv", csv)},
            headers={"Idempotency-Key": key},
            timeout=PATIENCE,
        )

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(upload, [table] * 8))
    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    assert len({answer["request_id"] for answer in accepted}) == 1
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert {answer["images"] for answer in accepted} == {3}

    assert upload(table).json()["request_id"] == accepted[0]["request_id"]
    other = upload(csv_of(("Mug", *photo_urls(origin, 1))))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert upload(table, "order-8").json()["request_id"] != accepted[0]["request_id"]
    assert upload(table, "k" * 256).json()["code"] == "invalid_idempotency_key"
    assert rows_of(system, Request) == 2
    assert len([*(system.folder / "uploads").glob("*.csv")]) == 2

    database = Database(system.database_url)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(created_at=datetime.now(UTC) - timedelta(hours=25)))
    database.close()
    assert upload(table).json()["request_id"] != accepted[0]["request_id"]


class BreaksOff(Database):
    """It can't be reached any more after its first transaction that writes."""

    def write(self, *arguments: Any, **named: Any) -> Any:
        if self.writes:
            raise Unavailable("it went away")
        self.writes += 1
        return super().write(*arguments, **named)

    writes = 0


def test_a_cancel_that_breaks_off_leaves_no_image_that_never_ends(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    system.kill("worker")
    same = origin.on("/same.jpg", content(photo(1)))
    rows = [(f"Cup {n}", same) for n in range(3_000)]
    request_id = system.accepted(csv_of(*rows))
    database = BreaksOff(system.database_url)

    with pytest.raises(Unavailable):
        request_changes.cancel(database, uuid.UUID(request_id))

    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(lease_until=utc_now()))  # as after a minute
    database.close()
    system.start_worker()

    progress = system.completed(request_id)["progress"]
    assert progress["completed"] + progress["failed"] == progress["total"] == 3_000
    assert progress["failed"] >= 1


def test_a_host_that_was_given_up_is_asked_again_by_a_retry(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    late = [origin.on(f"/back-{n}.jpg", content(b"", status=404)) for n in range(5)]
    request_id = system.accepted(csv_of(("Cup", *late)))
    system.completed(request_id)
    database = Database(system.database_url)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Host).values(timeouts=50))
    database.close()
    for number in range(5):
        origin.on(f"/back-{number}.jpg", content(photo(number)))

    assert post(system, f"/requests/{request_id}/retry").json()["retried"] == 5

    assert statuses(system.completed(request_id)) == ["Completed"] * 5


def test_images_are_found_by_what_is_wrong_with_them(system: System, origin: Origin) -> None:
    gone = origin.url("/gone.jpg")
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1), gone)), reduce_by="95")
    system.completed(request_id)

    def found(fault: str) -> list[str]:
        answer = system.get(f"/status/{request_id}", params={"fault": fault})
        return [image["input_url"] for image in answer.json()["images"]]

    assert found("dead_links") == [gone]
    assert found("lost_pixels") == photo_urls(origin, 1)
    refused = system.get(f"/status/{request_id}", params={"fault": "rust"})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_fault")
