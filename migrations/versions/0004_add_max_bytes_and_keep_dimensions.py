"""Add two options of a request, and why an image missed its target."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("requests", sa.Column("max_bytes", sa.Integer()))
    op.add_column(
        "requests",
        sa.Column("keep_dimensions", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("images", sa.Column("missed_because", sa.Unicode(20)))
