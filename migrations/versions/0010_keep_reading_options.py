"""Keep how an upload is to be read, for the tables that are written from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("requests", sa.Column("reading", sa.Unicode(4000)))
