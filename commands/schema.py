"""python -m commands schema: make the tables on the SQL Server that DATABASE_URL names."""

from __future__ import annotations

import schema
import settings


def main() -> None:
    schema.create(settings.load().database_url)
    print("schema.sql was run.")
