"""Hosts that take a connection and never answer hold up nobody else's images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from database import Database
from tests.acceptance.conftest import system_for
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually
from work_queue.models import Host

HANGING = content(b"", delay=600)  # until the origin is closed
Start = Callable[[int], tuple[System, list[Origin]]]


@pytest.fixture
def start(origin: Origin, tmp_path: Path) -> Iterator[Start]:
    """Starts a system, and so many origins beside the usual one; each is a host of its own."""
    with ExitStack() as stack:

        def started(number: int) -> tuple[System, list[Origin]]:
            hosts = [stack.enter_context(Origin()) for _ in range(number)]
            allowed = ",".join(f"127.0.0.1:{host.address[1]}" for host in [origin, *hosts])
            more = {"ALLOWED_PRIVATE_HOSTS": allowed, "DOWNLOAD_SECONDS": "60"}
            return stack.enter_context(system_for(origin, tmp_path, **more)), hosts

        yield started


def hanging(hosts: list[Origin], number: int) -> list[str]:
    """So many URLs, on each host in turn, that never answer."""
    for host in hosts:
        host.on("/cup.jpg", HANGING)
    return [f"{hosts[n % len(hosts)].url('/cup.jpg')}?{n}" for n in range(number)]


@pytest.mark.parametrize("number", [1, 4, 30])
def test_a_request_goes_on_while_an_earlier_one_hangs(
    start: Start, origin: Origin, number: int
) -> None:
    system, hosts = start(number)
    attack = system.accepted(csv_of(("Cup", *hanging(hosts, 120))))
    eventually(lambda: all(host.connections for host in hosts[:4]))

    late = system.accepted(csv_of(("Cup", *photo_urls(origin, 20))))

    assert system.completed(late)["progress"]["completed"] == 20
    assert not system.get(f"/status/{attack}?limit=1").json()["completed_at"]


def test_two_dead_hosts_do_not_hold_up_the_others_of_their_request(
    start: Start, origin: Origin
) -> None:
    system, hosts = start(2)
    dead, alive = hanging(hosts, 20), photo_urls(origin, 20)

    request_id = system.accepted(csv_of(("Cup", *dead, *alive)))

    def progress() -> int:
        shown: int = system.get(f"/status/{request_id}?limit=1").json()["progress"]["completed"]
        return shown

    eventually(lambda: progress() == 20)
    assert not system.get(f"/status/{request_id}?limit=1").json()["completed_at"]


def test_a_host_that_never_answers_is_given_up_in_words(start: Start, origin: Origin) -> None:
    system, hosts = start(1)
    request_id = system.accepted(csv_of(("Cup", *hanging(hosts, 40), *photo_urls(origin, 1))))
    eventually(lambda: hosts[0].connections)

    with closing(Database(system.database_url)) as db, db.engine.begin() as tx:
        hangs = Host.host == f"127.0.0.1:{hosts[0].address[1]}"
        tx.execute(
            sa.update(Host).where(hangs).values(timeouts=50)
        )  # as after a quarter of an hour

    images = system.completed(request_id)["images"]
    failed = [image["error"] for image in images if image["status"] == "Failed"]
    given_up = [error for error in failed if error["code"] == "host_gave_up"]
    assert len(failed) == 40
    assert len(given_up) > 20
    assert given_up[0]["message"] == (
        "The host did not answer 50 times in a row, and was given up."
    )
