"""Keys: who may call, what belongs to whom, how much each may do, and how soon a key ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.cookiejar import Cookie
from typing import Any

import pytest
import requests
import sqlalchemy as sa
import standardwebhooks

from api import openapi
from database import Database
from tests.acceptance.conftest import system_for
from tests.conftest import photo, photo_urls
from tests.origin import Origin, Received, content, drip_body
from tests.system import PATIENCE, ROOT, System, csv_of, eventually
from work_queue import api_keys
from work_queue.models import ApiKey, Request

OwnSystem = Callable[..., System]
KEY = re.compile(r"img_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def closed(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A service that asks for keys, with those of two shops and of an admin."""
    with system_for(origin, tmp_path_factory.mktemp("closed"), System, OPEN="0") as system:
        yield system


class User:
    """Somebody with a key."""

    def __init__(self, system: System, key: str) -> None:
        self.system, self.key = system, key

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        url = f"{self.system.url}{path}"
        return requests.request(method, url, headers=headers, timeout=PATIENCE, **options)

    def upload(self, content: str, **options: Any) -> requests.Response:
        return self.call("POST", "/upload", files={"file": ("products.csv", content)}, **options)

    def accepted(self, content: str, **options: Any) -> str:
        answer = self.upload(content, **options)
        assert answer.status_code == 202, answer.text
        request_id: str = answer.json()["request_id"]
        return request_id

    def completed(self, request_id: str) -> dict[str, Any]:
        def status() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.call("GET", f"/status/{request_id}").json()
            return answer if answer["status"] == "Completed" else None

        found: dict[str, Any] = eventually(status)
        return found


def new_user(system: System, name: str = "", *options: str) -> User:
    exit_code, said = system.command("key", name or f"shop-{uuid.uuid4().hex[:8]}", *options)
    assert exit_code == 0, said
    return User(system, KEY.findall(said)[0])


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def verify(secret: str, notification: Received) -> None:
    headers = {name.lower(): value for name, value in notification.headers.items()}
    standardwebhooks.Webhook(secret).verify(notification.body, headers)


def one_image(origin: Origin) -> str:
    return csv_of(("Cup", *photo_urls(origin, 1)))


# --- who may call -------------------------------------------------------------------------------


def test_without_a_key_nothing_is_answered_but_what_everybody_may_see(closed: System) -> None:
    for method, path in (
        ("POST", "/upload"),
        ("GET", f"/status/{UNKNOWN}"),
        ("GET", "/requests"),
        ("POST", f"/requests/{UNKNOWN}/retry"),
        ("DELETE", f"/requests/{UNKNOWN}"),
        ("POST", "/webhooks/test"),
    ):
        answer = requests.request(method, f"{closed.url}{path}", timeout=PATIENCE)
        assert code(answer) == (401, "missing_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert closed.get("/").status_code == 200
    assert closed.get("/healthz").status_code == 200


@pytest.mark.parametrize("key", ["x", f"img_{'0' * 12}_{'A' * 43}", "img_é", " ", "img_" * 5000])
def test_a_wrong_key_is_refused(closed: System, key: str) -> None:
    answer = requests.get(
        f"{closed.url}/requests",
        headers={"Authorization": f"Bearer {key}".encode()},
        timeout=PATIENCE,
    )

    assert answer.status_code in (400, 401, 431)
    if answer.status_code == 401:
        assert answer.json()["code"] in ("invalid_key", "missing_key")


def test_the_right_prefix_with_a_wrong_secret_is_refused(closed: System) -> None:
    right = new_user(closed).key
    changed = right[:-1] + ("A" if right[-1] != "A" else "B")

    assert code(User(closed, changed).call("GET", "/requests")) == (401, "invalid_key")
    assert User(closed, right).call("GET", "/requests").status_code == 200


def test_a_shop_does_a_whole_job_with_its_key(closed: System, origin: Origin) -> None:
    shop = new_user(closed)

    request_id = shop.accepted(one_image(origin))
    status = shop.completed(request_id)

    assert status["progress"]["completed"] == 1
    image = status["images"][0]["output_url"]
    assert requests.get(image, timeout=PATIENCE).status_code == 200  # who has the link
    listed = shop.call("GET", "/requests").json()["requests"]
    assert [each["request_id"] for each in listed] == [request_id]


def routes_of_a_request() -> list[tuple[str, str]]:
    """Each method and path of the description that is about one request, and needs a key."""
    paths = openapi.document("https://images.example", "1")["paths"]
    return [
        (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "{request_id}" in path and "security" in operation
    ]


def test_each_route_of_a_request_needs_a_key_but_that_of_its_files(closed: System) -> None:
    paths = openapi.document("https://images.example", "1")["paths"]
    open_to_all = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        if "{request_id}" in path and "security" not in operation
    }

    files = "/processed_images/{request_id}/"
    assert {path.rpartition("/")[0] + "/" for path in open_to_all} == {files}
    for method, path in routes_of_a_request():
        url = closed.url + path.format(request_id=UNKNOWN)
        assert code(requests.request(method, url, timeout=PATIENCE)) == (401, "missing_key"), path


def test_what_belongs_to_another_key_does_not_exist_by_any_route(
    closed: System, origin: Origin
) -> None:
    owner, other = new_user(closed), new_user(closed)
    request_id = owner.accepted(one_image(origin))
    owner.completed(request_id)

    assert len(routes_of_a_request()) >= 5
    for method, path in routes_of_a_request():
        theirs = other.call(method, path.format(request_id=request_id))
        unknown = other.call(method, path.format(request_id=UNKNOWN))
        assert code(theirs) == code(unknown) == (404, "request_not_found"), (method, path)
    assert other.call("GET", "/requests").json()["requests"] == []
    assert other.call("GET", f"/requests?before={request_id}").status_code == 400
    assert owner.call("GET", f"/status/{request_id}").status_code == 200


def test_an_admin_sees_the_requests_of_all(closed: System, origin: Origin) -> None:
    shop, admin = new_user(closed), new_user(closed, "", "--scope", "admin")
    request_id = shop.accepted(one_image(origin))
    shop.completed(request_id)

    listed = admin.call("GET", "/requests").json()["requests"]
    assert request_id in [each["request_id"] for each in listed]
    assert admin.call("GET", f"/status/{request_id}").status_code == 200
    assert admin.call("DELETE", f"/requests/{request_id}").status_code == 204
    assert shop.call("GET", f"/status/{request_id}").status_code == 404


def test_the_same_idempotency_key_of_two_shops_makes_two_requests(
    closed: System, origin: Origin
) -> None:
    one, two = new_user(closed), new_user(closed)
    sent, headers = one_image(origin), {"Idempotency-Key": "order-7"}

    first, again, others = (user.accepted(sent, headers=headers) for user in (one, one, two))

    assert first == again
    assert others != first


# --- how a key ends -----------------------------------------------------------------------------


def test_a_revoked_key_ends_within_a_second_on_all_processes(closed: System) -> None:
    name = f"gone-{uuid.uuid4().hex[:8]}"
    shop = new_user(closed, name)
    for _ in range(20):  # all processes know it
        assert shop.call("GET", "/requests").status_code == 200

    assert closed.command("revoke", name)[0] == 0
    time.sleep(1.1)

    for _ in range(20):
        assert code(shop.call("GET", "/requests")) == (401, "invalid_key")
    assert "revoked" in closed.command("keys")[1]


def test_a_renewed_key_keeps_its_requests_and_the_old_secret_ends(
    closed: System, origin: Origin
) -> None:
    name = f"renewed-{uuid.uuid4().hex[:8]}"
    before = new_user(closed, name)
    request_id = before.accepted(one_image(origin))

    after = new_user(closed, name, "--renew")
    time.sleep(1.1)

    assert after.call("GET", f"/status/{request_id}").status_code == 200
    assert code(before.call("GET", f"/status/{request_id}")) == (401, "invalid_key")


def test_an_expired_key_is_refused(closed: System) -> None:
    shop = new_user(closed, "", "--expires", "2026-01-01")

    assert code(shop.call("GET", "/requests")) == (401, "invalid_key")


def test_a_key_revoked_in_the_middle_of_an_upload_stores_nothing(
    closed: System, origin: Origin
) -> None:
    name = f"middle-{uuid.uuid4().hex[:8]}"
    shop = new_user(closed, name)
    half, revoked = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        sent = one_image(origin).encode()
        yield sent[:10]
        half.set()
        revoked.wait(PATIENCE)
        yield sent[10:]

    answers: list[requests.Response] = []
    sending = threading.Thread(
        target=lambda: answers.append(
            shop.call("POST", "/upload", data=body(), headers={"Content-Type": "text/csv"})
        )
    )
    sending.start()
    half.wait(PATIENCE)
    closed.command("revoke", name)
    revoked.set()
    sending.join()

    assert code(answers[0]) == (401, "invalid_key")
    database = Database(closed.database_url)
    key = database.read(api_keys.find_key_named, name)
    assert key is not None
    with database.reading.connect() as tx:
        own = sa.select(sa.func.count()).select_from(Request).where(Request.key_id == key.id)
        assert tx.scalar(own) == 0
    database.close()


def test_a_key_s_last_use_is_recorded_and_not_at_every_request(closed: System) -> None:
    name = f"used-{uuid.uuid4().hex[:8]}"
    shop = new_user(closed, name)
    database = Database(closed.database_url)

    def last_use() -> Any:
        found = database.read(api_keys.find_key_named, name)
        return found and found.last_used_at

    assert last_use() is None
    shop.call("GET", "/requests")
    first = eventually(last_use)
    time.sleep(1.2)  # so that it is read anew
    shop.call("GET", "/requests")

    assert last_use() == first
    database.close()


# --- how much -----------------------------------------------------------------------------------


def test_more_requests_than_the_limit_are_told_when_to_go_on(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(OPEN="0", RATE_LIMIT="5")
    shop, other = new_user(system), new_user(system)

    answers = [shop.call("GET", "/requests") for _ in range(11)]  # a minute may begin meanwhile

    assert [each.status_code for each in answers[:5]] == [200] * 5
    assert answers[0].headers["RateLimit-Limit"] == "5"
    refused = answers[-1]
    assert code(refused) == (429, "too_many_requests")
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert other.call("GET", "/requests").status_code == 200


def test_without_redis_nothing_is_limited_and_nothing_is_slow(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system(OPEN="0", RATE_LIMIT="5")
    shop = new_user(system)
    system.redis.stop()

    answers = [shop.call("GET", "/requests") for _ in range(12)]

    assert {each.status_code for each in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers
    assert "not limited" in system.get("/readyz").json()["redis"]
    system.redis.start()


def test_a_key_s_own_limits_hold(closed: System, origin: Origin) -> None:
    held = origin.on("/held.jpg", drip_body())
    sent = csv_of(("Cup", held, held + "?2"))
    by_images = new_user(closed, "", "--max-open-images", "3")
    by_requests = new_user(closed, "", "--max-open-requests", "1")
    by_minute = new_user(closed, "", "--uploads-per-minute", "1")

    for user, expected in (
        (by_images, "too_many_open_images"),
        (by_requests, "too_many_open_requests"),
        (by_minute, "too_many_requests"),
    ):
        request_id = user.accepted(sent)
        answers = [user.upload(sent) for _ in range(2)]  # a minute may begin meanwhile
        assert code(answers[-1]) == (429, expected)
        assert int(answers[-1].headers["Retry-After"]) > 0
        user.call("DELETE", f"/requests/{request_id}")


def test_what_a_key_uses_in_a_day_is_counted_by_the_workers(closed: System, origin: Origin) -> None:
    name = f"day-{uuid.uuid4().hex[:8]}"
    shop = new_user(closed, name, "--bytes-per-day", "1000")
    photos = photo_urls(origin, 3, width=900, height=700)  # each takes some ticks of the clock
    shop.completed(shop.accepted(csv_of(("Cup", *photos))))
    database = Database(closed.database_url)
    key = database.read(api_keys.find_key_named, name)
    database.close()

    assert key is not None
    assert key.used_today.bytes == sum(len(photo(n, width=900, height=700)) for n in range(3))
    assert key.used_today.cpu_ms > 0
    time.sleep(1.1)
    refused = shop.upload(one_image(origin))
    assert code(refused) == (429, "daily_limit")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400


def test_a_key_signs_webhooks_with_its_own_secret(closed: System, origin: Origin) -> None:
    _, made = closed.command("key", f"hook-{uuid.uuid4().hex[:8]}", "--webhook-secret", "new")
    shop = User(closed, KEY.findall(made)[0])
    secret = re.findall(r"whsec_\S+", made)[0]
    hook = origin.on("/hook-of-key", content())

    shop.completed(shop.accepted(one_image(origin), data={"webhook_url": hook}))
    got = eventually(lambda: [each for each in origin.received if each.path == "/hook-of-key"])[0]
    verify(secret, got)

    shop.call("POST", "/webhooks/test", data={"webhook_url": hook})
    test = [each for each in origin.received if each.path == "/hook-of-key"][-1]
    verify(secret, test)


# --- turns --------------------------------------------------------------------------------------


def test_a_key_with_one_request_gets_as_much_as_one_with_many(
    own_system: OwnSystem, origin: Origin
) -> None:
    """Turns go round by key first; by requests alone the others would have eight times as much."""
    system = own_system(OPEN="0", DOWNLOAD_CONCURRENCY="4")
    many, one = new_user(system), new_user(system)
    system.kill("worker")
    sent = csv_of(("Cup", *photo_urls(origin, 200)))
    theirs, own = [many.accepted(sent) for _ in range(8)], one.accepted(sent)
    system.start_worker(processes=1)

    def completed(user: User, request_id: str) -> int:
        status = user.call("GET", f"/status/{request_id}?limit=1").json()
        return int(status["progress"]["completed"])

    eventually(lambda: completed(one, own) >= 100)

    assert sum(completed(many, each) for each in theirs) < 2.5 * completed(one, own)


# --- the page, secrets and the log --------------------------------------------------------------


def test_the_page_signs_in_and_keeps_the_key_where_no_script_reads_it(closed: System) -> None:
    shop = new_user(closed)
    with requests.Session() as browser:
        assert browser.get(f"{closed.url}/session", timeout=PATIENCE).json()["key_needed"] is True
        wrong = browser.post(f"{closed.url}/session", data={"key": "x"}, timeout=PATIENCE)
        assert code(wrong) == (401, "invalid_key")

        signed_in = browser.post(f"{closed.url}/session", data={"key": shop.key}, timeout=PATIENCE)
        assert signed_in.json()["key"]["scope"] == "write"
        (cookie,) = browser.cookies
        assert "HttpOnly" in signed_in.headers["Set-Cookie"]
        assert "SameSite=Strict" in signed_in.headers["Set-Cookie"]
        assert isinstance(cookie, Cookie)
        assert browser.get(f"{closed.url}/requests", timeout=PATIENCE).status_code == 200

        foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        forged = browser.post(
            f"{closed.url}/requests/{UNKNOWN}/cancel", headers=foreign, timeout=PATIENCE
        )
        assert code(forged) == (403, "foreign_page")

        browser.delete(f"{closed.url}/session", timeout=PATIENCE)
        assert browser.get(f"{closed.url}/requests", timeout=PATIENCE).status_code == 401


def test_the_log_says_what_a_key_did_and_never_its_secret(closed: System, origin: Origin) -> None:
    name = f"audited-{uuid.uuid4().hex[:8]}"
    _, made = closed.command("key", name, "--webhook-secret", "new")
    shop = User(closed, KEY.findall(made)[0])
    hook_secret = re.findall(r"whsec_\S+", made)[0]
    request_id = shop.accepted(
        one_image(origin), data={"webhook_url": origin.on("/hook-log", content())}
    )
    shop.completed(request_id)
    shop.call("DELETE", f"/requests/{request_id}")
    shop.call("GET", f"/status/{shop.key}")  # where it doesn't belong

    log = (closed.folder / "system.log").read_text()
    done = [line for line in log.splitlines() if "audit" in line and name in line]
    assert any("POST /upload" in line and request_id in line for line in done)
    assert any("DELETE /requests/<request_id>" in line and request_id in line for line in done)
    assert hook_secret not in log
    assert not re.search(rf"{shop.key[-43:]}", log)


def test_the_commands_show_a_key_once_and_list_it_without_its_secret(closed: System) -> None:
    name = f"listed-{uuid.uuid4().hex[:8]}"
    _, made = closed.command("key", name, "--max-open-images", "500")
    key = KEY.findall(made)[0]

    _, listed = closed.command("keys")
    assert name in listed
    assert "max_open_images=500" in listed
    assert key not in listed
    database = Database(closed.database_url)
    with database.reading.connect() as tx:
        kept = json.dumps([list(map(str, row)) for row in tx.execute(sa.select(ApiKey.__table__))])
    database.close()
    assert key[-43:] not in kept
    again = subprocess.run(
        [sys.executable, "-m", "commands", "key", name],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": closed.database_url},  # noqa: TID251 - passed on
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert again.returncode == 1
    assert "RENEW=1" in again.stderr
    assert closed.command("revoke", "nobody")[0] == 1
