"""The tables, typed, for SQLite and SQL Server alike; ``schema.sql`` is their T-SQL twin.

A request has products (the rows of its CSV) and hosts, a product has images, a finished request may
have a webhook, and a webhook has attempts. Lengths are in UTF-16 code units, as NVARCHAR counts.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class Status(StrEnum):
    """Every status there is, in its one spelling; each table's check says which are its own."""

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


def shortened(text: str, length: int) -> str:
    """The beginning of a text that fits NVARCHAR(length), which counts UTF-16 code units."""
    return text.encode("utf-16-le", "replace")[: 2 * length].decode("utf-16-le", "ignore")


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
    return f"DATEADD(millisecond, {milliseconds}, SYSUTCDATETIME())"


def is_status(column: Any, status: Status) -> sa.ColumnElement[bool]:
    """``column = 'status'`` as a literal: a parameter would keep a filtered index from serving."""
    literal: sa.ColumnElement[bool] = column == sa.literal(
        status, StatusText(), literal_execute=True
    )
    return literal


class exactly(FunctionElement[str]):  # noqa: N801 -- it reads as the SQL function it is
    """A text by its code points: SQL Server takes "A" for "a" by default, no web server does."""

    inherit_cache = True


@compiles(exactly, "sqlite")
def _exactly_on_sqlite(element: exactly, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(exactly, "mssql")
def _exactly_on_sql_server(element: exactly, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} COLLATE Latin1_General_100_BIN2"


Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite's rowid must say INTEGER
NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = {
        datetime: UtcDateTime(),
        Status: StatusText(),
        uuid.UUID: sa.Uuid(),
    }


def identity() -> Any:
    return mapped_column(Key, sa.Identity(start=1, increment=1), primary_key=True)


def text(length: int) -> Any:
    return mapped_column(sa.Unicode(length))


def parent(column: str) -> Any:
    """A foreign key; what hangs on a row goes when the row goes."""
    return mapped_column(Key, sa.ForeignKey(column, ondelete="CASCADE"))


def one_of(*statuses: Status) -> sa.CheckConstraint:
    listed = ", ".join(f"'{status}'" for status in statuses)
    return sa.CheckConstraint(f"status IN ({listed})", name="status")


def partial_index(name: str, *columns: str, where: str) -> sa.Index:
    """An index over the few rows that still need something: it stays small as history grows."""
    return sa.Index(
        name,
        *columns,
        mssql_where=sa.text(where.replace(" '", " N'")),
        sqlite_where=sa.text(where),
    )


class Request(Base):
    """One uploaded CSV: its options, its counters, and who is writing its output CSV."""

    __tablename__ = "requests"
    id: Mapped[int] = identity()
    public_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    status: Mapped[Status]
    file_name: Mapped[str] = text(255)
    url_column: Mapped[str | None] = text(1000)
    webhook_url: Mapped[str | None] = text(2000)
    reduce_by: Mapped[int]
    format: Mapped[str] = text(10)
    max_width: Mapped[int | None]
    max_height: Mapped[int | None]
    row_count: Mapped[int]
    total: Mapped[int]
    completed: Mapped[int]
    failed: Mapped[int]
    bytes_in: Mapped[int] = mapped_column(sa.BigInteger)
    bytes_out: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    served_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = text(100)
    lease_until: Mapped[datetime | None]
    __table_args__ = (
        one_of(Status.PENDING, Status.PROCESSING, Status.COMPLETED),
        sa.CheckConstraint("completed + failed <= total", name="counters"),
        partial_index("ix_requests_open", "served_at", "id", where="status <> 'Completed'"),
    )


class Product(Base):
    """One data row of a CSV; the number is its place in the file, the first is 1."""

    __tablename__ = "products"
    request_id: Mapped[int] = parent("requests.id")
    row_number: Mapped[int]
    serial_number: Mapped[str] = text(400)
    product_name: Mapped[str] = text(2000)
    __table_args__ = (sa.PrimaryKeyConstraint("request_id", "row_number"),)


class Host(Base):
    """One host of a request's URLs: a claim passes over a host without reading its images.

    The number stands in the images (not as a foreign key: SQL Server allows one path of cascades).
    """

    __tablename__ = "hosts"
    request_id: Mapped[int] = parent("requests.id")
    number: Mapped[int]
    host: Mapped[str] = text(255)
    __table_args__ = (sa.PrimaryKeyConstraint("request_id", "number"),)


class Image(Base):
    """One URL of a product; the position is its place in the row, the first is 1.

    ``attempts`` counts the claims that were answered and the one under way. ``stops`` is 1 once a
    claim ran out, and one more each time that the image is tried after that. ``copy_of`` is the
    first image of the request with the same URL, if that is another one: it is worked on for both.
    """

    __tablename__ = "images"
    id: Mapped[int] = identity()
    request_id: Mapped[int] = mapped_column(Key)
    row_number: Mapped[int]
    position: Mapped[int]
    input_url: Mapped[str] = text(4000)
    host_number: Mapped[int]
    copy_of: Mapped[int | None] = mapped_column(Key)
    status: Mapped[Status]
    attempts: Mapped[int]
    stops: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = text(100)
    lease_until: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = text(50)
    error_message: Mapped[str | None] = text(1000)
    output_name: Mapped[str | None] = text(50)
    input_bytes: Mapped[int | None]
    output_bytes: Mapped[int | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    format: Mapped[str | None] = text(10)
    method: Mapped[str | None] = text(10)
    quality: Mapped[int | None]
    scale: Mapped[float | None] = mapped_column(sa.Float)
    encodes: Mapped[int | None]
    target_met: Mapped[bool | None]
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["request_id", "row_number"],
            ["products.request_id", "products.row_number"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("request_id", "row_number", "position"),
        one_of(Status.PENDING, Status.PROCESSING, Status.COMPLETED, Status.FAILED),
        partial_index(
            "ix_images_pending",
            *("request_id", "host_number", "next_attempt_at", "id"),
            where="status = 'Pending' AND copy_of IS NULL",
        ),
        partial_index(
            "ix_images_copies", "copy_of", where="status = 'Pending' AND copy_of IS NOT NULL"
        ),
        partial_index("ix_images_claimed", "lease_until", where="status = 'Processing'"),
    )


class Webhook(Base):
    """One notification; its ``message_id`` is the same over all attempts."""

    __tablename__ = "webhooks"
    id: Mapped[int] = identity()
    request_id: Mapped[int] = parent("requests.id")
    message_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    url: Mapped[str] = text(2000)
    status: Mapped[Status]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = text(100)
    lease_until: Mapped[datetime | None]
    __table_args__ = (
        one_of(Status.PENDING, Status.PROCESSING, Status.DELIVERED, Status.FAILED),
        sa.Index("ix_webhooks_request_id", "request_id"),
        partial_index("ix_webhooks_pending", "next_attempt_at", where="status = 'Pending'"),
        partial_index("ix_webhooks_claimed", "lease_until", where="status = 'Processing'"),
    )


class WebhookAttempt(Base):
    """One try to deliver: when, what the receiver answered (no status: nothing), how long."""

    __tablename__ = "webhook_attempts"
    webhook_id: Mapped[int] = parent("webhooks.id")
    number: Mapped[int]
    attempted_at: Mapped[datetime]
    status_code: Mapped[int | None]
    duration_ms: Mapped[int]
    error: Mapped[str | None] = text(1000)
    __table_args__ = (sa.PrimaryKeyConstraint("webhook_id", "number"),)


def missing(connection: Connection) -> list[str]:
    """The tables, columns and indexes of this version that a database does not have."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    found = []
    for table in Base.metadata.sorted_tables:
        if table.name not in there:
            found.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        found += [f"{table.name}.{c.name}" for c in table.columns if c.name not in columns]
        found += [str(index.name) for index in table.indexes if index.name not in indexes]
    return found
