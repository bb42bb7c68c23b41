"""The migrations as T-SQL: a parser reads all of them, and their end is schema.sql."""

from __future__ import annotations

import io
import re

import pytest
import sqlglot
from alembic import command
from alembic.script import ScriptDirectory

import migrations
from migrations import sql_server, steps
from tests.unit.test_schema import SCHEMA, Described, described, of_schema

RENAME = re.compile(r"EXEC sp_rename '(\w+)\.(\w+)', (\w+), 'COLUMN';")
COLUMN = re.compile(r"ALTER TABLE (\w+) (?:ADD|ALTER COLUMN) (\w+ .*);")
ROWS = re.compile(r"INSERT INTO alembic_version |UPDATE ")
DROP_INDEX = re.compile(r"DROP INDEX (\w+) ON (\w+);")


@pytest.fixture(scope="module")
def statements() -> list[str]:
    """Everything that `make migrate` runs on an empty SQL Server."""
    config = steps.config_for()
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    text = re.sub(
        r"^(--.*|(BEGIN TRANSACTION|COMMIT);)$",
        "",
        config.output_buffer.getvalue(),
        flags=re.MULTILINE,
    )
    return sql_server.batches(text)


def after(statements: list[str]) -> Described:
    """The tables and indexes that are there after the statements."""
    found: Described = {}
    for statement in statements:
        if renamed := RENAME.fullmatch(statement):
            table, old, new = renamed.groups()
            found[table] = {
                re.sub(rf"\b{old}\b", new, name): re.sub(rf"\b{old}\b", new, part)
                for name, part in found[table].items()
            }
        elif changed := COLUMN.fullmatch(statement):
            table, column = changed.groups()
            found[table] |= described([f"CREATE TABLE {table} ({column})"])[table]
        elif dropped := DROP_INDEX.fullmatch(statement):
            index, table = dropped.groups()
            del found[table][index]
        elif statement.startswith("CREATE"):
            for table, parts in described([statement]).items():
                found.setdefault(table, {}).update(parts)
        else:
            assert ROWS.match(statement), f"teach this test to follow: {statement}"
    return found


def test_the_files_are_named_after_the_revisions_in_their_order() -> None:
    script = ScriptDirectory.from_config(steps.config_for())
    assert migrations.revisions() == [each.revision for each in script.walk_revisions()][::-1]


def test_a_t_sql_parser_reads_every_statement(statements: list[str]) -> None:
    for statement in statements:
        assert sqlglot.parse(statement, dialect="tsql", error_level=sqlglot.ErrorLevel.RAISE)


def test_the_newest_revision_is_what_schema_sql_makes(statements: list[str]) -> None:
    assert after(statements) == of_schema(SCHEMA)


def test_schema_sql_stamps_the_newest_revision() -> None:
    assert set(re.findall(r"version_num(?:\) VALUES \(| = )'(\w+)'", SCHEMA)) == {
        migrations.newest()
    }


def test_schema_sql_leaves_a_database_of_another_version_alone() -> None:
    first, second = (
        SCHEMA.index(f"RAISERROR (N'The database {words}") for words in ("was made", "is of")
    )

    assert SCHEMA.index("SET NOEXEC ON", first) < second
    assert (
        second < SCHEMA.index("SET NOEXEC ON", second) < SCHEMA.index("CREATE TABLE dbo.requests")
    )
