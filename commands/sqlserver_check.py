"""`sqlserver-check`: whether the service can work with a SQL Server."""

from __future__ import annotations

import click

from commands.support import environment
from migrations import sql_server


@click.command()
def sqlserver_check() -> None:
    """Check the SQL Server that DATABASE_URL names.

    Looks at the driver, the login, the tables, the login's rights and the server's options. Stops
    at the first problem and says what it is.
    """
    for sentence in sql_server.check(environment.database_url()):
        print(f"ok  {sentence}")
