"""The embedded database as a file: locked during a migration, copied, and perhaps in use."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import Connection

from database import Database, WrongDatabase

logger = logging.getLogger(__name__)


def check_file(db: Database) -> None:
    """Raises WrongDatabase where SQLite could only say that it is unable to open the file."""
    name = db.engine.url.database or ":memory:"
    if not name.startswith((":memory:", "file:")) and (reason := _reason_against(Path(name))):
        raise WrongDatabase(f"DATABASE_URL cannot be used: {reason}.")


def _reason_against(file: Path) -> str | None:
    file = file.absolute()
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}"
    if file.is_dir():
        return f"{file} is a folder, but must be a file"
    must_be_writable = [file.parent, *([file] if file.exists() else [])]  # its WAL stands beside it
    locked = next((path for path in must_be_writable if not os.access(path, os.W_OK)), None)
    return f"{locked} cannot be written to" if locked else None


@contextmanager
def exclusive(db: Database) -> Iterator[Connection]:
    """A transaction that nobody writes beside; it commits at the end or leaves no trace.

    Foreign keys are off in it, as SQLite's "Making Other Kinds Of Table Schema Changes" asks for:
    a table that is made anew is dropped, and with it would go the rows that refer to it.
    """
    with db.reading.connect() as connection:  # it begins nothing by itself
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        else:
            connection.exec_driver_sql("COMMIT")
        finally:
            connection.invalidate()  # the next one has foreign keys again


def copy_beside(db: Database, revision: str) -> None:
    """Copy what is committed to a file whose name says the version that it holds."""
    file = Path(str(db.engine.url.database))
    copy = _free_name(file.with_name(f"{file.name}.version-{revision}"))
    copy_file(file, copy)
    logger.warning("the database is migrated; as it was, it is kept in %s", copy)


def copy_file(file: Path, copy: Path) -> None:
    """Copy what is committed at one moment, also while others write."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def is_in_use(file: Path) -> bool:
    """Whether another process has the database open, such as a service that runs.

    In WAL mode each connection holds a lock for as long as it is open, and only who is alone may
    leave that mode; so it is left, and entered again. A file that is no database is not in use.
    """
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=1)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            return True
        except sqlite3.DatabaseError:
            return False
    return False


def _free_name(wanted: Path) -> Path:
    number, name = 1, wanted
    while name.exists():
        number += 1
        name = wanted.with_name(f"{wanted.name}-{number}")
    return name
