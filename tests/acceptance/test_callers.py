"""Only its own pages, and programs, send the service anything, and only under its own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import photo
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of

OwnSystem = Callable[..., System]
GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg"))


def code_of(response: requests.Response) -> tuple[int, str | None]:
    body: dict[str, Any] = response.json()
    return response.status_code, body.get("code")


def uploaded(system: System, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    files = {"file": ("products.csv", GOOD)}
    return requests.post(f"{system.url}/upload", files=files, headers=named, timeout=PATIENCE)


@pytest.mark.parametrize("path", ["/", "/healthz", "/upload", "/nowhere"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "10.0.0.1",
        "[2001:db8::1]",
        "0.0.0.0",  # noqa: S104
    ],
)
def test_another_name_is_refused(system: System, path: str, host: str) -> None:
    assert code_of(system.get(path, headers={"Host": host})) == (421, "unknown_host")


@pytest.mark.parametrize(
    "host",
    ["", "a b", "127.0.0.1, evil.example", "127.0.0.1/x", "x@127.0.0.1", "127.0.0.1:x", "[::1"],
)
def test_what_is_no_name_is_refused(system: System, host: str) -> None:
    assert code_of(system.get("/healthz", headers={"Host": host})) == (400, "invalid_host")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:80", "127.8.8.8", "localhost:1", "LocalHost", "[::1]:5000"]
)
def test_loopback_has_many_names(system: System, host: str) -> None:
    assert system.get("/healthz", headers={"Host": host}).ok


def test_the_names_of_the_settings_are_known(own_system: OwnSystem) -> None:
    system = own_system(
        PUBLIC_BASE_URL="https://images.example:8443", TRUSTED_HOSTS="other.example, 10.0.0.5"
    )

    for host in ("images.example", "Images.Example.:8443", "other.example", "10.0.0.5:5000"):
        assert system.get("/healthz", headers={"Host": host}).ok
    own_page = uploaded(system, Origin="https://images.example:8443")
    assert own_page.status_code == 202
    assert code_of(uploaded(system, Origin="https://images.example")) == (403, "foreign_page")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "nonsense"},
    ],
    ids=str,
)
def test_what_a_page_of_another_site_uploads_is_refused(
    system: System, headers: dict[str, str]
) -> None:
    before = sorted((system.folder / "uploads").glob("*"))

    assert code_of(uploaded(system, **headers)) == (403, "foreign_page")
    assert sorted((system.folder / "uploads").glob("*")) == before


def test_its_own_page_and_programs_may_upload(system: System) -> None:
    assert uploaded(system).status_code == 202
    assert uploaded(system, Origin=system.url).status_code == 202
    assert uploaded(system, Origin=system.url, Sec_Fetch_Site="same-origin").status_code == 202


def test_a_link_on_another_site_may_lead_here(system: System) -> None:
    assert system.get("/", headers={"Sec-Fetch-Site": "cross-site"}).ok


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/static/page.js"])
def test_every_response_says_what_a_browser_may_do_with_it(system: System, path: str) -> None:
    headers = system.get(path).headers

    policy = headers["Content-Security-Policy"]
    for part in ("base-uri", "form-action", "object-src", "frame-ancestors", "default-src 'self'"):
        assert part in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_only_the_page_shows_images_of_other_sites(system: System) -> None:
    assert "img-src 'self' http: https:" in system.get("/").headers["Content-Security-Policy"]
    assert "img-src" not in system.get("/docs").headers["Content-Security-Policy"]


def test_images_may_be_embedded_by_a_shop_and_the_csv_may_not(
    system: System, origin: Origin
) -> None:
    url = origin.on("/embedded.jpg", content(photo(31)))
    request_id = system.accepted(csv_of(("Cup", url)))
    (image,) = system.completed(request_id)["images"]

    shown = system.get(urlsplit(image["output_url"]).path)
    table = system.get(f"/processed_images/{request_id}/output.csv")

    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert table.headers["Cross-Origin-Resource-Policy"] == "same-origin"


LONG = "1" * 300


@pytest.mark.parametrize(
    "path",
    [
        f"/processed_images/{{id}}/{LONG}-1.jpg",
        f"/processed_images/{{id}}/1-{LONG}.jpg",
        f"/processed_images/{LONG}/1-1.jpg",
        f"/status/{LONG}",
        f"/static/{LONG}",
        f"/{LONG}",
    ],
)
def test_a_name_of_300_digits_is_not_found(system: System, path: str) -> None:
    answer = system.get(path.format(id=system.accepted(GOOD)))

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


SHOP = "https://shop.example"


def test_a_listed_origin_may_send_read_and_ask_before(own_system: OwnSystem) -> None:
    system = own_system(CORS_ORIGINS=f"{SHOP},http://localhost:3000")
    asking = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}

    may_it = requests.options(f"{system.url}/upload", headers=asking, timeout=PATIENCE)
    sent = uploaded(system, Origin=SHOP, Sec_Fetch_Site="cross-site")
    not_found = system.get("/nowhere", headers={"Origin": SHOP})

    assert may_it.status_code == 204
    allowed = set(may_it.headers["Access-Control-Allow-Methods"].split(", "))
    assert allowed >= {"GET", "HEAD", "POST", "PUT", "DELETE"}
    assert may_it.headers["Access-Control-Allow-Headers"] == "Authorization, *"
    assert (sent.status_code, not_found.status_code) == (202, 404)
    for answer in (may_it, sent, not_found):
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Access-Control-Expose-Headers"] == "*"
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "page", ["https://shop.example.evil.example", "http://shop.example", "null", f"{SHOP}:8443"]
)
def test_an_origin_that_is_not_listed_may_nothing(own_system: OwnSystem, page: str) -> None:
    system = own_system(CORS_ORIGINS=SHOP)
    asking = {"Origin": page, "Access-Control-Request-Method": "POST"}

    may_it = requests.options(f"{system.url}/upload", headers=asking, timeout=PATIENCE)

    assert code_of(uploaded(system, Origin=page)) == (403, "foreign_page")
    for answer in (may_it, system.get("/healthz", headers={"Origin": page})):
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
