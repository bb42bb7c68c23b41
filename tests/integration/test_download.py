"""URL to bytes: what the row of a picture says when there are none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound import MAX_RETRY_AFTER, HttpClient, Response
from pipeline.download import DownloadFailed, download
from tests.origin import Origin, closed_port, content, drip_body, raw, redirect, retry_later

pytestmark = pytest.mark.integration

PICTURE = bytes(range(256)) * 40


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def client(origin: Origin) -> Iterator[HttpClient]:
    made = HttpClient(
        allowed_ports=frozenset({80}),
        allowed_private_hosts=frozenset({origin.address}),
        connections=2,
    )
    yield made
    made.close()


def failure(client: HttpClient, url: str, *, seconds: float = 10) -> DownloadFailed:
    with pytest.raises(DownloadFailed) as caught:
        download(client, url, seconds=seconds, max_bytes=100_000)
    return caught.value


def test_a_download_is_the_file_as_it_was_sent(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", content(PICTURE, headers={"Content-Type": "text/html"}))
    assert download(client, url, seconds=10, max_bytes=100_000) == PICTURE


def test_a_download_comes_from_where_the_redirects_end(origin: Origin, client: HttpClient) -> None:
    origin.on("/cup.jpg", content(PICTURE))
    url = origin.on("/old", redirect("/cup.jpg"))
    assert download(client, url, seconds=10, max_bytes=100_000) == PICTURE


@pytest.mark.parametrize(
    "status", [201, 204, 206, 302, 304, 400, 401, 403, 404, 410, 418, 451, 999]
)
def test_an_answer_that_will_stay_the_same_fails_for_good(
    origin: Origin, client: HttpClient, status: int
) -> None:
    error = failure(
        client, origin.on("/cup.jpg", content(PICTURE * (status == 206), status=status))
    )
    assert (error.code, error.permanent) == (f"http_{status}", True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_an_answer_that_may_change_can_be_tried_again(
    origin: Origin, client: HttpClient, status: int
) -> None:
    error = failure(client, origin.on("/cup.jpg", content(status=status)))
    assert (error.code, error.permanent) == (f"http_{status}", False)


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "The server answered 404 Not Found."), (999, "The server answered 999.")],
)
def test_a_refusal_is_told_in_words(
    origin: Origin, client: HttpClient, status: int, words: str
) -> None:
    assert str(failure(client, origin.on("/cup.jpg", content(status=status)))) == words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 0), ("86400", MAX_RETRY_AFTER), ("9" * 5000, MAX_RETRY_AFTER), ("-1", None)],
)
def test_the_pause_that_a_server_asks_for_is_kept(
    origin: Origin, client: HttpClient, header: str, seconds: float | None
) -> None:
    assert failure(client, origin.on("/cup.jpg", retry_later(header))).retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 50, 60), (-60, 0, 0), (9000, 300, 300)])
def test_the_pause_may_be_a_date(
    origin: Origin, client: HttpClient, ahead: float, least: float, most: float
) -> None:
    date = formatdate(time.time() + ahead, usegmt=True)
    pause = failure(client, origin.on("/cup.jpg", retry_later(date, status=503))).retry_after
    assert pause is not None
    assert least <= pause <= most


@given(header=st.text() | st.from_regex(r"\w{3}, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ ([+-]\d+|GMT)"))
def test_a_pause_is_never_negative_nor_over_the_cap(header: str) -> None:
    pause = Response(429, {"Retry-After": header}, b"", "http://shop.example/").retry_after
    assert pause is None or 0 <= pause <= MAX_RETRY_AFTER


def test_an_empty_file_fails_for_good(origin: Origin, client: HttpClient) -> None:
    error = failure(client, origin.on("/cup.jpg", content()))
    assert (error.code, error.permanent) == ("empty_image", True)


def test_an_answer_that_broke_off_in_its_headers_can_be_tried_again(
    origin: Origin, client: HttpClient
) -> None:
    error = failure(client, origin.on("/cup.jpg", raw(b"HTTP/1.1 200 OK\r\nContent-Le")))
    assert (error.code, error.permanent) == ("empty_image", False)


def test_a_file_that_is_too_large_fails_for_good(origin: Origin, client: HttpClient) -> None:
    error = failure(client, origin.on("/cup.jpg", content(bytes(100_001))))
    assert (error.code, error.permanent) == ("too_large", True)
    assert str(error) == "The file is larger than 100,000 bytes."


def test_a_redirect_to_a_private_address_fails_for_good(origin: Origin, client: HttpClient) -> None:
    error = failure(client, origin.on("/cup.jpg", redirect("http://192.168.0.1/cup.jpg")))
    assert (error.code, error.permanent) == ("forbidden_address", True)


def test_a_server_that_is_too_slow_can_be_tried_again(origin: Origin, client: HttpClient) -> None:
    error = failure(client, origin.on("/cup.jpg", drip_body()), seconds=0.5)
    assert (error.code, error.permanent) == ("timed_out", False)


def test_a_download_that_broke_off_can_be_tried_again(origin: Origin, client: HttpClient) -> None:
    url = origin.on("/cup.jpg", raw(), content(PICTURE))
    assert not failure(client, url).permanent
    assert download(client, url, seconds=10, max_bytes=100_000) == PICTURE


def test_a_server_that_is_down_can_be_tried_again() -> None:
    port = closed_port()
    client = HttpClient(
        allowed_ports=frozenset(),
        allowed_private_hosts=frozenset({("127.0.0.1", port)}),
        connections=1,
    )
    error = failure(client, f"http://127.0.0.1:{port}/cup.jpg")
    client.close()
    assert (error.code, error.permanent) == ("connection_failed", False)
