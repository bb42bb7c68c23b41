"""The database's schema version: read, checked, and brought to the newest.

The revisions are the files in ``versions/``. The embedded database migrates itself at the start; a
SQL Server is made by ``schema.sql`` and migrated by ``make migrate``. CONTRIBUTING.md says how to
add a column.

A start, which reads the version and mostly finds the newest, does without Alembic: importing it and
its revisions takes a fifth of the time of the whole start. ``steps`` imports it, and is imported
where there is something to migrate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

import settings
from database import Database, Unavailable, WrongDatabase
from migrations import embedded

VERSIONS = Path(__file__).with_name("versions")
FIRST = "0001"  # of databases that were made before migrations existed


class Version(NamedTuple):
    """The revision that a database is at; None before migrations, and in an empty database."""

    revision: str | None
    has_tables: bool


def prepare(db: Database) -> None:
    """Make sure, at the start, that the service can work with a database.

    The embedded one is made, or brought to the newest version. Raises WrongDatabase where waiting
    cannot help; a server that doesn't answer yet is no reason not to start.
    """
    if db.is_embedded:
        upgrade(db)
        return
    db.check_login()
    try:
        reason = reason_against(db)
    except (Unavailable, DBAPIError):
        return
    if reason:
        raise WrongDatabase(reason)


def reason_against(db: Database) -> str | None:
    """Why the service can't work with a database of this version, in a sentence, or None.

    Raises Unavailable.
    """
    return reason_against_version(db.read(version_of))


def upgrade(db: Database) -> Version:
    """Bring a database to the newest version; returns the one that it had.

    The embedded one is copied before, to a file beside it. Raises WrongDatabase where it can't be
    migrated: then it is as it was.
    """
    if db.is_embedded:
        embedded.check_file(db)
    else:
        db.check_login()
    try:
        found = db.read(version_of)
        if found.revision == newest():
            return found
        with embedded.exclusive(db) if db.is_embedded else _without_limit(db) as tx:
            found = version_of(tx)  # another process may have been quicker
            _check_known(tx, found)
            if db.is_embedded and found.has_tables and found.revision != newest():
                embedded.copy_beside(db, found.revision or FIRST)
            _migrate(tx, found)
    except (DBAPIError, Unavailable) as error:
        raise WrongDatabase(f"DATABASE_URL cannot be used: {_in_words(error)}.") from error
    return found


@contextmanager
def _without_limit(db: Database) -> Iterator[Connection]:
    """A transaction on a server whose statements may take long: to change a large table does."""
    with db.engine.begin() as tx:
        driver: Any = tx.connection.driver_connection
        driver.timeout = 0
        yield tx
    db.close()  # with the connection that has no limit


@cache
def revisions() -> list[str]:
    """All revisions, the oldest first: what the names of their files begin with."""
    return sorted(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def newest() -> str:
    """The revision that this version of the service works with."""
    return revisions()[-1]


def version_of(tx: Connection) -> Version:
    there = sa.inspect(tx)
    revision = None
    if there.has_table("alembic_version"):
        revision = tx.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return Version(revision, there.has_table("requests"))


def _migrate(tx: Connection, found: Version) -> None:
    from migrations import steps  # not at the top, as it imports Alembic

    if found.revision is None and found.has_tables:
        steps.stamp(tx, FIRST)
    steps.upgrade(tx)


def _check_known(tx: Connection, found: Version) -> None:
    """Raises WrongDatabase where there is no way from this version to the newest."""
    if found.revision is None and found.has_tables:
        _check_first_tables(tx)
    elif found.revision not in (None, *revisions()):
        raise WrongDatabase(reason_against_version(found))


def reason_against_version(found: Version) -> str | None:
    """The same, for a version that was read already."""
    if found.revision == newest():
        return None
    if not found.has_tables:
        return "The database has no tables yet: run `make migrate`."
    if found.revision is None:
        return "The database was made by a version before 0.2.0: run `make migrate`."
    if found.revision in revisions():
        return (
            f"The database is at schema version {found.revision}, and {newest()} is needed: "
            "run `make migrate`."
        )
    return (
        f"The database is at schema version {found.revision}, which version {settings.version()} "
        "of the service does not know: start the newer version that made it."
    )


def _check_first_tables(tx: Connection) -> None:
    """Raises WrongDatabase where tables without a version are not those of the first revision."""
    from migrations import steps  # not at the top, as it imports Alembic

    engine = sa.create_engine("sqlite://")
    with engine.begin() as first:
        steps.upgrade(first, FIRST)
        expected = sa.MetaData()
        expected.reflect(first)
    expected.remove(expected.tables["alembic_version"])
    if lacking := missing(tx, expected):
        raise WrongDatabase(
            f"The database was made by a version before 0.1.0: it lacks {', '.join(lacking)}. It "
            "can't be migrated; rename it (an embedded one is made anew), or name another one."
        )


def missing(tx: Connection, expected: sa.MetaData) -> list[str]:
    """The tables, columns and indexes that a database does not have but should."""
    inspector = sa.inspect(tx)
    there = set(inspector.get_table_names())
    found = []
    for table in expected.sorted_tables:
        if table.name not in there:
            found.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        found += [f"{table.name}.{c.name}" for c in table.columns if c.name not in columns]
        found += [str(index.name) for index in table.indexes if index.name not in indexes]
    return found


def _in_words(error: DBAPIError | Unavailable) -> str:
    """In the driver's words, without SQLAlchemy's around them."""
    return str(error.orig if isinstance(error, DBAPIError) else error)
