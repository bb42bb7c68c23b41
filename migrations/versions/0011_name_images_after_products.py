"""Make room for names after products or sources, and for what tells the same picture again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column(
        "requests",
        sa.Column("names", sa.Unicode(10), nullable=False, server_default="position"),
    )
    op.add_column("images", sa.Column("content_hash", sa.Unicode(16)))
    with op.batch_alter_table("images") as images:  # SQLite makes the table anew
        images.alter_column(
            "output_name", existing_type=sa.Unicode(50), type_=sa.Unicode(100), nullable=True
        )
