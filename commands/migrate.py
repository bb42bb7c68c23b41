"""`migrate`: the database brought to the newest schema version."""

from __future__ import annotations

import click

import migrations
from commands.support import environment
from database import Database
from migrations import Version


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema version.

    DATABASE_URL names the database. An empty one gets its tables; the embedded one is copied to a
    file beside it before it is changed. Stop the service first: it works with one version only.
    """
    found = migrations.upgrade(Database(environment.database_url()))
    print(_in_a_sentence(found))


def _in_a_sentence(found: Version) -> str:
    newest = migrations.newest()
    if not found.has_tables:
        return f"The database was made: schema version {newest}."
    if found.revision == newest:
        return f"The database is at schema version {newest} already."
    before = found.revision or migrations.FIRST
    return f"The database was at schema version {before} and is at {newest} now."
