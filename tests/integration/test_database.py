"""Transactions on a real engine: tried again as a whole, given up in time, refused at the start."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyodbc
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

import migrations
from database import LOGIN_SECONDS, RETRY_SECONDS, Database, Unavailable, WrongDatabase
from tests.integration.conftest import Stores
from tests.origin import closed_port
from tests.unit.test_driver_errors import BROKEN, DEADLOCK
from work_queue.models import Request
from work_queue.statuses import StatusText

pytestmark = pytest.mark.integration


def failing(times: int, error: BaseException) -> Callable[[Connection], str]:
    """A step that writes, and then breaks off as a driver does, so many times."""
    tries = iter(range(times))

    def step(tx: Connection) -> str:
        tx.execute(sa.update(Request).values(bytes_in=Request.bytes_in + 1))
        if next(tries, None) is not None:
            raise OperationalError("UPDATE", None, error)
        return "done"

    return step


def times_counted(database: Database) -> int:
    with database.reading.connect() as connection:
        return connection.scalars(sa.select(Request.bytes_in)).one()


@pytest.mark.parametrize("error", [DEADLOCK, BROKEN], ids=["deadlock", "broken connection"])
def test_a_transaction_that_broke_off_is_run_again_and_counts_once(
    database: Database, store: Stores, error: BaseException
) -> None:
    store("http://a.example/1.jpg")

    assert database.write(failing(3, error)) == "done"

    assert times_counted(database) == 1


def test_an_outage_is_a_line_when_it_begins_and_a_line_when_it_ends(
    database: Database, store: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    store("http://a.example/1.jpg")
    for _ in range(3):
        with pytest.raises(Unavailable):
            database.write(failing(1000, BROKEN))
    time.sleep(1.1)
    assert database.write(failing(0, BROKEN)) == "done"

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("the database is unavailable: ")
    assert lines[1] == "the database is available again"


def test_a_transaction_that_took_long_before_it_broke_off_is_run_again(
    database: Database, store: Stores
) -> None:
    store("http://a.example/1.jpg")
    step = failing(1, BROKEN)

    def long_step(tx: sa.Connection) -> str:
        time.sleep(RETRY_SECONDS + 0.2)
        return step(tx)

    assert database.write(long_step) == "done"


def test_a_transaction_that_breaks_off_again_and_again_is_given_up(
    database: Database, store: Stores
) -> None:
    store("http://a.example/1.jpg")
    started = time.monotonic()

    with pytest.raises(Unavailable):
        database.write(failing(1000, DEADLOCK))

    assert time.monotonic() - started < RETRY_SECONDS + 1
    assert times_counted(database) == 0


def test_while_the_server_is_away_others_are_told_at_once(
    database: Database, store: Stores
) -> None:
    store("http://a.example/1.jpg")
    with pytest.raises(Unavailable):
        database.write(failing(1000, BROKEN))

    started = time.monotonic()
    with pytest.raises(Unavailable):
        database.write(failing(0, BROKEN))
    assert time.monotonic() - started < 0.1

    time.sleep(1.1)
    assert database.write(failing(0, BROKEN)) == "done"
    assert database.write(failing(0, BROKEN)) == "done"


def test_a_bug_is_not_tried_again(database: Database, store: Stores) -> None:
    store("http://a.example/1.jpg")
    tries = []

    def step(tx: Connection) -> None:
        tries.append(1)
        raise IntegrityError("INSERT", None, pyodbc.IntegrityError("23000", "[23000] (2627)"))

    with pytest.raises(IntegrityError):
        database.write(step)
    assert tries == [1]


def driver() -> Path:
    """Microsoft's ODBC Driver 18, as the wheel of mssql-python carries it."""
    package = importlib.util.find_spec("mssql_python_odbc")
    assert package is not None
    folder = Path(package.origin or "").parent / "libs" / "linux" / "debian_ubuntu"
    (library,) = folder.glob("x86_64/lib/libmsodbcsql-18.*.so.*")
    return library


def url_of_nobody(name: str, query: str) -> str:
    return f"mssql+{name}://sa:secret@127.0.0.1:{closed_port()}/image_processing{query}"


@pytest.mark.parametrize(
    ("name", "query"), [("pyodbc", f"?driver={driver()}"), ("mssqlpython", "")]
)
def test_a_server_that_does_not_answer_is_given_up_in_time(name: str, query: str) -> None:
    database = Database(url_of_nobody(name, query))
    started = time.monotonic()

    with pytest.raises(Unavailable):
        database.read(lambda tx: tx.execute(sa.select(1)))

    assert time.monotonic() - started < LOGIN_SECONDS + RETRY_SECONDS + 3


def test_a_server_that_does_not_answer_yet_is_no_reason_not_to_start() -> None:
    migrations.prepare(Database(url_of_nobody("pyodbc", f"?driver={driver()}")))


def test_a_missing_driver_stops_the_start_in_one_sentence() -> None:
    database = Database(url_of_nobody("pyodbc", "?driver=/nowhere/libmsodbcsql.so"))

    with pytest.raises(WrongDatabase, match="ODBC driver is not installed"):
        migrations.prepare(database)


def test_a_text_is_declared_by_the_length_of_its_column() -> None:
    """By that of the value, each length would be another statement, with a plan of its own."""
    database = Database(url_of_nobody("pyodbc", f"?driver={driver()}"))
    parameters = {
        sa.bindparam("worker", type_=sa.Unicode(100)): pyodbc.SQL_WVARCHAR,
        sa.bindparam("status", type_=StatusText()): pyodbc.SQL_WVARCHAR,
        sa.bindparam("rows", type_=sa.UnicodeText()): (pyodbc.SQL_WVARCHAR, 0, 0),
        sa.bindparam("limit", type_=sa.Integer()): pyodbc.SQL_INTEGER,
    }
    sizes: dict[Any, Any] = dict(parameters)

    database.engine.dialect.dispatch.do_setinputsizes(sizes, None, "", [], None)

    assert list(sizes.values()) == [
        (pyodbc.SQL_WVARCHAR, 100, 0),
        (pyodbc.SQL_WVARCHAR, 10, 0),
        (pyodbc.SQL_WVARCHAR, 0, 0),
        pyodbc.SQL_INTEGER,
    ]
