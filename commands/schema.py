"""`schema`: the tables of a SQL Server, made by schema.sql."""

from __future__ import annotations

import click

from commands.support import environment
from migrations import sql_server


@click.command()
def schema() -> None:
    """Run schema.sql on a SQL Server.

    DATABASE_URL names the server and the database, which is made if it is missing. To run it
    again does no harm; a database of an earlier version needs `migrate` instead.
    """
    sql_server.create(environment.database_url())
    print("schema.sql was run.")
