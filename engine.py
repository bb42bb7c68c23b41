"""The way to the database: one engine a process, and transactions that are tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

import tables
from faults import Fault
from resilience.circuit_breaker import CircuitBreaker

BUSY_SECONDS = 120  # of a SQLite writer: a very large upload holds the others up for a while
LOGIN_SECONDS = 5  # the ODBC driver's own default, 15, is a long time for a user to wait
SQL_ATTR_LOGIN_TIMEOUT = 103  # ODBC's number for it
STATEMENT_SECONDS = 60  # no statement of ours takes a tenth of it; a dead server takes for ever
RETRY_SECONDS = 3  # after which a transaction that is refused again and again is given up
OPEN_SECONDS = 1  # in which a database that did not answer is not asked again
FIRST_WAIT_SECONDS = 0.05  # doubled with each try, with jitter so that rivals do not meet again

POOL = 16  # connections kept: no process has more threads, and one too many is made anew each time

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Step = Callable[Concatenate[Connection, Parameters], Result]
Whole = Callable[Concatenate["Database", Parameters], Result]


class Unavailable(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The database does not answer, or not in time; it may a little later."""


class Away(Unavailable):
    """Nobody answers at the other end."""


class WrongDatabase(SystemExit):
    """The database can't be used like this; ends the program with one line that says why."""


class Database:
    """Connections to one database; safe to share among threads, not over a fork."""

    def __init__(self, url: str, *, outlasts_power_cuts: bool = False) -> None:
        parsed = make_url(url)
        self.is_embedded = parsed.get_backend_name() == "sqlite"
        durable = "FULL" if outlasts_power_cuts else "NORMAL"
        self.engine = _sqlite(parsed, durable) if self.is_embedded else _sql_server(parsed)
        self._breaker = CircuitBreaker(
            open_seconds=OPEN_SECONDS, probe_seconds=LOGIN_SECONDS + RETRY_SECONDS
        )

    def transact(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        """Run ``step`` in a transaction, which commits at its end or leaves no trace.

        When the database asks for it (a deadlock, a broken connection), the whole is run again, for
        RETRY_SECONDS; so a step may be run more than once. Raises Unavailable after that, and at
        once while the database is known to be away.
        """
        if not self._breaker.allows_call():
            raise Unavailable("it did not answer a moment ago")
        is_away = False
        try:
            return self._tried_again(step, writes=writes)
        except Away:
            is_away = True
            raise
        finally:
            self._breaker.report(is_down=is_away)

    def _tried_again(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        gives_up_at = time.monotonic() + RETRY_SECONDS
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return self._once(step, writes=writes)
            except PoolExhausted as error:
                raise Unavailable(str(error)) from error
            except DBAPIError as error:
                fault = Fault(error)
                if not fault.is_passing:
                    raise
                if not fault.is_transient or time.monotonic() + wait > gives_up_at:
                    raise (Away if fault.is_server_away else Unavailable)(
                        str(error.orig)
                    ) from error
            time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            wait *= 2

    def _once(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        with self.engine.connect() as connection:
            told = connection.execution_options(writes=writes)
            with told.begin():
                return step(told)

    def prepare(self) -> None:
        """Make the embedded database's tables; a SQL Server gets them from ``schema.sql``.

        Raises WrongDatabase where waiting cannot help: no driver, a login that is refused, or the
        file of an earlier version. A server that doesn't answer yet is no reason not to start.
        """
        try:
            if self.is_embedded:
                self.transact(_make_tables, writes=True)
            else:
                self._once(lambda tx: tx.execute(sa.select(1)), writes=False)
        except DBAPIError as error:
            if reason := _reason_not_to_start(Fault(error)):
                raise WrongDatabase(f"DATABASE_URL cannot be used: {reason}") from None


def reads(step: Step[Parameters, Result]) -> Whole[Parameters, Result]:
    """Make a function of a transaction one of a Database: a transaction that only reads."""
    return _in_transaction(step, writes=False)


def writes(step: Step[Parameters, Result]) -> Whole[Parameters, Result]:
    """Make a function of a transaction one of a Database: a transaction that writes.

    On SQLite it takes the write lock at its start: a reader that turned into a writer half-way
    would be refused at once, however long it was willing to wait.
    """
    return _in_transaction(step, writes=True)


def _in_transaction(step: Step[Parameters, Result], *, writes: bool) -> Whole[Parameters, Result]:
    @wraps(step)
    def whole(
        database: Database, /, *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        return database.transact(lambda tx: step(tx, *arguments, **named), writes=writes)

    return whole


def _make_tables(tx: Connection) -> None:
    tables.Base.metadata.create_all(tx)
    if missing := tables.missing(tx):
        raise WrongDatabase(
            f"DATABASE_URL names a file of an earlier version, without {', '.join(missing)}. "
            "Move it away: a new one is made at the next start."
        )


def _reason_not_to_start(fault: Fault) -> str | None:
    if fault.is_login_refused:
        return "the server refuses the login; look at the user and the password."
    if fault.is_driver_missing:
        return "its ODBC driver is not installed; see README, SQL Server."
    return None


def _sqlite(url: URL, synchronous: str) -> Engine:
    """With NORMAL a power cut takes the last commits back: a worker's are made again, an upload's
    are not."""
    timeout = {"timeout": BUSY_SECONDS}
    engine = sa.create_engine(url, connect_args=timeout, pool_size=POOL, hide_parameters=True)
    sa.event.listen(engine, "connect", partial(_set_up_sqlite, synchronous))
    sa.event.listen(engine, "begin", _begin_on_sqlite)
    return engine


def _set_up_sqlite(synchronous: str, connection: Any, _record: Any) -> None:
    """Readers that don't wait for writers (WAL), and cascades, which SQLite leaves off; and pages
    cached in the system's memory rather than, up to 2 MB of them, in each connection's."""
    connection.isolation_level = None  # the driver's own BEGIN comes too late for a writer
    settings = {
        "journal_mode": "WAL",
        "synchronous": synchronous,
        "foreign_keys": "ON",
        "cache_size": "-256",  # KiB
    }
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin_on_sqlite(connection: Connection) -> None:
    """A transaction that reads is one statement, which needs no BEGIN to see one state."""
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sql_server(url: URL) -> Engine:
    kept = {"pool_size": POOL, "pool_pre_ping": True, "pool_recycle": 1800}
    with_driver = _with_pyodbc if url.get_driver_name() == "pyodbc" else _with_mssql_python
    try:
        engine = with_driver(url, hide_parameters=True, **kept)
    except ImportError as error:
        raise WrongDatabase(f"DATABASE_URL cannot be used: {error}; see README.") from None
    sa.event.listen(engine, "connect", _limit_statements)
    return engine


def _with_pyodbc(url: URL, **options: Any) -> Engine:
    import pyodbc  # its wheel needs unixODBC, which users of SQLite need not have

    pyodbc.pooling = False  # or it hands a dead connection to a pool that has replaced it
    timeout = {"timeout": LOGIN_SECONDS}
    return sa.create_engine(url, fast_executemany=True, connect_args=timeout, **options)


def _with_mssql_python(url: URL, **options: Any) -> Engine:
    timeout = {"attrs_before": {SQL_ATTR_LOGIN_TIMEOUT: LOGIN_SECONDS}}
    return sa.create_engine(url, connect_args=timeout, **options)


def _limit_statements(connection: Any, _record: Any) -> None:
    connection.timeout = STATEMENT_SECONDS
