"""Runs migrations for Alembic: on a connection that is given, as T-SQL text, or for its command.

See https://alembic.sqlalchemy.org, "Sharing a Connection across one or more programmatic
migration commands" and "Generating SQL Scripts".
"""

from __future__ import annotations

from alembic import context
from sqlalchemy.engine import Connection

import settings
from database import Database
from work_queue.models import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def run_as_text() -> None:
    """The T-SQL, for whoever reads before it is run."""
    context.configure(dialect_name="mssql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_on_our_database() -> None:
    """For `alembic revision --autogenerate`, which compares the models with a database."""
    with Database(settings.load().database_url).engine.connect() as connection:
        run(connection)


if context.is_offline_mode():
    run_as_text()
elif "connection" in context.config.attributes:
    run(context.config.attributes["connection"])
else:
    run_on_our_database()
