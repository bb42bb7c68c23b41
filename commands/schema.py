"""python -m commands schema: make the tables on the SQL Server that DATABASE_URL names."""

from __future__ import annotations

import settings
from migrations import sql_server


def main() -> None:
    sql_server.create(settings.load().database_url)
    print("schema.sql was run.")
