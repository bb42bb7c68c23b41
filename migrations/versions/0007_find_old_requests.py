"""Find requests by the time of their completion, for RETENTION_DAYS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

WHERE = "status = {} AND is_whole = 1"


def upgrade() -> None:
    op.create_index(
        "ix_requests_completed",
        "requests",
        ["completed_at"],
        mssql_where=sa.text(WHERE.format("N'Completed'")),
        mssql_include=["status", "is_whole"],
        sqlite_where=sa.text(WHERE.format("'Completed'")),
    )
