"""Recognise an upload that is sent again with the same Idempotency-Key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

IS_THERE = "idempotency_key IS NOT NULL"


def upgrade() -> None:
    op.add_column("requests", sa.Column("idempotency_key", sa.Unicode(64)))
    op.add_column("requests", sa.Column("content_hash", sa.Unicode(64)))
    op.create_index(
        "ux_requests_idempotency_key",
        "requests",
        ["idempotency_key"],
        unique=True,
        mssql_where=sa.text(IS_THERE),
        sqlite_where=sa.text(IS_THERE),
    )
