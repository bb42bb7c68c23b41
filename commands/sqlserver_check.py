"""python -m commands sqlserver_check: say what is fine with DATABASE_URL, and what is not."""

from __future__ import annotations

import settings
from migrations import sql_server


def main() -> None:
    for sentence in sql_server.check(settings.load().database_url):
        print(f"ok  {sentence}")
