"""The writing of 100,000 images by one upload, beside a bare bulk insert of the same rows.

python -m benchmarks.upload [DATABASE_URL]     # an embedded SQLite where none is given
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine import Database
from intake import NewRequest, store_request
from tables import Image, Product, Request
from tests.integration.conftest import Product as Row

ROWS = 100_000
REPEATS = 3


def our_seconds(database: Database) -> float:
    rows = [Row(n, (f"https://cdn.example/{n}.jpg",)) for n in range(1, ROWS + 1)]
    started = time.monotonic()
    store_request(database, NewRequest(public_id=uuid.uuid4(), file_name="a.csv"), rows)
    return time.monotonic() - started


def stored_rows(database: Database, table: Any, request_id: int) -> list[tuple[Any, ...]]:
    """What our own insert has written, as plain values in the order of the columns."""
    columns = [column for column in table.__table__.columns if column.name != "id"]
    names = ", ".join(column.name for column in columns)
    of_request = f"SELECT {names} FROM {table.__tablename__} WHERE request_id = {request_id}"  # noqa: S608
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(of_request)]


def bare_seconds(database: Database) -> float:
    """The driver's own executemany of the same rows, with the request's number moved on."""
    with database.engine.connect() as connection:
        last = connection.scalars(sa.select(sa.func.max(Request.id))).one()
    products, images = (stored_rows(database, table, last) for table in (Product, Image))
    request = stored_request(database)
    started = time.monotonic()
    with database.engine.connect() as connection, connection.begin():
        for table, rows in ((Product, products), (Image, images)):
            names = [c.name for c in table.__table__.columns if c.name != "id"]
            marks = ", ".join("?" * len(names))
            insert = f"INSERT INTO {table.__tablename__} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
            connection.exec_driver_sql(insert, [(request, *row[1:]) for row in rows])
    return time.monotonic() - started


def stored_request(database: Database) -> int:
    """A request without rows, to hang the bare ones on."""
    store_request(database, NewRequest(public_id=uuid.uuid4(), file_name="bare.csv"), [])
    with database.engine.connect() as connection:
        found: int = connection.scalars(sa.select(sa.func.max(Request.id))).one()
    return found


def main(url: str) -> None:
    database = Database(url)
    database.prepare()
    ours, bare = [], []
    for _ in range(REPEATS):
        ours.append(our_seconds(database))
        bare.append(bare_seconds(database))
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    print(f"100,000 rows: {statistics.median(ours):.1f} s, bare {statistics.median(bare):.1f} s")
    print(f"ours ÷ bare: {ratio:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(f"sqlite:///{Path(folder)}/bench.db")
