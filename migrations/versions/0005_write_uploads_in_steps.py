"""Say whether a request is whole: a large upload is written in steps, and nobody sees it before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "requests", sa.Column("is_whole", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.drop_index("ix_requests_open", table_name="requests")
    counters = ["completed", "failed", "total", "lease_until"]
    _index(
        "ix_requests_open", ["served_at", "id"], "status <> 'Completed' AND is_whole = 1", counters
    )
    _index("ix_requests_partial", ["lease_until"], "is_whole = 0", [])


def _index(name: str, columns: list[str], where: str, include: list[str]) -> None:
    op.create_index(
        name,
        "requests",
        columns,
        mssql_where=sa.text(where.replace(" '", " N'")),
        mssql_include=["status", *include, "is_whole"],
        sqlite_where=sa.text(where),
    )
