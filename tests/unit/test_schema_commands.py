"""schema.sql cut into what a server is sent, and a URL that cannot be meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import migrations
from database import Database, WrongDatabase
from migrations import sql_server
from tests.integration.test_database import url_of_nobody


def test_the_schema_is_sent_in_batches_without_the_word_go() -> None:
    batches = sql_server.batches(sql_server.SCHEMA.read_text())

    assert len(batches) == 16
    assert not any("\nGO" in batch for batch in batches)
    assert all("CREATE TABLE" in batch for batch in batches[-9:-1])


def test_a_go_within_a_line_is_no_separator() -> None:
    assert sql_server.batches("SELECT 'GO'\ngo\n\n GO \nSELECT 2") == ["SELECT 'GO'", "SELECT 2"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///a.db", "no SQL Server"),
        ("mssql+pyodbc://sa:x@localhost", "must name a database"),
        ("mssql+pyodbc://sa:x@localhost/a';DROP", "in letters"),
    ],
)
def test_a_wrong_url_is_said_in_a_sentence(url: str, reason: str) -> None:
    with pytest.raises(WrongDatabase, match=reason):
        sql_server.create(url)


def test_a_server_that_does_not_answer_is_said_after_the_driver() -> None:
    said = sql_server.check(url_of_nobody("mssqlpython", ""))

    assert next(said) == "The driver is installed."
    with pytest.raises(WrongDatabase, match="does not answer"):
        next(said)


def test_a_driver_that_is_missing_is_not_said_to_be_installed() -> None:
    said = sql_server.check(url_of_nobody("pyodbc", "?driver=/nowhere/libmsodbcsql.so"))

    with pytest.raises(WrongDatabase, match="driver is not installed"):
        next(said)


@pytest.mark.parametrize(
    "prepare", [sql_server.create, lambda url: migrations.upgrade(Database(url))]
)
def test_a_missing_driver_is_said_in_a_sentence(prepare: Callable[[str], object]) -> None:
    with pytest.raises(WrongDatabase, match="ODBC driver is not installed"):
        prepare(url_of_nobody("pyodbc", "?driver=/nowhere/libmsodbcsql.so"))
