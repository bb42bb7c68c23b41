"""Keep for which shop the images of a request are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("requests", sa.Column("preset", sa.Unicode(20)))
