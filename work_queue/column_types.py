"""Types of columns that mean the same on SQLite and SQL Server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite's rowid must say INTEGER


class UtcDateTime(TypeDecorator[datetime]):
    """UTC to the millisecond: DATETIME2(3), and on SQLite text that sorts as time does."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mssql":
            from sqlalchemy.dialects.mssql import DATETIME2

            return dialect.type_descriptor(DATETIME2(3))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(sa.String(23))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        naive = value.astimezone(UTC).replace(tzinfo=None)
        if dialect.name == "mssql":
            return naive
        return naive.isoformat(sep=" ", timespec="milliseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return None if value is None else value.replace(tzinfo=UTC)


class Milliseconds(TypeDecorator[float]):
    """Seconds, for a statement that counts in milliseconds."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value * 1000)


def fit_column(text: str, length: int) -> str:
    """The beginning of a text, as much as fits NVARCHAR(length): UTF-16 code units."""
    return text.encode("utf-16-le", "replace")[: 2 * length].decode("utf-16-le", "ignore")
