"""The way to the database: one engine a process, and two kinds of transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import SQLAlchemyError as DatabaseError
from sqlalchemy.exc import TimeoutError as PoolExhausted

import tables

__all__ = ["UNAVAILABLE", "Database", "DatabaseError"]

UNAVAILABLE = (OperationalError, InterfaceError, PoolExhausted)  # it may answer a little later

BUSY_SECONDS = 30  # how long a SQLite writer waits for another before it gives up
LOGIN_SECONDS = 5  # the ODBC driver's own default, 15, is a long time for a user to wait


class Database:
    """Connections to one database; safe to share among threads, not over a fork."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_embedded = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite(parsed) if self.is_embedded else _sql_server(parsed)

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads."""
        return self.engine.begin()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: it commits at the end of the block, or leaves no trace.

        On SQLite it takes the write lock at its start: a reader that turned into a writer half-way
        would be refused at once, however long it was willing to wait.
        """
        with self.engine.connect() as connection:
            writing = connection.execution_options(writes=True)
            with writing.begin():
                yield writing

    def prepare(self) -> None:
        """Make the embedded database's tables; a SQL Server gets them from ``schema.sql``."""
        if self.is_embedded:
            with self.write() as transaction:
                tables.Base.metadata.create_all(transaction)

    def forget_connections(self) -> None:
        """For a forked child: drop what belongs to the parent, without closing it there."""
        self.engine.dispose(close=False)


def _sqlite(url: URL) -> Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_on_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers that don't wait for writers (WAL), and cascades, which SQLite leaves off."""
    connection.isolation_level = None  # the driver's own BEGIN comes too late for write()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_on_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _sql_server(url: URL) -> Engine:
    options: dict[str, Any] = {}
    if url.get_driver_name() == "pyodbc":
        import pyodbc  # its wheel needs unixODBC on the machine, which SQLite users need not have

        pyodbc.pooling = False  # or it would hand a dead connection to a pool that just replaced it
        options = {"fast_executemany": True, "connect_args": {"timeout": LOGIN_SECONDS}}
    return sa.create_engine(url, pool_pre_ping=True, pool_recycle=1800, **options)
