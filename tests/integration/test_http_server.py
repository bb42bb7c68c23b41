"""The HTTP server with small limits, and the application on a server that says less."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from app import create_app
from http_server import processes
from settings import Settings
from tests.slow_clients import SlowClients, has_ended, response_to, status_of
from tests.system import csv_of, eventually

ONE = b"GET / HTTP/1.0\r\n\r\n"
GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg")).encode()


def greet(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@contextmanager
def server(**limits: int) -> Iterator[str]:
    """A server in a thread, and its URL."""
    usual = {"max_connections": 4000, "max_buffered": 10**9, "max_body_bytes": 10**8}
    with processes.listen("127.0.0.1", 0) as listener:
        running = processes.make_server(greet, listener, **(usual | limits))
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
