"""Add API keys: a request belongs to one, and the keys take turns."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.portable import KEY, UTC

revision = "0009"
down_revision = "0008"

IS_OPEN = "status <> 'Completed' AND is_whole = 1"
IS_COMPLETED = "status = 'Completed' AND is_whole = 1"
COUNTERS = ("completed", "failed", "total", "lease_until")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", KEY, sa.Identity(start=1, increment=1), nullable=False),
        sa.Column("name", sa.Unicode(100), nullable=False),
        sa.Column("prefix", sa.Unicode(16), nullable=False),
        sa.Column("secret_hash", sa.Unicode(64), nullable=False),
        sa.Column("scope", sa.Unicode(10), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        *(sa.Column(name, UTC) for name in ("expires_at", "revoked_at", "last_used_at")),
        *(
            sa.Column(name, sa.Integer())
            for name in ("uploads_per_minute", "max_open_requests", "max_open_images")
        ),
        sa.Column("bytes_per_day", sa.BigInteger()),
        sa.Column("cpu_seconds_per_day", sa.Integer()),
        sa.Column("retention_days", sa.Integer()),
        sa.Column("webhook_secret", sa.Unicode(255)),
        sa.Column("used_on", sa.Unicode(10)),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("used_cpu_ms", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("name", name="uq_api_keys_name"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    op.add_column(
        "requests",
        sa.Column("key_id", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.create_index("ix_requests_key_id_id", "requests", ["key_id", "id"])
    _replace_index("ix_requests_open", ("key_id", "served_at", "id"), IS_OPEN, COUNTERS)
    _replace_index("ix_requests_completed", ("key_id", "completed_at"), IS_COMPLETED)


def _replace_index(
    name: str, columns: Sequence[str], where: str, include: Sequence[str] = ()
) -> None:
    op.drop_index(name, table_name="requests")
    op.create_index(
        name,
        "requests",
        list(columns),
        mssql_where=sa.text(where.replace(" '", " N'")),
        mssql_include=["status", *include, "is_whole"],
        sqlite_where=sa.text(where),
    )
