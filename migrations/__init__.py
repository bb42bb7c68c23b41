"""The database's version: made, checked, and brought to the newest."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database, WrongDatabase
from work_queue.models import Base, Request


def prepare(db: Database) -> None:
    """Make the embedded database's tables; a SQL Server gets them from ``schema.sql``.

    Raises WrongDatabase for the file of an earlier version, and where waiting cannot help.
    """
    if db.is_embedded:
        db.write(_make_tables)
    else:
        db.check_login()


def reason_against(db: Database) -> str | None:
    """Why this version can't work with the database, in a sentence."""
    db.read(lambda tx: tx.execute(sa.select(Request.id).limit(1)))
    return None


def _make_tables(tx: Connection) -> None:
    Base.metadata.create_all(tx)
    if lacking := missing(tx):
        raise WrongDatabase(
            f"DATABASE_URL names a file of an earlier version, without {', '.join(lacking)}. "
            "Move it away: a new one is made at the next start."
        )


def missing(connection: Connection) -> list[str]:
    """The tables, columns and indexes of this version that a database does not have."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    found = []
    for table in Base.metadata.sorted_tables:
        if table.name not in there:
            found.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        found += [f"{table.name}.{c.name}" for c in table.columns if c.name not in columns]
        found += [str(index.name) for index in table.indexes if index.name not in indexes]
    return found
