"""What is no request, or no whole one, is a problem below 500, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.slow_clients import response_to, status_of
from tests.system import System, csv_of

GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg"), ("Pot", "http://127.0.0.1:8/pot.jpg")).encode()
CSV = "Content-Type: text/csv"
CHUNKED = "Transfer-Encoding: chunked"


def sent(
    system: System, line: str, *headers: str, body: bytes = b"", ends: bool = True
) -> tuple[int, dict[str, Any]]:
    """The status and the problem that come back for a request as it stands here."""
    head = "\r\n".join([line, *headers, "", ""]).format(host=urlsplit(system.url).netloc)
    response = response_to(system.url, head.encode("latin-1"), body, ends=ends)
    head_of_response, _, content = response.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head_of_response.lower()
    return status_of(response), json.loads(content)


def posted(system: System, kind: str, length: int, body: bytes) -> tuple[int, dict[str, Any]]:
    """The same for an upload that states its length."""
    line, host = "POST /upload HTTP/1.1", "Host: {host}"
    return sent(system, line, host, kind, f"Content-Length: {length}", body=body)


def uploads_kept(system: System) -> list[str]:
    return sorted(each.name for each in (system.folder / "uploads").glob("*"))


@pytest.mark.parametrize("missing", [1, 50, len(GOOD)])
def test_an_upload_that_ends_before_its_length_is_refused_and_not_kept(
    system: System, missing: int
) -> None:
    system.accepted(GOOD)
    before = uploads_kept(system)

    status, problem = posted(system, CSV, len(GOOD), GOOD[: len(GOOD) - missing])

    assert (status, problem["code"]) == (400, "incomplete_upload")
    assert uploads_kept(system) == before


def test_a_form_that_ends_before_its_length_is_refused_and_not_kept(system: System) -> None:
    before = uploads_kept(system)
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + GOOD
    kind = "Content-Type: multipart/form-data; boundary=b"

    status, problem = posted(system, kind, len(part) + 9, part)

    assert (status, problem["code"]) == (400, "incomplete_upload")
    assert uploads_kept(system) == before


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3;\x00\r\nabc\r\n0\r\n\r\n",
        b"1" * 5000,
        b"0\r\n" + b"a" * 5000,
    ],
)
def test_broken_chunks_are_refused_and_not_kept(system: System, body: bytes) -> None:
    before = uploads_kept(system)

    status, _ = sent(system, "POST /upload HTTP/1.1", "Host: {host}", CSV, CHUNKED, body=body)

    assert status == 400
    assert uploads_kept(system) == before


def test_chunks_that_end_before_the_last_are_refused_and_not_kept(system: System) -> None:
    before = uploads_kept(system)
    body = f"{len(GOOD):x}\r\n".encode() + GOOD + b"\r\n"

    status, problem = sent(system, "POST /upload HTTP/1.1", "Host: {host}", CSV, CHUNKED, body=body)

    assert (status, problem["code"]) == (400, "incomplete_upload")
    assert uploads_kept(system) == before


@pytest.mark.parametrize(
    "head",
    [
        ("GET / HTTP/1.1",),
        ("GET / HTTP/2.0", "Host: {host}"),
        ("GET / HTTP/1.1 and more", "Host: {host}"),
        ("get / HTTP/1.1", "Host: {host}"),
        ("GET http://[::1/ HTTP/1.1", "Host: {host}"),
        ("\x16\x03\x01",),
        ("GET / HTTP/1.1", "Host: {host}", "no colon"),
        ("GET / HTTP/1.1", "Host: {host}", "Space : 1"),
        ("GET / HTTP/1.1", " folded", "Host: {host}"),
        ("GET / HTTP/1.1", "Host: {host}", "X-Nul: a\0b"),
        ("GET / HTTP/1.1", "Host: {host}\nX-Bare: 1"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: -1"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: 1e3"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: 3, 4"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: 3", "Content-Length: 4"),
        ("POST /upload HTTP/1.1", "Host: {host}", f"Content-Length: {'9' * 5000}"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Content-Length: 5", CHUNKED),
        ("POST /upload HTTP/1.1", "Host: {host}", "Transfer-Encoding: gzip"),
        ("POST /upload HTTP/1.1", "Host: {host}", "Transfer-Encoding: chunked, gzip"),
        ("POST /upload HTTP/1.0", "Host: {host}", CHUNKED),
    ],
    ids=lambda head: head[-1][:40],
)
def test_a_request_that_two_servers_could_read_in_two_ways_is_refused(
    system: System, head: tuple[str, ...]
) -> None:
    status, problem = sent(system, *head)

    assert (status, problem["code"]) == (400, "malformed_request")


def test_headers_that_are_too_large_are_refused(system: System) -> None:
    status, problem = sent(system, "GET / HTTP/1.1", "Host: {host}", f"X-Large: {'a' * 100_000}")

    assert (status, problem["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(
    system: System, more: tuple[str, ...]
) -> None:
    length = "Content-Length: 5000000"

    status, problem = sent(
        system, "POST /upload HTTP/1.1", "Host: {host}", CSV, length, *more, ends=False
    )

    assert (status, problem["code"]) == (413, "upload_too_large")


def test_whoever_sends_a_body_over_the_limit_can_read_the_refusal(system: System) -> None:
    body = b"a" * 5_000_000

    status, problem = posted(system, CSV, len(body), body)

    assert (status, problem["code"]) == (413, "upload_too_large")


def test_a_client_that_asks_first_is_told_to_send_its_body(system: System) -> None:
    head = "\r\n".join(
        [
            "POST /upload HTTP/1.1",
            f"Host: {urlsplit(system.url).netloc}",
            CSV,
            f"Content-Length: {len(GOOD)}",
            "Expect: 100-continue",
            "\r\n",
        ]
    )

    response = response_to(system.url, head.encode(), GOOD, ends=True)

    assert response.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")


def test_only_the_first_of_several_requests_sent_at_once_is_answered(system: System) -> None:
    one = f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(system.url).netloc}\r\n\r\n".encode()

    response = response_to(system.url, one * 50)

    assert response.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in response
