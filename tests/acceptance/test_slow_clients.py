"""Slow clients cost a socket each, and nobody else anything."""

from __future__ import annotations

import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.slow_clients import KINDS, SlowClients, status_of
from tests.system import System, csv_of, eventually

OwnSystem = Callable[..., System]
NUMBER = 500  # of each kind
GOOD = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg"))
FILE_BYTES = 20 * 1024 * 1024


@pytest.fixture
def large_file(system: System) -> Iterator[str]:
    """The path of a file that does not fit into the buffers of a connection."""
    public_id = uuid.uuid4()
    file = system.folder / "processed" / str(public_id) / "1-1.bmp"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(FILE_BYTES))
    yield f"/processed_images/{public_id}/{file.name}"
    file.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_500_slow_clients_leave_all_others_answered(
    system: System, large_file: str, kind: str
) -> None:
    with SlowClients(system.url, kind, NUMBER, path=large_file):
        assert system.get("/healthz").ok
        assert system.status(system.accepted(GOOD))["progress"]["total"] == 1


def test_slow_clients_of_all_kinds_at_once_are_ended_by_the_server(system: System) -> None:
    kinds = [kind for kind in KINDS if kind != "slow readers"]
    clients = [SlowClients(system.url, kind, 20, trickle=True) for kind in kinds]
    try:
        for each in clients:
            each.__enter__()
        eventually(lambda: not any(each.still_open() for each in clients))
    finally:
        for each in clients:
            each.__exit__()


def test_a_reader_that_reads_is_sent_all_of_a_large_file(system: System, large_file: str) -> None:
    assert len(system.get(large_file).content) == FILE_BYTES
    assert len(system.get(large_file, headers={"Range": "bytes=5-1004"}).content) == 1000


def beginning_of_an_upload(system: System, body: bytes) -> bytes:
    host = urlsplit(system.url).netloc
    lines = ("POST /upload HTTP/1.1", f"Host: {host}", "Content-Type: text/csv")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()


def test_an_upload_under_way_is_taken_before_the_server_stops(own_system: OwnSystem) -> None:
    system, body = own_system(), GOOD.encode()
    parts = urlsplit(system.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 60) as upload:
        upload.sendall(beginning_of_an_upload(system, body) + body[:10])
        assert system.get("/healthz").ok  # connections are accepted in turn, so this one was
        system.signal("api", signal.SIGTERM)
        eventually(lambda: not is_answered(system))
        upload.sendall(body[10:])

        assert status_of(upload.recv(65536)) == 202


def is_answered(system: System) -> bool:
    try:
        return requests.get(f"{system.url}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def test_a_process_of_the_server_that_dies_is_replaced(own_system: OwnSystem) -> None:
    system = own_system()
    first, second = system.api_processes()

    os.kill(first, signal.SIGKILL)

    eventually(lambda: len({*system.api_processes()} - {first}) == 2)
    assert second in system.api_processes()
    assert system.get("/healthz").ok


def test_processes_whose_parent_was_killed_end_too(own_system: OwnSystem) -> None:
    system = own_system()

    system.signal("api", signal.SIGKILL)

    eventually(lambda: not is_answered(system))
