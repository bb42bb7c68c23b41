"""The notification: signed, tried again on schedule, and every attempt shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import requests
import standardwebhooks

from tests.acceptance.conftest import SECRET
from tests.conftest import photo_urls
from tests.origin import Origin, Received, content, redirect, retry_later
from tests.system import PATIENCE, System, csv_of, eventually
from webhook import ATTEMPT_SECONDS

OwnSystem = Callable[..., System]
NEXT_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # noqa: S105


def notified(system: System, request_id: str) -> dict[str, Any]:
    """The webhook part of a status, once it is decided."""

    def decided() -> Any:
        webhook = system.get(f"/status/{request_id}").json()["webhook"]
        return webhook if webhook["status"] in ("Delivered", "Failed") else None

    found: dict[str, Any] = eventually(decided)
    return found


def received(origin: Origin, path: str) -> list[Received]:
    return [request for request in origin.received if request.path == path]


def test_a_receiver_gets_the_result_once_signed(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-once", content())
    url, missing = *photo_urls(origin, 1), origin.url("/nothing.jpg")
    request_id = system.accepted(csv_of(("Cup", url, missing)), webhook_url=hook)

    webhook = notified(system, request_id)

    (request,) = received(origin, "/hook-once")
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))
    body = json.loads(request.body)
    assert (body["type"], body["request_id"]) == ("request.completed", request_id)
    assert (body["progress"]["completed"], body["progress"]["failed"]) == (1, 1)
    status = system.status(request_id)
    assert [i["output_url"] for i in body["output_images"]] == [
        i["output_url"] for i in status["images"]
    ]
    for name in ("output_csv", "import_csv", "report_csv", "failed_csv", "images_zip"):
        assert body[f"{name}_url"] == status[f"{name}_url"]
    assert body["failed_csv_url"].endswith(f"/{request_id}/failed.csv")
    assert [a["status_code"] for a in webhook["attempts"]] == [200]


def test_a_webhook_that_fails_three_times_is_delivered_the_fourth_time(
    system: System, origin: Origin
) -> None:
    down = content(status=500)
    hook = origin.on("/hook-down", down, retry_later("1", status=503), down, content(status=204))
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)

    webhook = notified(system, request_id)

    assert webhook["status"] == "Delivered"
    assert [a["status_code"] for a in webhook["attempts"]] == [500, 503, 500, 204]
    assert "500" in webhook["attempts"][0]["error"]
    assert len({r.headers["webhook-id"] for r in received(origin, "/hook-down")}) == 1


def test_a_webhook_that_always_fails_ends_and_the_request_stays_completed(
    system: System, origin: Origin
) -> None:
    hook = origin.on("/hook-never", content(status=500))
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)

    webhook = notified(system, request_id)

    assert webhook["status"] == "Failed"
    assert len(webhook["attempts"]) == 4
    assert system.status(request_id)["status"] == "Completed"


def test_a_receiver_that_is_gone_is_left_alone(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-gone", content(status=410))
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)

    assert notified(system, request_id)["status"] == "Failed"
    assert len(received(origin, "/hook-gone")) == 1


def test_a_redirect_of_a_webhook_is_not_followed(system: System, origin: Origin) -> None:
    target = origin.on("/hook-target", content())
    hook = origin.on("/hook-moved", redirect(target))
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))), webhook_url=hook)

    assert notified(system, request_id)["status"] == "Failed"
    assert received(origin, "/hook-target") == []


def test_a_webhook_to_an_inner_address_is_never_sent(system: System, origin: Origin) -> None:
    request_id = system.accepted(
        csv_of(("Cup", *photo_urls(origin, 1))), webhook_url="http://127.0.0.1:8080/"
    )

    webhook = notified(system, request_id)

    assert webhook["status"] == "Failed"
    assert "address" in webhook["attempts"][0]["error"]


def test_of_many_images_the_list_is_left_out(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-many", content())
    (url,) = photo_urls(origin, 1)
    request_id = system.accepted(
        csv_of(*[("Cup", f"{url}?{n}") for n in range(101)]), webhook_url=hook
    )

    notified(system, request_id)

    (request,) = received(origin, "/hook-many")
    assert json.loads(request.body)["output_images_truncated"] is True
    assert len(request.body) < 20_000


def test_a_body_that_would_be_large_has_no_list(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-large", content())
    (url,) = photo_urls(origin, 1)
    long_urls = [f"{url}?{n}{'x' * 1000}" for n in range(20)]
    request_id = system.accepted(csv_of(("Cup", *long_urls)), webhook_url=hook)

    notified(system, request_id)

    (request,) = received(origin, "/hook-large")
    assert json.loads(request.body)["output_images_truncated"] is True
    assert len(request.body) < 20_000


def test_a_receiver_that_hangs_holds_up_no_other(
    own_system: Callable[..., System], origin: Origin
) -> None:
    with Origin() as hanging:
        hosts = ",".join(f"127.0.0.1:{each.address[1]}" for each in (origin, hanging))
        system = own_system(ALLOWED_PRIVATE_HOSTS=hosts)
        never = hanging.on("/hook", content(delay=600))
        hook = origin.on("/hook-beside", content())
        products = csv_of(("Cup", origin.url("/nothing.jpg")))
        started = time.monotonic()
        for _ in range(30):
            system.accepted(products, webhook_url=never)
        eventually(lambda: hanging.hits["/hook"])

        request_id = system.accepted(products, webhook_url=hook)

        assert notified(system, request_id)["status"] == "Delivered"
        rounds = 1 + (time.monotonic() - started) // ATTEMPT_SECONDS
        assert hanging.most_open <= 2 * rounds  # one of each worker process until it gives up


def test_before_the_request_is_completed_its_webhook_waits(system: System, origin: Origin) -> None:
    hook = origin.on("/hook-later", content())
    slow = origin.on("/slow.jpg", content(status=503))
    request_id = system.accepted(csv_of(("Cup", slow)), webhook_url=hook)

    webhook = system.get(f"/status/{request_id}").json()["webhook"]

    assert (webhook["url"], webhook["status"], webhook["attempts"]) == (hook, "Pending", [])
    assert notified(system, request_id)["status"] == "Delivered"


def test_while_a_secret_is_replaced_both_sign(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system(WEBHOOK_SECRET=f"{SECRET} {NEXT_SECRET}")
    hook = origin.on("/hook-two-secrets", content())

    tried = requests.post(f"{system.url}/webhooks/test", {"webhook_url": hook}, timeout=PATIENCE)

    assert tried.json()["signed"] is True
    (request,) = received(origin, "/hook-two-secrets")
    for secret in (SECRET, NEXT_SECRET):
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
