"""Include, on SQL Server, the columns that the filters of indexes name and that claims read.

Without them its optimizer looks every row up, or doesn't take the index at all.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

PENDING, PROCESSING = "status = N'Pending'", "status = N'Processing'"


def upgrade() -> None:
    if op.get_context().dialect.name != "mssql":
        return
    counters = ["completed", "failed", "total", "lease_until"]
    _cover("ix_requests_open", "requests", ["served_at", "id"], "status <> N'Completed'", *counters)
    due = ["request_id", "host_number", "next_attempt_at", "id"]
    _cover("ix_images_pending", "images", due, f"{PENDING} AND copy_of IS NULL", "copy_of")
    _cover("ix_images_copies", "images", ["copy_of"], f"{PENDING} AND copy_of IS NOT NULL")
    _cover("ix_images_claimed", "images", ["lease_until"], PROCESSING)
    _cover("ix_webhooks_pending", "webhooks", ["next_attempt_at"], PENDING)
    _cover("ix_webhooks_claimed", "webhooks", ["lease_until"], PROCESSING)


def _cover(name: str, table: str, columns: list[str], where: str, *include: str) -> None:
    op.drop_index(name, table_name=table)
    op.create_index(
        name, table, columns, mssql_where=sa.text(where), mssql_include=["status", *include]
    )
