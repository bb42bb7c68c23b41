"""Every status there is, and how one stands in the database."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Status(StrEnum):
    """Every status in its one spelling; each table's check constraint lists its own."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    DELIVERED = "Delivered"


class StatusText(TypeDecorator[Status]):
    """A Status as NVARCHAR, so that SQL Server compares it with an index without converting."""

    impl = sa.Unicode(10)
    cache_ok = True

    def process_bind_param(self, value: Status | None, dialect: Dialect) -> str | None:
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Status | None:
        return None if value is None else Status(value)

    def process_literal_param(self, value: Status | None, dialect: Dialect) -> str:
        return "" if value is None else value.value


def is_status(column: Any, status: Status) -> sa.ColumnElement[bool]:
    """``column = 'status'`` as a literal: a parameter would keep a filtered index from serving."""
    literal: sa.ColumnElement[bool] = column == sa.literal(
        status, StatusText(), literal_execute=True
    )
    return literal
