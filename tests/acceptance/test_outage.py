"""A database server that breaks off and goes away in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.acceptance.conftest import system_for
from tests.acceptance.test_faults import assert_all_is_there_once, has_progressed
from tests.conftest import empty_database, photo_urls, server_url
from tests.origin import Origin
from tests.proxy import Proxy
from tests.system import System, csv_of, eventually

pytestmark = pytest.mark.skipif(not server_url(), reason="SQLite is a file: nothing breaks off")
OUTAGE_SECONDS = 30


@contextmanager
def behind_a_proxy(origin: Origin, folder: Path) -> Iterator[tuple[System, Proxy]]:
    """A system whose way to the database can be broken."""
    with empty_database(folder) as url:
        server = make_url(url)
        with Proxy((server.host or "", server.port or 1433)) as proxy:
            host, port = proxy.address
            through = server.set(host=host, port=port).render_as_string(hide_password=False)
            with system_for(origin, folder, DATABASE_URL=through) as system:
                yield system, proxy
                proxy.up()


def test_connections_that_break_lose_and_double_nothing(origin: Origin, tmp_path: Path) -> None:
    with behind_a_proxy(origin, tmp_path) as (system, proxy):
        request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 100))))
        for done in (10, 40, 70):
            eventually(partial(has_progressed, system, request_id, done), within=120)
            proxy.cut()

        assert_all_is_there_once(system, system.completed(request_id, within=120))


def test_while_the_database_is_away_the_api_says_so_and_then_all_is_done(
    origin: Origin, tmp_path: Path
) -> None:
    with behind_a_proxy(origin, tmp_path) as (system, proxy):
        request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 100))))
        eventually(partial(has_progressed, system, request_id, 10), within=120)

        proxy.down()
        ends_at = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < ends_at:
            answer = system.get(f"/status/{request_id}")
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            assert system.get("/healthz").status_code == 200
            time.sleep(0.5)
        proxy.up()

        assert_all_is_there_once(system, system.completed(request_id, within=180))
