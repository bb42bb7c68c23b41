"""The way to the database: one engine a process, transactions, and what a driver's error means.

A step is a function whose first parameter is a Connection in a transaction. ``db.read(step, …)``
and ``db.write(step, …)`` run it with the arguments that follow, again where the database asks for
it, so a step must do nothing outside its transaction.
"""

from __future__ import annotations

import logging
import random
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

import metrics
from resilience.circuit_breaker import CircuitBreaker
from settings import MIB

logger = logging.getLogger(__name__)

BUSY_SECONDS = 120  # that a SQLite writer waits for another: a very large upload takes a while
LOGIN_SECONDS = 5  # the ODBC driver's own default, 15, is a long time for a user to wait
SQL_ATTR_LOGIN_TIMEOUT = 103  # ODBC's number for it
LOCK_SECONDS = 10  # to wait for another transaction, none of which takes a second
MAX_DECLARED = 4000  # characters; longer texts are NVARCHAR(MAX) to the driver
STATEMENT_SECONDS = 60  # ten times what our slowest statement takes; a dead server never answers
RETRY_SECONDS = 3  # after which a transaction that fails again and again is given up
FIRST_WAIT_SECONDS = 0.05  # doubled with each try, with jitter so that rivals do not meet again
OPEN_SECONDS = 1  # for which calls fail at once after the server did not answer

POOL = 16  # connections kept: no process has more threads, and one too many is made anew each time

# Of SQL Server; the numbers are those of Microsoft's "Transient fault handling" for Azure SQL.
LOGIN_FAILED = 18456
TRANSIENT_STATES = {"40001", "08S01", "08001", "08003", "08007", "HYT00", "HYT01"}
LOCK_NUMBERS = {1205, 1204, 1222}  # deadlock, none left, waited too long
TRANSIENT_NUMBERS = {
    *LOCK_NUMBERS,
    *(49918, 49919, 49920, 4060, 4221, 40143, 40613, 40501, 40540, 40197),  # moving, or throttled
    *(42108, 42109, 10929, 10928, 10060, 997, 233),  # waking, or the connection broke
    *(976, 983, 3906),  # a failover, or a replica that only reads
    *(8645, 8651),  # no memory to run the statement just now
}
SQLSTATES = {  # by mssql-python's words for them; mssql_python.exceptions, as of 1.16
    "Serialization failure": "40001",
    "Communication link failure": "08S01",
    "Client unable to establish connection": "08001",
    "Connection not open": "08003",
    "Connection failure during transaction": "08007",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Invalid authorization specification": "28000",
}

# A read is one statement, which sees one state without a transaction: nothing to begin or to end.
READING: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Step = Callable[Concatenate[Connection, Parameters], Result]


class Unavailable(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The database does not answer, or not in time; it may recover shortly."""


class ServerDown(Unavailable):
    """The database's server does not answer at all."""


class WrongDatabase(SystemExit):
    """The database can't be used like this; ends the program with one line that says why."""


class Database:
    """Connections to one database; safe to share among threads, not over a fork."""

    def __init__(self, url: str, *, outlasts_power_cuts: bool = False) -> None:
        parsed = _parsed(url)
        self.is_embedded = parsed.get_backend_name() == "sqlite"
        durable = "FULL" if outlasts_power_cuts else "NORMAL"
        made = partial(_sqlite, synchronous=durable) if self.is_embedded else _sql_server
        self.engine = made(parsed)
        self.reading = made(parsed, **READING)
        self._is_available = True
        self._breaker = CircuitBreaker(
            open_seconds=OPEN_SECONDS, probe_seconds=LOGIN_SECONDS + RETRY_SECONDS
        )

    def read(
        self,
        step: Step[Parameters, Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """The result of ``step(connection, *arguments, **named)``, which only reads.

        It is run again when the database asks for it (a deadlock, a broken connection), for
        RETRY_SECONDS. Raises Unavailable after that, and at once while the server is known to be
        down.
        """
        return self._guarded(lambda tx: step(tx, *arguments, **named), writes=False)

    def write(
        self,
        step: Step[Parameters, Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """The result of ``step(connection, *arguments, **named)``, in a transaction that writes.

        It commits at the end of the step or leaves no trace; like read(), it may run again.
        On SQLite it takes the write lock at its start: a reader that turned into a writer half-way
        would be refused at once, however long it was willing to wait.
        """
        return self._guarded(lambda tx: step(tx, *arguments, **named), writes=True)

    def close(self) -> None:
        """Close the connections that are kept: before a fork, which must not share them."""
        self.engine.dispose()
        self.reading.dispose()

    def check_login(self) -> None:
        """Raises WrongDatabase where waiting cannot help: no driver, or a login that is refused.

        A server that doesn't answer yet is no reason not to start.
        """
        try:
            self._once(lambda tx: tx.execute(sa.select(1)), writes=False)
        except DBAPIError as error:
            if reason := _reason_not_to_start(DriverError(error)):
                raise WrongDatabase(f"DATABASE_URL cannot be used: {reason}") from None

    def _guarded(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        if not self._breaker.allows_call():
            raise Unavailable("it did not answer a moment ago")
        failure: Unavailable | None = None
        try:
            return self._retried(step, writes=writes)
        except Unavailable as error:
            failure = error
            raise
        finally:
            self._breaker.report(is_down=isinstance(failure, ServerDown))
            self._log_change(failure)

    def _log_change(self, failure: Unavailable | None) -> None:
        """One line when an outage begins and one when it is over, whatever fails meanwhile."""
        if failure and self._is_available:
            logger.error("the database is unavailable: %s", failure)
        if not failure and not self._is_available:
            logger.warning("the database is available again")
        self._is_available = failure is None

    def _retried(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        gives_up_at = None  # counted from the first failure: a long transaction may be run again
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return self._once(step, writes=writes)
            except PoolExhausted as error:
                raise Unavailable(str(error)) from error
            except DBAPIError as error:
                cause = DriverError(error)
                if not cause.is_temporary:
                    raise
                gives_up_at = gives_up_at or time.monotonic() + RETRY_SECONDS
                if not cause.is_transient or time.monotonic() + wait > gives_up_at:
                    failure = ServerDown if cause.is_server_down else Unavailable
                    raise failure(str(error.orig)) from error
            metrics.TRANSACTIONS_RETRIED.add()
            time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            wait *= 2

    def _once(self, step: Callable[[Connection], Result], *, writes: bool) -> Result:
        if not writes:
            with self.reading.connect() as connection:
                return step(connection)
        with self.engine.connect() as connection, connection.begin():
            return step(connection)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # whose words could show the password
        raise WrongDatabase("DATABASE_URL cannot be used: it can't be read as a URL.") from None


def _reason_not_to_start(error: DriverError) -> str | None:
    if error.is_login_refused:
        return "the server refuses the login; look at the user and the password."
    if error.is_driver_missing:
        return "its ODBC driver is not installed; see docs/sqlserver.md."
    return None


def _sqlite(url: URL, synchronous: str, **options: Any) -> Engine:
    """``synchronous`` NORMAL loses the last commits in a power cut: a worker's images are then made
    again, but an upload would be gone."""
    timeout = {"timeout": BUSY_SECONDS}
    engine = sa.create_engine(
        url, connect_args=timeout, pool_size=POOL, hide_parameters=True, **options
    )
    sa.event.listen(engine, "connect", partial(_set_up_sqlite, synchronous))
    if not options:
        sa.event.listen(engine, "begin", _begin_writing)
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
        "journal_size_limit": str(64 * MIB),  # to which the WAL shrinks when it was larger
    }
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin_writing(connection: Connection) -> None:
    """With the write lock at once: see Database.write()."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sql_server(url: URL, **options: Any) -> Engine:
    """A connection that broke is noticed when it is used, and the transaction run again: to ask
    before each one would cost a message. Ours end their transactions, so the pool need not."""
    kept = {"pool_size": POOL, "pool_recycle": 1800, "pool_reset_on_return": None}
    with_driver = _with_pyodbc if url.get_driver_name() == "pyodbc" else _with_mssql_python
    try:
        engine = with_driver(url, hide_parameters=True, **(kept | options))
    except ImportError as error:
        raise WrongDatabase(
            f"DATABASE_URL cannot be used: {error}; see docs/sqlserver.md."
        ) from None
    sa.event.listen(engine, "connect", _limit_waits)
    return engine


def _with_pyodbc(url: URL, **options: Any) -> Engine:
    import pyodbc  # its wheel needs unixODBC, which users of SQLite need not have

    pyodbc.pooling = False  # or it hands a dead connection to a pool that has replaced it
    timeout = {"timeout": LOGIN_SECONDS}
    engine = sa.create_engine(url, fast_executemany=True, connect_args=timeout, **options)
    sa.event.listen(engine, "do_setinputsizes", _declare_lengths)
    return engine


def _with_mssql_python(url: URL, **options: Any) -> Engine:
    timeout = {"attrs_before": {SQL_ATTR_LOGIN_TIMEOUT: LOGIN_SECONDS}}
    return sa.create_engine(url, connect_args=timeout, use_insertmanyvalues=False, **options)


def _declare_lengths(sizes: dict[Any, Any], cursor: Any, *_: Any) -> None:
    """Declare texts by the lengths of their columns, not of their values, each of which would have
    a plan of its own."""
    import pyodbc

    for parameter in sizes:
        kind = getattr(parameter.type, "impl_instance", parameter.type)  # of a TypeDecorator
        length = getattr(kind, "length", None)
        if isinstance(kind, sa.Unicode) and length and length < MAX_DECLARED:
            sizes[parameter] = (pyodbc.SQL_WVARCHAR, length, 0)


def _limit_waits(connection: Any, _record: Any) -> None:
    connection.timeout = STATEMENT_SECONDS
    cursor = connection.cursor()
    cursor.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")
    cursor.close()
    connection.commit()


@dataclass(frozen=True)
class DriverError:
    """An error that a driver raised, and what it means: temporary, fatal at the start, or a bug.

    SQL Server's errors carry an SQLSTATE and, in parentheses behind the message, a native number.
    pyodbc gives both; mssql-python gives words in place of the SQLSTATE.
    """

    error: DBAPIError

    @cached_property
    def state(self) -> str:
        """The SQLSTATE, empty where there is none."""
        words = getattr(self.error.orig, "driver_error", None)
        if words is not None:
            return SQLSTATES.get(words, str(words).rpartition("SQLSTATE code: ")[2][:5])
        arguments: tuple[Any, ...] = getattr(self.error.orig, "args", ())
        return str(arguments[0]) if len(arguments) > 1 else ""

    @cached_property
    def numbers(self) -> set[int]:
        """SQL Server's own numbers in the message; several where the driver reports a chain."""
        return {int(number) for number in re.findall(r"\((\d{2,6})\)", str(self.error.orig))}

    @property
    def is_transient(self) -> bool:
        """Whether the same transaction may succeed a moment later."""
        if self.is_login_refused:
            return False
        return (
            self.error.connection_invalidated
            or self.state in TRANSIENT_STATES
            or not self.numbers.isdisjoint(TRANSIENT_NUMBERS)
        )

    @property
    def is_server_down(self) -> bool:
        """Whether the server does not answer, rather than other transactions being in the way."""
        is_lock = self.state == "40001" or not self.numbers.isdisjoint(LOCK_NUMBERS)
        return self.is_transient and not is_lock and "Query timeout" not in str(self.error.orig)

    @property
    def is_login_refused(self) -> bool:
        return self.state == "28000" or LOGIN_FAILED in self.numbers

    @property
    def is_driver_missing(self) -> bool:
        return self.state in ("01000", "IM002") and "[unixODBC]" in str(self.error.orig)

    @property
    def is_temporary(self) -> bool:
        """Whether a user should try again later: also for a locked SQLite file, or a full disk."""
        return self.is_transient or isinstance(self.error.orig, sqlite3.OperationalError)
