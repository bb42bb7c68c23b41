"""A SQL Server made ready, and looked over: schema.sql run through any driver, and a check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError

from database import Database, DriverError, WrongDatabase
from migrations import missing, newest, reason_against_version, version_of
from work_queue.models import Base

SCHEMA = Path(__file__).parents[1] / "schema.sql"
NAME = "image_processing"  # of the database, in schema.sql
CANNOT_OPEN_DATABASE = 4060
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def batches(text: str) -> list[str]:
    """What sqlcmd sends at once: GO on a line of its own is its word, not the server's."""
    parts = re.split(r"^\s*GO\s*$", text, flags=re.MULTILINE | re.IGNORECASE)
    return [part.strip() for part in parts if part.strip()]


def create(database_url: str) -> None:
    """Run schema.sql for the database that a URL names; to run it again is harmless.

    Raises WrongDatabase in one sentence where that can't be done.
    """
    url = _sql_server_url(database_url)
    text = SCHEMA.read_text().replace(NAME, url.database or NAME)
    try:
        run(url, batches(text))
    except DBAPIError as error:
        raise WrongDatabase(f"schema.sql was not run: {_how_far(error)[1]}") from None


def run(url: URL, statements: list[str]) -> None:
    """Run statements on the server of a URL, each by itself: a database is not made within a
    transaction. The connection goes through the driver, which knows no other mode for it."""
    engine = Database(_shown(url.set(database="master"))).engine
    statement = ""
    try:
        with closing(engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.autocommit = True
            for statement in statements:
                driver.execute(statement)
            connection.invalidate()
    except engine.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(statement, None, error) from error
    finally:
        engine.dispose()


def check(database_url: str) -> Iterator[str]:
    """What is fine, a sentence each and only once it was looked at.

    In the order of what depends on what: driver, server, login, database, version, rights,
    snapshot. Raises WrongDatabase with the first thing that is not fine.
    """
    url = _sql_server_url(database_url)
    engine = Database(_shown(url)).engine
    connected = (
        "The driver is installed.",
        f"{url.host} answers.",
        f"It lets {url.username or 'you'} in.",
        f"The database {url.database} is there and may be opened.",
    )
    try:
        with engine.connect() as connection:
            yield from connected
            for look in (_check_version, _check_rights, _check_snapshot):
                yield look(connection)
    except DBAPIError as error:
        reached, reason = _how_far(error)
        yield from connected[:reached]
        raise WrongDatabase(reason) from None
    finally:
        engine.dispose()


def _how_far(error: DBAPIError) -> tuple[int, str]:
    """How many steps of a connection went well, and why the next one did not."""
    cause = DriverError(error)
    if cause.is_driver_missing:
        return 0, "The ODBC driver is not installed; see docs/sqlserver.md."
    if CANNOT_OPEN_DATABASE in cause.numbers:
        return 3, "The database is not there, or the login may not open it: run `make schema`."
    if cause.is_login_refused:
        return 2, "The server refuses the login; look at the user and the password."
    if cause.is_server_down:
        return 1, f"The server does not answer: {error.orig}"
    return 0, f"The server says: {error.orig}"


def _sql_server_url(text: str) -> URL:
    url = make_url(text)
    if url.get_backend_name() != "mssql":
        raise WrongDatabase("DATABASE_URL names no SQL Server; it must start with mssql+.")
    if not re.fullmatch(r"\w{1,100}", url.database or ""):
        raise WrongDatabase("DATABASE_URL must name a database, in letters, digits and _.")
    return url


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _check_version(connection: Connection) -> str:
    found = version_of(connection)
    if not found.has_tables and not _may_read(connection):
        raise WrongDatabase(
            "The login sees no tables: give it db_datareader and db_datawriter, as "
            "docs/sqlserver.md says, or run `make schema` if there are none yet."
        )
    if reason := reason_against_version(found):
        raise WrongDatabase(reason)
    if lacking := missing(connection, Base.metadata):
        names = ", ".join(lacking)
        raise WrongDatabase(f"Somebody removed {names}: create it again as schema.sql does.")
    return f"Its schema is version {newest()}; all tables, columns and indexes are there."


def _may_read(connection: Connection) -> bool:
    """Whether the login may read the whole database; it sees only tables that it has a right to."""
    statement = "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'SELECT')"
    return bool(connection.scalar(sa.text(statement)))


def _check_rights(connection: Connection) -> str:
    lacking = [
        f"{right} on {table.name}"
        for table in Base.metadata.sorted_tables
        for right in RIGHTS
        if not connection.scalar(
            sa.text("SELECT HAS_PERMS_BY_NAME(:name, 'OBJECT', :right)"),
            {"name": f"dbo.{table.name}", "right": right},
        )
    ]
    if lacking:
        raise WrongDatabase(f"The login lacks {', '.join(lacking)}.")
    return "The login may read and write all of them."


def _check_snapshot(connection: Connection) -> str:
    is_on = connection.scalar(
        sa.text("SELECT is_read_committed_snapshot_on FROM sys.databases WHERE name = DB_NAME()")
    )
    if not is_on:
        raise WrongDatabase(
            "READ_COMMITTED_SNAPSHOT is off, so status polls would wait for workers: run "
            "`make schema`, which turns it on."
        )
    return "Status polls do not wait for workers (READ_COMMITTED_SNAPSHOT is on)."
