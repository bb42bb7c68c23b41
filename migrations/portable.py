"""What revisions use to say the same to SQLite and SQL Server; a revision imports no models, which
change after it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mssql import DATETIME2

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid must say INTEGER
UTC = sa.String(23).with_variant(DATETIME2(3), "mssql")  # type: ignore[no-untyped-call]


def partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    """Create an index over the rows that fulfil a condition, whose texts are in single quotes."""
    op.create_index(
        name,
        table,
        columns,
        mssql_where=sa.text(where.replace(" '", " N'")),
        sqlite_where=sa.text(where),
    )
