"""A database as an earlier version left it: its tables, and requests at every stage."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from database import Database
from migrations import embedded, steps

NOW = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000")
OPTIONS = {"reduce_by": 50, "format": "keep"}


def database_at(file: Path, revision: str, *, is_versioned: bool = True) -> Database:
    """An embedded database at a revision, or the same made before migrations existed."""
    db = Database(f"sqlite:///{file}")
    with embedded.exclusive(db) as tx:
        steps.upgrade(tx, revision)
        if not is_versioned:
            tx.exec_driver_sql("DROP TABLE alembic_version")
    return db


def add_request(
    db: Database, urls: Sequence[str], *, done: int = 0, held: int = 0, webhook_url: str = ""
) -> uuid.UUID:
    """A request of one product: its first ``done`` images are completed, the next ``held`` are
    claimed by a worker that is gone, and the others are pending."""
    public_id = uuid.uuid4()
    with db.engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        request_id = _insert(
            connection,
            tables.tables["requests"],
            **{**OPTIONS, "public_id": public_id.hex, "file_name": "products.csv"},
            status="Completed" if done == len(urls) else "Processing",
            webhook_url=webhook_url or None,
            row_count=1,
            total=len(urls),
            completed=done,
            completed_at=NOW if done == len(urls) else None,
        )
        _insert(
            connection,
            tables.tables["products"],
            request_id=request_id,
            row_number=1,
            serial_number="1",
            product_name="Cup",
        )
        host = urls[0].split("/")[2]
        _insert(connection, tables.tables["hosts"], request_id=request_id, number=1, host=host)
        for position, url in enumerate(urls, start=1):
            place = {"request_id": request_id, "row_number": 1, "position": position}
            stage = _done(position) if position <= done else _open(is_held=position <= done + held)
            _insert(
                connection,
                tables.tables["images"],
                **place,
                **{"input_url": url, "host_number": 1, **stage},
            )
    return public_id


def _done(position: int) -> dict[str, Any]:
    figures = {"input_bytes": 100, "output_bytes": 40, "width": 8, "height": 6, "format": "jpeg"}
    name = f"1-{position}.jpg"
    return {"status": "Completed", "attempts": 1, "output_name": name, **figures}


def _open(*, is_held: bool) -> dict[str, Any]:
    if is_held:
        claim = {"claimed_by": "a worker that is gone", "lease_until": NOW}
        return {"status": "Processing", "attempts": 1, **claim}
    return {"status": "Pending", "attempts": 0}


def _insert(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    """A row; what is not given is empty, zero or now, as its type asks for."""
    row = {
        column.name: values.get(column.name, _filler(column))
        for column in table.columns
        if column.name != "id"
    }
    key = connection.execute(sa.insert(table).values(row)).inserted_primary_key
    return int(key[0]) if key else 0


def _filler(column: sa.Column[Any]) -> Any:
    if column.nullable:
        return None
    return NOW if column.name.endswith("_at") else 0
