"""The tables, typed, for SQLite and SQL Server alike; ``schema.sql`` is their T-SQL twin.

A request has products (the rows of its CSV) and hosts, a product has images, a completed request
may have a webhook, and a webhook has attempts. A request belongs to the API key that it came with.
Lengths are in UTF-16 code units, as NVARCHAR counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from work_queue.column_types import Key, UtcDateTime
from work_queue.statuses import Status, StatusText

# Lengths of columns, in UTF-16 code units; what is longer is refused or cut before it gets here.
MAX_ERROR = 1000
MAX_HOST = 255
MAX_FILE_NAME = 255
MAX_OUTPUT_NAME = 100
MAX_URL_COLUMN = 1000
MAX_WEBHOOK_URL = 2000
MAX_READING = 4000
MAX_KEY_NAME = 100
MAX_WORKER = 100
MAX_CODE = 50

ALL_WORK = "*"  # in the place of a host, which no URL has
NO_KEY = 0  # the key of requests that came without one, where the service is open

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


def partial_index(name: str, *columns: str, where: str, include: Sequence[str] = ()) -> sa.Index:
    """An index over the few rows that still need something: it stays small as history grows.

    SQL Server's optimizer looks a row up for each column of the filter that the index lacks, so
    those are included, with what else is read; SQLite knows no included columns.
    """
    return sa.Index(
        name,
        *columns,
        mssql_where=sa.text(where.replace(" '", " N'")),
        mssql_include=["status", *include],
        sqlite_where=sa.text(where),
    )


class ApiKey(Base):
    """Who may call, and how much; its secret is kept as a hash.

    A limit of None is that of the settings, or none. ``used_bytes`` and ``used_cpu_ms`` are those
    of the day ``used_on`` (of UTC, as 2026-11-28), counted by the workers. ``webhook_secret`` may
    hold two secrets, separated by a blank, while one is being replaced.
    """

    __tablename__ = "api_keys"
    id: Mapped[int] = identity()
    name: Mapped[str] = mapped_column(sa.Unicode(MAX_KEY_NAME), unique=True)
    prefix: Mapped[str] = mapped_column(sa.Unicode(16), unique=True)
    secret_hash: Mapped[str] = text(64)
    scope: Mapped[str] = text(10)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    uploads_per_minute: Mapped[int | None]
    max_open_requests: Mapped[int | None]
    max_open_images: Mapped[int | None]
    bytes_per_day: Mapped[int | None] = mapped_column(sa.BigInteger)
    cpu_seconds_per_day: Mapped[int | None]
    retention_days: Mapped[int | None]
    webhook_secret: Mapped[str | None] = text(255)
    used_on: Mapped[str | None] = text(10)
    used_bytes: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    used_cpu_ms: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))


class Request(Base):
    """One uploaded CSV: its options, its counters, and who is writing its output CSV.

    ``is_whole`` is false while a large upload is written, and while one that broke off or a deleted
    request is removed: nobody sees the request, and its lease says how long somebody is at it.
    ``idempotency_key`` and ``content_hash`` are SHA-256 of the header and of the upload, for a day.
    ``claimed`` counts claims of its images while it has its head start. ``reading`` is the JSON of
    how its CSV is read; requests without one came before it, and have a ``url_column`` at most.
    ``names`` says what its images are named after, and ``preset`` which shop its defaults suit.
    """

    __tablename__ = "requests"
    id: Mapped[int] = identity()
    public_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    status: Mapped[Status]
    file_name: Mapped[str] = text(MAX_FILE_NAME)
    url_column: Mapped[str | None] = text(MAX_URL_COLUMN)
    webhook_url: Mapped[str | None] = text(MAX_WEBHOOK_URL)
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
    claimed_by: Mapped[str | None] = text(MAX_WORKER)
    lease_until: Mapped[datetime | None]
    max_bytes: Mapped[int | None]
    keep_dimensions: Mapped[bool] = mapped_column(server_default=sa.false())
    is_whole: Mapped[bool] = mapped_column(server_default=sa.true())
    claimed: Mapped[int | None]
    idempotency_key: Mapped[str | None] = text(64)
    content_hash: Mapped[str | None] = text(64)
    key_id: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text(f"{NO_KEY}"))
    reading: Mapped[str | None] = text(MAX_READING)
    names: Mapped[str] = mapped_column(sa.Unicode(10), server_default="position")
    preset: Mapped[str | None] = text(20)
    __table_args__ = (
        one_of(Status.PENDING, Status.PROCESSING, Status.COMPLETED),
        sa.CheckConstraint("completed + failed <= total", name="counters"),
        partial_index(
            "ix_requests_open",
            *("key_id", "served_at", "id"),
            where="status <> 'Completed' AND is_whole = 1",
            include=("completed", "failed", "total", "lease_until", "is_whole"),
        ),
        sa.Index(
            "ux_requests_idempotency_key",
            "idempotency_key",
            unique=True,
            mssql_where=sa.text("idempotency_key IS NOT NULL"),
            sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        ),
        sa.Index("ix_requests_key_id_id", "key_id", "id"),
        partial_index(
            "ix_requests_completed",
            *("key_id", "completed_at"),
            where="status = 'Completed' AND is_whole = 1",
            include=("is_whole",),
        ),
        partial_index(
            "ix_requests_partial", "lease_until", where="is_whole = 0", include=("is_whole",)
        ),
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
    """One host of a request's URLs: a claim can exclude a host without reading its images.

    The number stands in the images (not as a foreign key: SQL Server allows one path of cascades).
    ``timeouts`` counts those in a row; a host that has many rests for a while.
    """

    __tablename__ = "hosts"
    request_id: Mapped[int] = parent("requests.id")
    number: Mapped[int]
    host: Mapped[str] = text(MAX_HOST)
    timeouts: Mapped[int | None]
    rests_until: Mapped[datetime | None]
    __table_args__ = (sa.PrimaryKeyConstraint("request_id", "number"),)


class Figures(NamedTuple):
    """What compression says of a finished image, for its columns, the status and the recorder.

    All are None until the image is completed.
    """

    width: int | None = None
    height: int | None = None
    format: str | None = None
    method: str | None = None
    quality: int | None = None
    scale: float | None = None
    encodes: int | None = None
    target_met: bool | None = None
    missed_because: str | None = None


class Image(Base):
    """One URL of a product; the position is its place in the row, the first is 1.

    ``attempts`` counts the claims that ended with an outcome, and the one under way.
    ``crash_count`` is 1 once a claim has expired, and one more each time that the image is tried
    after that. ``copy_of`` is the first image of the request with the same URL, if that is another
    one; its outcome is that of its copies. ``content_hash`` is the beginning of the SHA-256 of what
    was downloaded.
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
    crash_count: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = text(MAX_WORKER)
    lease_until: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = text(MAX_CODE)
    error_message: Mapped[str | None] = text(MAX_ERROR)
    output_name: Mapped[str | None] = text(MAX_OUTPUT_NAME)
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
    missed_because: Mapped[str | None] = text(20)
    content_hash: Mapped[str | None] = text(16)
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
            include=("copy_of",),
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
    url: Mapped[str] = text(MAX_WEBHOOK_URL)
    status: Mapped[Status]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = text(MAX_WORKER)
    lease_until: Mapped[datetime | None]
    __table_args__ = (
        one_of(Status.PENDING, Status.PROCESSING, Status.DELIVERED, Status.FAILED),
        sa.Index("ix_webhooks_request_id", "request_id"),
        partial_index("ix_webhooks_pending", "next_attempt_at", where="status = 'Pending'"),
        partial_index("ix_webhooks_claimed", "lease_until", where="status = 'Processing'"),
    )


class WebhookAttempt(Base):
    """One attempt to deliver; without a ``status_code`` the receiver did not answer."""

    __tablename__ = "webhook_attempts"
    webhook_id: Mapped[int] = parent("webhooks.id")
    number: Mapped[int]
    attempted_at: Mapped[datetime]
    status_code: Mapped[int | None]
    duration_ms: Mapped[int]
    error: Mapped[str | None] = text(MAX_ERROR)
    __table_args__ = (sa.PrimaryKeyConstraint("webhook_id", "number"),)


class Pause(Base):
    """A host whose images nobody claims until an operator ends the pause; ALL_WORK is every host.

    The host is as in ``hosts``: in lower case, with the port where the URLs have one.
    """

    __tablename__ = "pauses"
    host: Mapped[str] = mapped_column(sa.Unicode(MAX_HOST), primary_key=True)
    paused_at: Mapped[datetime]


class Tally(Base):
    """What one worker process has counted in some seconds: images that ended, and attempts that
    are to be tried again.

    Failures are counted by host and code, an empty host being the rest of the hosts; images that
    went well together, with neither. Rows are kept for some hours.
    """

    __tablename__ = "tallies"
    id: Mapped[int] = identity()
    counted_at: Mapped[datetime]
    worker: Mapped[str] = text(MAX_WORKER)
    host: Mapped[str] = text(MAX_HOST)
    code: Mapped[str] = text(MAX_CODE)
    ended: Mapped[int]
    retried: Mapped[int]
    __table_args__ = (
        sa.Index(
            "ix_tallies_counted_at",
            "counted_at",
            mssql_include=["worker", "host", "code", "ended", "retried"],
        ),
    )
