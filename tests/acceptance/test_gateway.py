"""The whole job through the gateway, and what the gateway answers by itself."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
import urllib3

from tests.acceptance.conftest import system_behind_gateway
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.slow_clients import KINDS, SlowClients, response_to
from tests.system import PATIENCE, System, csv_of, eventually, free_port

GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg"))


class Behind(NamedTuple):
    """A system as it is seen through the gateway, and its API as only the gateway sees it."""

    system: System
    api_url: str
    tls_url: str
    images: Path


@pytest.fixture(scope="module")
def behind(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    tls_port = free_port()
    tls = f"listen 127.0.0.1:{tls_port} ssl;\n{certificate(folder)}"
    with system_behind_gateway(origin, folder, extra=tls, OPEN="1") as (system, api_url):
        images = folder / "processed_images"
        yield Behind(system, api_url, f"https://127.0.0.1:{tls_port}", images)


def certificate(folder: Path) -> str:
    """The directives for a certificate that it signed itself."""
    key, signed = folder / "key.pem", folder / "certificate.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=gateway"]
    files = ["-keyout", str(key), "-out", str(signed)]
    subprocess.run(["openssl", "req", *options, *files], check=True, capture_output=True)  # noqa: S607
    return f"ssl_certificate {signed};\nssl_certificate_key {key};\n"


def problem(response: requests.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:problem-type:{body['code']}"
    assert body["title"]
    assert body["detail"]
    return body["status"], body["code"]


def answered(behind: Behind, *lines: str, body: bytes = b"") -> tuple[int, str]:
    """The status and the problem's code that come back for a request as it stands here."""
    parts = urlsplit(behind.system.url)
    head = "\r\n".join([*lines, "", ""]).format(host=parts.netloc)
    with socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE) as connection:
        connection.sendall(head.encode("latin-1") + body)
        response = HTTPResponse(connection)
        response.begin()
        assert response.headers["Content-Type"] == "application/problem+json"
        return response.status, json.load(response)["code"]


def test_a_job_goes_from_the_upload_to_images_and_the_output_csv(
    behind: Behind, origin: Origin
) -> None:
    system, urls = behind.system, photo_urls(origin, 4)
    request_id = system.accepted(csv_of(("Cup", *urls[:2]), ("Pot", *urls[2:])))

    images = system.completed(request_id)["images"]

    assert [image["status"] for image in images] == ["Completed"] * 4
    for image in images:
        assert image["output_url"].startswith(f"{system.url}/processed_images/")
        shown = requests.get(image["output_url"], timeout=PATIENCE)
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert len(shown.content) == image["output_bytes"]
    links = [row["Output Image Urls"] for row in system.output_rows(request_id)]
    assert ",".join(links).split(",") == [image["output_url"] for image in images]


def test_the_list_of_requests_needs_a_key(behind: Behind) -> None:
    assert problem(behind.system.get("/requests")) == (401, "missing_key")


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_what_is_for_the_inside_is_not_passed_on(behind: Behind, path: str) -> None:
    assert problem(behind.system.get(path)) == (403, "not_from_outside")


def test_an_image_is_served_as_the_api_serves_it_also_while_the_api_is_away(
    behind: Behind, origin: Origin
) -> None:
    system = behind.system
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    (image,) = system.completed(request_id)["images"]
    path = urlsplit(image["output_url"]).path
    by_api = requests.get(behind.api_url + path, timeout=PATIENCE)

    system.stop("api")
    try:
        by_gateway = system.get(path)
        part = system.get(path, headers={"Range": "bytes=2-5"})
        away = problem(system.get(f"/status/{request_id}"))
    finally:
        api_again(behind)

    assert by_gateway.content == by_api.content
    same = (
        "Content-Type",
        "Cache-Control",
        "X-Content-Type-Options",
        "Content-Security-Policy",
        "Referrer-Policy",
        "Cross-Origin-Resource-Policy",
    )
    assert {name: by_gateway.headers[name] for name in same} == {
        name: by_api.headers[name] for name in same
    }
    assert (part.status_code, part.content) == (206, by_api.content[2:6])
    assert away == (503, "service_unavailable")


def api_again(behind: Behind) -> None:
    behind.system.start_api()  # it waits for the gateway's /healthz, so for both


def test_nothing_else_of_the_folder_is_served(behind: Behind) -> None:
    folder = behind.images / str(uuid.uuid4())
    folder.mkdir(parents=True)
    for name in (".1-1.jpg.0a1b2c3d.part", "secret.txt", "1-1.jpg.part"):
        (folder / name).write_text("secret")

        found = behind.system.get(f"/processed_images/{folder.name}/{name}")

        assert problem(found) == (404, "file_not_found")


def test_json_and_csv_are_packed_and_images_are_not(behind: Behind, origin: Origin) -> None:
    system = behind.system
    request_id = system.accepted(csv_of(*[("Cup", *photo_urls(origin, 1))] * 20))
    image = system.completed(request_id)["images"][0]

    for path in (f"/status/{request_id}", f"/processed_images/{request_id}/output.csv"):
        packed = system.get(path, stream=True, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert b"Cup" in gzip.decompress(packed.raw.read())
    assert "Content-Encoding" not in requests.get(image["output_url"], timeout=PATIENCE).headers


def test_a_poll_for_what_has_not_changed_is_answered_304(behind: Behind) -> None:
    request_id = behind.system.accepted(csv_of(*[("Cup", "http://127.0.0.1:8/cup.jpg")] * 20))
    behind.system.completed(request_id)
    path = f"/status/{request_id}"
    packed = behind.system.get(path, headers={"Accept-Encoding": "gzip"})

    again = behind.system.get(path, headers={"If-None-Match": packed.headers["ETag"]})

    assert packed.headers["ETag"].startswith("W/")
    assert again.status_code == 304


def test_the_api_s_own_errors_pass_unchanged(behind: Behind) -> None:
    assert problem(behind.system.get("/nowhere")) == (404, "not_found")
    assert problem(behind.system.upload("Colour\nblue\n"))[0] == 422
    other = behind.system.get("/", headers={"Host": "evil.example"})
    assert problem(other) == (421, "unknown_host")
    foreign = behind.system.get("/upload", headers={"Origin": "https://evil.example"})
    assert problem(foreign) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("GET / HTTP/1.1",), (400, "malformed_request")),
        (("GET / HTTP/1.1", "Host: {host}", "no colon"), (400, "malformed_request")),
        (("nonsense",), (400, "malformed_request")),
        (
            ("GET / HTTP/1.1", "Host: {host}", "Content-Length: x"),
            (400, "malformed_request"),
        ),
        (("GET /" + "a" * 20_000 + " HTTP/1.1", "Host: {host}"), (414, "uri_too_long")),
        (("GET / HTTP/1.1", "Host: {host}", "X: " + "a" * 50_000), (431, "headers_too_large")),
        (("TRACE / HTTP/1.1", "Host: {host}"), (405, "method_not_allowed")),
        (
            ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: 2000000"),
            (413, "upload_too_large"),
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_its_own_errors_are_problems(
    behind: Behind, lines: tuple[str, ...], expected: tuple[int, str]
) -> None:
    assert answered(behind, *lines) == expected


def test_broken_chunks_and_half_an_upload_are_not_stored(behind: Behind) -> None:
    uploads = behind.system.folder / "uploads"
    before = sorted(uploads.glob("*"))
    head = ("POST /upload HTTP/1.1", "Host: {host}", "Content-Type: text/csv")

    assert answered(behind, *head, "Transfer-Encoding: chunked", body=b"zz\r\n")[0] == 400
    half = "\r\n".join([*head, f"Content-Length: {len(GOOD)}", "", GOOD[:-9]])
    host = urlsplit(behind.system.url).netloc
    with suppress(ConnectionResetError):
        response_to(behind.system.url, half.format(host=host).encode(), ends=True)

    assert sorted(uploads.glob("*")) == before


def test_an_address_that_asks_too_much_is_told_to_slow_down(behind: Behind) -> None:
    with requests.Session() as session:
        answers = (session.get(f"{behind.system.url}/nowhere", timeout=9) for _ in range(5000))
        refused = next(answer for answer in answers if answer.status_code == 429)

    assert problem(refused) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "5"
    eventually(lambda: behind.system.get("/healthz").ok)


@pytest.mark.parametrize("kind", KINDS)
def test_500_slow_clients_of_one_address_leave_all_others_answered(
    behind: Behind, kind: str
) -> None:
    file = behind.images / str(uuid.uuid4()) / "1-1.bmp"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(20 * 1024 * 1024))
    path = f"/processed_images/{file.parent.name}/{file.name}"
    with SlowClients(behind.system.url, kind, 500, path=path):
        assert behind.system.get("/healthz").ok
        assert behind.system.upload(GOOD).status_code == 202


def test_it_speaks_tls_where_it_has_a_certificate(behind: Behind) -> None:
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        answer = requests.get(f"{behind.tls_url}/healthz", verify=False, timeout=PATIENCE)  # noqa: S501

    assert answer.ok
