"""python -m commands sqlserver_check: say what is fine with DATABASE_URL, and what is not."""

from __future__ import annotations

import schema
import settings


def main() -> None:
    for sentence in schema.check(settings.load().database_url):
        print(f"ok  {sentence}")
