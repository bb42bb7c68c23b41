"""Every statement of the service as SQL Server gets it.

The statements are those that a whole job really runs; here they are compiled once more, for SQL
Server, and read by a T-SQL parser.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.sql import ClauseElement

from database import Database
from tests.conftest import empty_database
from tests.integration.conftest import Product, completed
from work_queue import read_queries
from work_queue.claims import ClaimedImage, claim_images, renew_claims, work_is_due
from work_queue.completion import claim_finished, complete_request, finished_images
from work_queue.expired_claims import count_crash, release_expired
from work_queue.intake import NewRequest, store_request
from work_queue.notifications import claim_webhooks, record_attempt
from work_queue.outcomes import Outcome, record_outcomes

pytestmark = pytest.mark.integration
Statements = list[str]
DOCUMENT = Path(__file__).parents[2] / "docs" / "statements.sql"
COMMENT: dict[str, Any] = {"initial_indent": "-- ", "subsequent_indent": "-- "}
HEAD = """\
-- Every statement of the service as SQL Server gets it, under the function of work_queue/ that runs
-- it. Written by tests/integration/test_statements.py, which fails when it is stale.
"""


class Compiled(NamedTuple):
    """A statement in T-SQL, and the function of work_queue/ that runs it."""

    function: str
    purpose: str  # the first sentence of its docstring
    statement: str


def whole_job(database: Database) -> None:
    """Everything that happens to a request of two images with a webhook."""
    new = NewRequest(public_id=uuid.uuid4(), file_name="a.csv", webhook_url="http://a.example/")
    urls = ("http://a.example/1", "http://b.example/2", "http://a.example/1")
    database.write(store_request, new, [Product(1, urls)])
    database.read(work_is_due)
    first = claimed(database, excluded_hosts=["slow.example", "busy.example"])
    database.write(renew_claims, "ann", [first.id], 60)
    database.write(count_crash, "ann", first)
    database.write(record_outcomes, "ann", [completed(first)])
    second = claimed(database)
    database.write(record_outcomes, "ann", [Outcome.failed(second, "http_404", "gone")])
    database.write(release_expired, 3)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None
    assert len(list(finished_images(database, "ann", finished, 60))) == 3
    assert database.write(complete_request, "ann", finished, 0)
    (webhook,) = database.write(claim_webhooks, "ann", limit=4, lease_seconds=60)
    database.write(
        record_attempt,
        "ann",
        webhook,
        status_code=200,
        duration_ms=5,
        error=None,
        retry_seconds=None,
    )
    poll(database, new.public_id)


def claimed(database: Database, **options: Any) -> ClaimedImage:
    images = database.write(claim_images, "ann", limit=3, lease_seconds=60, **options)
    assert images
    return images[0]


def poll(database: Database, public_id: uuid.UUID) -> None:
    request = database.read(read_queries.find_request, public_id)
    assert request is not None
    assert len(database.read(read_queries.find_images, request.id, after=(0, 0), limit=100)) == 3
    webhook = database.read(read_queries.find_webhook, request.id)
    assert webhook is not None
    assert len(database.read(read_queries.find_attempts, webhook.id)) == 1


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Compiled]:
    """The statements of a whole job, in their order."""
    found: list[Compiled] = []

    def compile_too(_: Any, statement: ClauseElement, rows: Any, row: Any, __: Any) -> None:
        function, purpose = running_step()
        found.append(Compiled(function, purpose, as_t_sql(statement, rows[0] if rows else row)))

    with empty_database(tmp_path_factory.mktemp("statements")) as url:
        database = Database(url)
        sa.event.listen(database.engine, "before_execute", compile_too)
        whole_job(database)
        database.engine.dispose()
    return found


def as_t_sql(statement: ClauseElement, values: dict[str, Any]) -> str:
    dialect: Any = mssql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    dialect._supports_offset_fetch = True  # as after a look at any server since 2012
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(values) or None)
    return str(compiled.construct_expanded_state(values).statement)


def running_step() -> tuple[str, str]:
    """The function of work_queue/ that the transaction runs, and what it is for."""
    frames = [frame for frame in inspect.stack() if "/work_queue/" in frame.filename]
    frame = frames[-1]
    module = importlib.import_module(f"work_queue.{Path(frame.filename).stem}")
    function = getattr(module, frame.function)
    purpose = inspect.getdoc(function) or ""
    return f"{Path(frame.filename).stem}.{frame.function}", purpose.partition("\n\n")[0]


@pytest.fixture
def statements(compiled: list[Compiled]) -> Statements:
    """The statements in one line each."""
    return [" ".join(each.statement.split()) for each in compiled]


Find = Callable[..., str]


@pytest.fixture
def find(statements: Statements) -> Find:
    """The first statement in which all of these words stand."""

    def found(*words: str) -> str:
        return next(s for s in statements if all(word in s for word in words))

    return found


def test_a_t_sql_parser_reads_every_statement(statements: Statements) -> None:
    assert len(statements) > 25
    for statement in statements:
        assert sqlglot.parse_one(statement, dialect="tsql", error_level=sqlglot.ErrorLevel.RAISE)


def test_a_claim_passes_over_locked_rows_and_returns_what_it_took(find: Find) -> None:
    claim = find("UPDATE images", "lease_until=DATEADD(millisecond", "OUTPUT")

    assert "OUTPUT inserted.id, inserted.row_number" in claim
    assert "IN (SELECT TOP 3 images.id FROM images WITH (ROWLOCK, UPDLOCK, READPAST)" in claim
    assert "ORDER BY images.next_attempt_at, images.id) AND images.status = N'Pending'" in claim


def test_a_claim_s_conditions_are_literals_so_that_filtered_indexes_serve(find: Find) -> None:
    assert "requests.status != N'Completed'" in find("SELECT requests.id", "ORDER BY")
    assert "images.status = N'Pending'" in find("SELECT TOP 1 hosts.request_id")
    assert "images.status = N'Processing'" in find("UPDATE images", "crash_count >=")
    assert "webhooks.status = N'Pending'" in find("UPDATE webhooks", "OUTPUT")


def test_a_claim_of_a_finished_request_passes_over_locked_rows(find: Find) -> None:
    claim = find("UPDATE requests", "OUTPUT inserted.id, inserted.public_id")

    assert "FROM requests WITH (ROWLOCK, UPDLOCK, READPAST)" in claim


def test_what_is_to_be_recorded_is_locked_first_and_written_in_one_shape(find: Find) -> None:
    assert "FROM images WITH (ROWLOCK, UPDLOCK) WHERE" in find("SELECT images.id, images.attempts")
    record = find("UPDATE images SET", "WHERE images.id = :image_id")
    assert all(f"{column}=:{column}" in record for column in ("status", "lease_until", "scale"))
    assert "request_id=" not in record


def test_counters_move_by_what_they_were(find: Find) -> None:
    counted = find("UPDATE requests SET", "completed=(requests.completed +")

    assert "failed=(requests.failed +" in counted
    assert "OUTPUT" in counted


def test_all_times_are_those_of_the_server(statements: Statements) -> None:
    timed = [s for s in statements if "lease_until" in s or "next_attempt_at <=" in s]

    assert timed
    assert not any("GETDATE" in s or "CURRENT_TIMESTAMP" in s for s in statements)


def test_a_new_row_s_key_comes_back_with_the_insert(find: Find) -> None:
    assert "OUTPUT inserted.id VALUES" in find("INSERT INTO requests")


def test_an_empty_list_of_hosts_to_pass_over_is_still_a_condition(find: Find) -> None:
    assert "(hosts.host NOT IN (NULL) OR (1 = 1))" in find("SELECT TOP 1 hosts", "NOT IN (NULL)")


def test_copies_are_found_by_code_points_for_which_a_server_may_not_be_set_up(find: Find) -> None:
    assert "COLLATE Latin1_General_100_BIN2" in find("UPDATE images SET copy_of=")


def test_the_answer_to_a_copy_is_written_by_the_index_of_copies(find: Find) -> None:
    answer = find("UPDATE images", "WHERE images.copy_of = ")

    assert "images.status = N'Pending' AND images.copy_of IS NOT NULL" in answer


def test_the_document_of_the_statements_is_not_stale(compiled: list[Compiled]) -> None:
    wanted = document(compiled)
    found = DOCUMENT.read_text() if DOCUMENT.exists() else ""

    if found != wanted:
        DOCUMENT.write_text(wanted)
    assert found == wanted, "docs/statements.sql was stale; it has been written anew: look at it"


def document(compiled: list[Compiled]) -> str:
    """Each statement once, formatted by the parser, under the function that runs it."""
    parts = [HEAD]
    for function in dict.fromkeys(each.function for each in compiled):
        of_function = [each for each in compiled if each.function == function]
        purpose = " ".join(of_function[0].purpose.split())
        parts.append(
            "\n" + "\n".join(textwrap.wrap(f"{function}: {purpose}", 97, **COMMENT)) + "\n"
        )
        for statement in {shape(each.statement): each.statement for each in of_function}.values():
            parts.append(sqlglot.transpile(statement, read="tsql", write="tsql", pretty=True)[0])
            parts.append(";\n")
    return "".join(parts)


def shape(statement: str) -> str:
    """What is the same for any number of rows and hosts."""
    return re.sub(r"TOP \d+|\(?hosts\.host NOT IN \(.*?\)( OR \(1 = 1\)\))?", "", statement)
