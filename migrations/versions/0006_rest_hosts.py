"""Count what a request's head start has claimed, and let a host rest that keeps timing out.

The columns are nullable, so that a large table is not written anew: NULL is none so far.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.portable import UTC

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("requests", sa.Column("claimed", sa.Integer(), nullable=True))
    op.add_column("hosts", sa.Column("timeouts", sa.Integer(), nullable=True))
    op.add_column("hosts", sa.Column("rests_until", UTC, nullable=True))
