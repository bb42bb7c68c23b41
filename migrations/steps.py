"""The revisions as Alembic runs them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection


def upgrade(tx: Connection, revision: str = "head") -> None:
    command.upgrade(config_for(tx), revision)


def stamp(tx: Connection, revision: str) -> None:
    """Write down the revision that a database without a version is at."""
    command.stamp(config_for(tx), revision)


def config_for(tx: Connection | None = None) -> Config:
    """Alembic's configuration, to run on a connection in a transaction, or to write SQL."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    if tx is not None:
        config.attributes["connection"] = tx
    return config
