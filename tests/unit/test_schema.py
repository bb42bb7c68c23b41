"""schema.sql and the models say the same; compared by what a T-SQL parser reads in both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlglot import exp

from work_queue.models import Base

SCHEMA = (Path(__file__).parents[2] / "schema.sql").read_text()
Described = dict[str, dict[str, str]]  # by table: by the name of a column, constraint or index


def of_schema(sql: str) -> Described:
    """The tables and indexes that the batches of schema.sql make."""
    made = re.findall(r"CREATE (?:TABLE|(?:UNIQUE )?INDEX) .*?;", sql, re.DOTALL)
    return described(made)


def of_models() -> Described:
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    made: list[str] = []
    for table in Base.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    return described(made)


def described(statements: list[str]) -> Described:
    found: Described = {}
    for statement in statements:
        made = sqlglot.parse_one(statement, dialect="tsql")
        table = made.find(exp.Table)
        assert table is not None
        parts = found.setdefault(table.name, {})
        if made.args["kind"] == "INDEX":
            parts[made.this.name] = normal(made)
        else:
            parts |= {part.name: normal(part) for part in made.this.expressions}
    return found


def normal(part: exp.Expr) -> str:
    """One spelling for what means the same: no schema name, no N before a string."""
    text = part.sql(dialect="tsql", comments=False).replace("dbo.", "").replace("N'", "'")
    return text.replace("INTEGER", "INT").replace("IDENTITY(1, 1)", "IDENTITY")


def test_the_schema_has_the_tables_of_the_models_and_that_of_its_version() -> None:
    assert of_schema(SCHEMA).keys() == of_models().keys() | {"alembic_version"}


@pytest.mark.parametrize("table", sorted(of_models()))
def test_a_table_of_the_schema_is_that_of_the_models(table: str) -> None:
    assert of_schema(SCHEMA)[table] == of_models()[table]


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        ("product_name NVARCHAR(2000)", "product_name NVARCHAR(200)"),
        ("served_at DATETIME2(3) NULL", "served_at DATETIME2(3) NOT NULL"),
        ("created_at DATETIME2(3)", "created_at DATETIME2(7)"),
        ("id BIGINT NOT NULL IDENTITY(1,1)", "id BIGINT NOT NULL"),
        ("N'Processing', N'Completed')", "N'Completed')"),
        ("attempts INT NOT NULL", "attempts INT NOT NULL DEFAULT 1"),
        ("completed + failed <= total", "completed <= total"),
        ("ON DELETE CASCADE", ""),
        ("(key_id, served_at, id)", "(id)"),
        ("WHERE status = N'Pending';", ";"),
        ("uq_requests_public_id", "uq_requests"),
    ],
)
def test_a_difference_is_seen(written: str, changed: str) -> None:
    assert written in SCHEMA

    assert of_schema(SCHEMA.replace(written, changed)) != of_models()


def test_a_lost_index_is_seen() -> None:
    lost = re.sub(r"CREATE INDEX ix_images_claimed.*?;", "", SCHEMA, flags=re.DOTALL)

    assert of_schema(lost) != of_models()


def test_every_table_is_made_only_where_there_is_none() -> None:
    for table in of_models():
        assert (
            f"IF OBJECT_ID(N'dbo.{table}') IS NULL\nBEGIN\n    CREATE TABLE dbo.{table}" in SCHEMA
        )
