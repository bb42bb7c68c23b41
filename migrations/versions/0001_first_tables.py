"""The tables of the first version; a database made before migrations existed has just these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.portable import KEY, UTC, partial_index

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_requests()
    _create_products()
    _create_hosts()
    _create_images()
    _create_webhooks()
    _create_webhook_attempts()


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", KEY, sa.Identity(start=1, increment=1), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Unicode(10), nullable=False),
        sa.Column("file_name", sa.Unicode(255), nullable=False),
        sa.Column("url_column", sa.Unicode(1000)),
        sa.Column("webhook_url", sa.Unicode(2000)),
        sa.Column("reduce_by", sa.Integer(), nullable=False),
        sa.Column("format", sa.Unicode(10), nullable=False),
        sa.Column("max_width", sa.Integer()),
        sa.Column("max_height", sa.Integer()),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("completed_at", UTC),
        sa.Column("served_at", UTC),
        sa.Column("claimed_by", sa.Unicode(100)),
        sa.Column("lease_until", UTC),
        sa.CheckConstraint(
            "status IN ('Pending', 'Processing', 'Completed')", name=op.f("ck_requests_status")
        ),
        sa.CheckConstraint("completed + failed <= total", name=op.f("ck_requests_counters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("public_id", name=op.f("uq_requests_public_id")),
    )
    partial_index("ix_requests_open", "requests", ["served_at", "id"], "status <> 'Completed'")


def _create_products() -> None:
    op.create_table(
        "products",
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("serial_number", sa.Unicode(400), nullable=False),
        sa.Column("product_name", sa.Unicode(2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_products_requests"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "row_number", name=op.f("pk_products")),
    )


def _create_hosts() -> None:
    op.create_table(
        "hosts",
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_hosts_requests"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "number", name=op.f("pk_hosts")),
    )


def _create_images() -> None:
    op.create_table(
        "images",
        sa.Column("id", KEY, sa.Identity(start=1, increment=1), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("input_url", sa.Unicode(4000), nullable=False),
        sa.Column("host_number", sa.Integer(), nullable=False),
        sa.Column("copy_of", KEY),
        sa.Column("status", sa.Unicode(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("stops", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UTC, nullable=False),
        sa.Column("claimed_by", sa.Unicode(100)),
        sa.Column("lease_until", UTC),
        sa.Column("completed_at", UTC),
        sa.Column("error_code", sa.Unicode(50)),
        sa.Column("error_message", sa.Unicode(1000)),
        sa.Column("output_name", sa.Unicode(50)),
        sa.Column("input_bytes", sa.Integer()),
        sa.Column("output_bytes", sa.Integer()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("format", sa.Unicode(10)),
        sa.Column("method", sa.Unicode(10)),
        sa.Column("quality", sa.Integer()),
        sa.Column("scale", sa.Float()),
        sa.Column("encodes", sa.Integer()),
        sa.Column("target_met", sa.Boolean()),
        sa.CheckConstraint(
            "status IN ('Pending', 'Processing', 'Completed', 'Failed')",
            name=op.f("ck_images_status"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "row_number"],
            ["products.request_id", "products.row_number"],
            name=op.f("fk_images_products"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint(
            "request_id",
            "row_number",
            "position",
            name=op.f("uq_images_request_id_row_number_position"),
        ),
    )
    partial_index("ix_images_claimed", "images", ["lease_until"], "status = 'Processing'")
    partial_index(
        "ix_images_copies", "images", ["copy_of"], "status = 'Pending' AND copy_of IS NOT NULL"
    )
    partial_index(
        "ix_images_pending",
        "images",
        ["request_id", "host_number", "next_attempt_at", "id"],
        "status = 'Pending' AND copy_of IS NULL",
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", KEY, sa.Identity(start=1, increment=1), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Unicode(2000), nullable=False),
        sa.Column("status", sa.Unicode(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UTC, nullable=False),
        sa.Column("claimed_by", sa.Unicode(100)),
        sa.Column("lease_until", UTC),
        sa.CheckConstraint(
            "status IN ('Pending', 'Processing', 'Delivered', 'Failed')",
            name=op.f("ck_webhooks_status"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_webhooks_requests"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("message_id", name=op.f("uq_webhooks_message_id")),
    )
    partial_index("ix_webhooks_claimed", "webhooks", ["lease_until"], "status = 'Processing'")
    partial_index("ix_webhooks_pending", "webhooks", ["next_attempt_at"], "status = 'Pending'")
    op.create_index("ix_webhooks_request_id", "webhooks", ["request_id"])


def _create_webhook_attempts() -> None:
    op.create_table(
        "webhook_attempts",
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempted_at", UTC, nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("error", sa.Unicode(1000)),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_webhook_attempts_webhooks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("webhook_id", "number", name=op.f("pk_webhook_attempts")),
    )
