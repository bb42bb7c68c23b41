"""The HTTP server with small limits, and the application on a server that says less."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client

from app import create_app
from http_server import processes
from settings import Settings
from tests.slow_clients import SlowClients, has_ended, response_to, status_of
from tests.system import PATIENCE, csv_of, eventually

BLOCK = bytes(1024 * 1024)
ONE = b"GET / HTTP/1.0\r\n\r\n"
GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg")).encode()


def greet(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


class Archive:
    """An application whose response is larger than what is kept of one, and made as it is sent."""

    def __init__(self) -> None:
        self.sent = 0
        self.is_closed = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return self._parts()

    def _parts(self) -> Iterator[bytes]:
        try:
            while self.sent < 2 * processes.KEPT_RESPONSE:
                self.sent += len(BLOCK)
                yield BLOCK
        finally:
            self.is_closed = True


def sent(url: str, request: bytes) -> socket.socket:
    """A connection on which a request was sent, and nothing read yet."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE)
    connection.sendall(request)
    return connection


@contextmanager
def server(application: Any = greet, **limits: int) -> Iterator[str]:
    """A server in a thread, and its URL."""
    usual = {"max_connections": 4000, "max_buffered": 10**9, "max_body_bytes": 10**8}
    with processes.listen("127.0.0.1", 0) as listener:
        running = processes.make_server(application, listener, **(usual | limits))
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.stop()
            thread.join()
            running.close()


def test_when_all_connections_are_taken_the_oldest_silent_one_makes_room() -> None:
    with (
        server(max_connections=10) as url,
        SlowClients(url, "silent sockets", 30) as clients,
    ):
        eventually(lambda: clients.still_open() == 10)
        assert all(has_ended(one) for one in clients.sockets[:20])

        assert status_of(response_to(url, ONE)) == 200


def test_when_bodies_take_too_much_room_the_largest_of_them_go() -> None:
    with (
        server(max_buffered=1_000_000) as url,
        SlowClients(url, "unfinished raw bodies", 20) as clients,
    ):
        for one in clients.sockets[:5]:
            one.sendall(b"a" * 300_000)

        eventually(lambda: clients.still_open() == 18)
        assert status_of(response_to(url, ONE)) == 200


def test_a_large_response_waits_for_its_client_instead_of_filling_the_disk() -> None:
    archive = Archive()
    with server(archive) as url, closing(sent(url, ONE)) as client:
        eventually(lambda: archive.sent >= processes.KEPT_RESPONSE)
        client.recv(1)
        assert archive.sent < 1.5 * processes.KEPT_RESPONSE

        while client.recv(1024 * 1024):
            pass

    assert archive.sent == 2 * processes.KEPT_RESPONSE


def test_a_response_that_is_made_slowly_takes_no_time_of_the_server_meanwhile() -> None:
    taken = []

    def slow(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield bytes(100_000)
        before = time.process_time()
        time.sleep(2)
        taken.append(time.process_time() - before)
        yield b"end"

    with server(slow) as url:
        assert response_to(url, ONE).endswith(b"end")

    assert taken[0] < 0.5, "seconds of a core, of the two in which nothing could be sent"


def test_a_response_that_breaks_off_has_no_end() -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"hello"
        raise ValueError("The database went away.")

    with server(broken) as url:
        response = response_to(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert response.endswith(b"\r\n\r\n5\r\nhello\r\n")  # a whole one ends with a chunk of no bytes


def test_the_work_on_a_large_response_ends_when_its_client_goes_away() -> None:
    archive = Archive()
    with server(archive) as url:
        with closing(sent(url, ONE)):
            eventually(lambda: archive.sent >= processes.KEPT_RESPONSE)

        eventually(lambda: archive.is_closed)
        assert archive.sent < 2 * processes.KEPT_RESPONSE


def test_a_client_that_takes_nothing_of_a_large_response_is_ended() -> None:
    archive = Archive()
    with server(archive) as url, closing(sent(url, ONE)):
        eventually(lambda: archive.is_closed)

    assert archive.sent < 2 * processes.KEPT_RESPONSE


@pytest.mark.parametrize("missing", [1, 30, len(GOOD)])
def test_the_application_itself_compares_a_body_with_its_length(
    tmp_path: Path, missing: int
) -> None:
    uploads, database = tmp_path / "uploads", f"sqlite:///{tmp_path}/test.db"
    made = create_app(Settings(database_url=database, upload_dir=uploads, processed_dir=tmp_path))

    response = Client(made).post(
        "/upload",
        input_stream=io.BytesIO(GOOD[: len(GOOD) - missing]),
        content_type="text/csv",
        environ_overrides={"CONTENT_LENGTH": str(len(GOOD)), "wsgi.input_terminated": True},
    )

    assert response.status_code == 400
    assert response.get_json()["code"] == "incomplete_upload"
    assert not list(uploads.glob("*"))
