"""Let an operator pause hosts, or all work, and see failures of the last hours by host and code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.portable import KEY, UTC

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("paused_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_pauses"),
    )
    op.create_table(
        "tallies",
        sa.Column("id", KEY, sa.Identity(start=1, increment=1), nullable=False),
        sa.Column("counted_at", UTC, nullable=False),
        sa.Column("worker", sa.Unicode(100), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("code", sa.Unicode(50), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("retried", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tallies"),
    )
    op.create_index(
        "ix_tallies_counted_at",
        "tallies",
        ["counted_at"],
        mssql_include=["worker", "host", "code", "ended", "retried"],
    )
