"""Many rows of a request into a table, in the quick way of each database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.engine import Connection

from work_queue.statements import SQL_SERVER_NOW, SQLITE_NOW, Statement, as_json, types_of


@dataclass(frozen=True)
class BulkInsert:
    """``given`` columns come with the rows; ``fixed`` ones are SQL, in which ``{now}`` is the time.

    SQLite gets the rows by executemany. SQL Server gets them as one JSON parameter: one
    message and one plan for any number of rows, by either driver, and no parameter to describe.
    """

    table: type[Any]
    given: tuple[str, ...]
    fixed: Mapping[str, str]

    def run(self, tx: Connection, request_id: int, rows: Sequence[tuple[Any, ...]]) -> None:
        """``rows`` are tuples of the given columns."""
        if tx.dialect.name == "sqlite":
            now = tx.exec_driver_sql(f"SELECT {SQLITE_NOW}").scalar_one()  # once, not for each row
            tx.exec_driver_sql(self._sqlite(f"'{now}'"), [(request_id, *row) for row in rows])
        else:
            self.statement.run(tx, request_id=request_id, rows=as_json(rows))

    def _sqlite(self, now: str) -> str:
        marks = ", ".join("?" * (1 + len(self.given)))
        return f"INSERT INTO {self._columns} VALUES ({marks}{self._values(now)})"

    @cached_property
    def statement(self) -> Statement:
        """It as text, for both databases."""
        types = types_of(self.table, self.given)
        members = [f"{name} {kind} '$[{at}]'" for at, (name, kind) in enumerate(types.items())]
        text = f"""
INSERT INTO {self._columns}
SELECT :request_id, {", ".join(self.given)}{self._values(SQL_SERVER_NOW)}
FROM OPENJSON(:rows) WITH (
    {", ".join(members)}
)
"""
        return Statement(sqlite=self._sqlite(SQLITE_NOW), sql_server=text)

    @property
    def _columns(self) -> str:
        return f"{self.table.__tablename__} ({', '.join(['request_id', *self.given, *self.fixed])})"

    def _values(self, now: str) -> str:
        return "".join(f", {value}" for value in self.fixed.values()).format(now=now)
