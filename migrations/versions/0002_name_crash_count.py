"""Name the count of an image's crashed workers as the glossary does: stops becomes crash_count."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.alter_column("images", "stops", new_column_name="crash_count")
