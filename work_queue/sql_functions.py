"""SQL that the two databases spell differently, under one name each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from work_queue.column_types import Milliseconds, UtcDateTime


class utc_now(FunctionElement[datetime]):  # noqa: N801 -- it reads as the SQL function it is
    """The database's own clock, ``seconds`` from now: leases trust no worker's clock.

    Instead of the seconds, the name of a parameter that will hold them.
    """

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | str = 0) -> None:
        if isinstance(seconds, str):
            super().__init__(sa.bindparam(seconds, type_=Milliseconds()))
        else:
            super().__init__(sa.literal(seconds, Milliseconds()))


@compiles(utc_now, "sqlite")
def _utc_now_on_sqlite(element: utc_now, compiler: SQLCompiler, **options: Any) -> str:
    milliseconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', ({milliseconds} / 1000.0) || ' seconds')"


@compiles(utc_now, "mssql")
def _utc_now_on_sql_server(element: utc_now, compiler: SQLCompiler, **options: Any) -> str:
    milliseconds = compiler.process(element.clauses, **options)
    return f"CAST(DATEADD(millisecond, {milliseconds}, SYSUTCDATETIME()) AS DATETIME2(3))"
