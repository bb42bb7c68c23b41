"""Every statement of the service as SQL Server gets it.

The statements are those that a whole job really runs; here they are compiled once more, for SQL
Server, and read by a T-SQL parser.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.selectable import TextualSelect

from database import Database
from tests.conftest import empty_database
from tests.integration.conftest import Product, completed
from work_queue import api_keys, intake, pauses, read_queries, tallies
from work_queue import statements as statements_module
from work_queue.api_keys import Use
from work_queue.bulk_insert import BulkInsert
from work_queue.catalogue_faults import find_faults
from work_queue.claims import Choice, ClaimedImage, claim_images, renew_claims, work_is_due
from work_queue.completion import claim_finished, complete_request, finished_images
from work_queue.consistency import is_there, needs_file
from work_queue.expired_claims import count_crash, release_expired
from work_queue.intake import NewRequest, store_request
from work_queue.models import NO_KEY
from work_queue.notifications import claim_webhook, holds_webhook, record_attempt
from work_queue.outcomes import TIMED_OUT, Outcome, record_outcomes
from work_queue.queue_state import oldest_due_seconds, queue_state
from work_queue.removal import claim_removal, hide_old, remove_batch
from work_queue.request_changes import cancel, delete, notify_again, retry_failed
from work_queue.statements import Statement

pytestmark = pytest.mark.integration
Statements = list[str]
DOCUMENT = Path(__file__).parents[2] / "docs" / "statements.sql"
COMMENT: dict[str, Any] = {"initial_indent": "-- ", "subsequent_indent": "-- "}
HEAD = """\
-- Every statement of the service as SQL Server gets it, under the function of work_queue/ that runs
-- it. Written by tests/integration/test_statements.py, which fails when it is stale.
"""


TWINS = {
    text.sqlite: text.sql_server
    for text in (
        *(each for each in vars(statements_module).values() if isinstance(each, Statement)),
        *(each.statement for each in vars(intake).values() if isinstance(each, BulkInsert)),
    )
}


class Compiled(NamedTuple):
    """A statement in T-SQL, and the function of work_queue/ that runs it."""

    transaction: int
    function: str
    purpose: str  # the first sentence of its docstring
    statement: str


def whole_job(database: Database) -> None:
    """Everything that happens to a request of two images with a webhook."""
    new = NewRequest(
        public_id=uuid.uuid4(), file_name="a.csv", webhook_url="http://a.example/", names="sku"
    )
    urls = ("http://a.example/1", "http://b.example/2", "http://a.example/1")
    store_request(database, new, [Product(1, urls)], api_keys.Bounds(1, 3))
    database.read(work_is_due)
    database.read(queue_state)
    database.read(oldest_due_seconds)
    first = claimed(database, choice=Choice(excluded_hosts=["slow.example", "busy.example"]))
    database.write(renew_claims, "ann", [first.id], 60)
    database.write(count_crash, "ann", first)
    database.write(record_outcomes, "ann", [completed(first)])
    late = Outcome.retry(claimed(database), 0, TIMED_OUT, "late")
    database.write(record_outcomes, "ann", [late])
    second = claimed(database)
    database.write(record_outcomes, "ann", [Outcome.failed(second, "http_404", "gone")])
    database.write(release_expired, 3)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None
    assert len(list(finished_images(database, "ann", finished, 60))) == 3
    assert database.write(complete_request, "ann", finished, 0)
    webhook = database.write(
        claim_webhook, "ann", lease_seconds=60, busy_receivers=["http://b.example"]
    )
    assert webhook is not None
    assert database.read(holds_webhook, "ann", webhook)
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
    assert database.write(notify_again, new.public_id)
    assert retry_failed(database, new.public_id) == 1
    assert cancel(database, new.public_id) == 1
    assert not database.read(needs_file, second.id)
    assert database.read(is_there, new.public_id)
    assert database.read(read_queries.find_requests, key_id=None, before=None, limit=100, q="a.c")
    assert database.write(delete, new.public_id, 60)
    database.write(hide_old, NO_KEY, 30)
    keys(database)
    operator(database)
    upload_that_breaks_off(database)


def keys(database: Database) -> None:
    """A key is made, used, changed, renewed and revoked."""
    text = database.write(api_keys.add_key, "shop", "write", {"max_open_images": 5})
    found = database.read(api_keys.find_key, api_keys.prefix_of(text) or "")
    assert found is not None
    assert found.opens_with(text)
    database.write(api_keys.note_use, found.id)
    database.read(api_keys.open_work, found.id)
    database.read(api_keys.keys_at_work)
    database.write(api_keys.add_to_use, {found.id: Use(10, 5)})
    database.read(api_keys.webhook_secret_of, 1)
    assert database.read(api_keys.keys_to_clear, 7) == {}
    assert database.write(api_keys.change_key, "shop", {"max_open_images": None})
    assert database.write(api_keys.renew_key, "shop")
    assert database.read(api_keys.find_key_named, "shop")
    assert database.write(api_keys.revoke_key, "shop")
    assert len(database.read(api_keys.find_keys)) == 1


def operator(database: Database) -> None:
    """A look at the service, and a host that is paused for a while."""
    pauses.pause(database, "a.example")
    assert not database.read(pauses.work_is_paused)
    assert len(database.read(pauses.find_pauses)) == 1
    assert database.write(pauses.resume, "a.example")
    failures = [tallies.TallyRow("a.example", "http_404", 1, 0)]
    database.write(tallies.add_tallies, "ann", failures)
    assert len(database.read(tallies.find_failures)) == 1
    assert len(database.read(tallies.find_workers)) == 1
    assert database.read(tallies.images_per_second)


def upload_that_breaks_off(database: Database) -> None:
    """A large upload, which is written in steps; what is there of it is removed."""

    def rows() -> Iterator[Product]:
        yield from (Product(n, ("http://a.example/1",)) for n in range(1, 2 * intake.BATCH))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        store_request(database, NewRequest(public_id=uuid.uuid4(), file_name="a.csv"), rows())
    removal = database.write(claim_removal, "ann", 60)
    assert removal is not None
    while database.write(remove_batch, "ann", removal.id, 60):
        pass


def claimed(database: Database, **options: Any) -> ClaimedImage:
    images = database.write(claim_images, "ann", limit=3, lease_seconds=60, **options)
    assert images
    return images[0]


def poll(database: Database, public_id: uuid.UUID) -> None:
    found = database.read(read_queries.find_request, public_id)
    assert found is not None
    assert found.webhook is not None
    assert len(found.attempts) == 1
    page = database.read(read_queries.find_images, found.request.id, after=(0, 0), limit=100)
    assert len(page) == 3
    for sort in read_queries.SORT_KEYS:
        keyed = database.read(
            read_queries.find_sorted_images, found.request.id, sort, after=(0, 0, 0), limit=100
        )
        assert len(keyed) == 3
    assert len(database.read(read_queries.find_completed, found.request.id, after=(0, 0))) == 2
    assert len(database.read(read_queries.find_ended, found.request.id, after=(0, 0))) == 3
    assert database.read(find_faults, found.request.id) == (1, 0, 0, 0)
    assert database.read(read_queries.find_failed_rows, found.request.id, after=0) == [1]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Compiled]:
    """The statements of a whole job, in their order."""
    found: list[Compiled] = []
    transactions = itertools.count()
    current = [0]

    def begin(_: Any) -> None:
        current[0] = next(transactions)

    def compile_too(_: Any, statement: ClauseElement | str, rows: Any, row: Any, __: Any) -> None:
        if text := as_t_sql(statement, rows[0] if rows and isinstance(rows[0], dict) else row):
            found.append(Compiled(current[0], *running_step(), text.strip()))

    with empty_database(tmp_path_factory.mktemp("statements")) as url:
        database = Database(url)
        sa.event.listen(database.engine, "begin", begin)
        for engine in (database.engine, database.reading):
            sa.event.listen(engine, "before_execute", compile_too)
        whole_job(database)
        database.close()
    return found


def as_t_sql(statement: ClauseElement | str, values: dict[str, Any]) -> str | None:
    """The twin of a text for SQLite, or what SQLAlchemy compiles for SQL Server."""
    if isinstance(statement, str):
        columns = statement.partition(" VALUES ")[0]
        return next((text for text in TWINS.values() if columns in text), None)
    if isinstance(statement, sa.TextClause | TextualSelect):
        text = statement.element if isinstance(statement, TextualSelect) else statement
        return TWINS[str(text)]
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
    for table in ("images", "webhooks"):
        claim = find("WITH due AS ( SELECT TOP (", f"FROM {table} WITH", "UPDATE due")

        hints = "(ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, "
        assert f"FROM {table} WITH {hints}INDEX (ix_{table}_pending))" in claim
        assert "ORDER BY next_attempt_at, id ) UPDATE due" in claim
        assert "OUTPUT inserted.id" in claim


def test_readpast_has_readcommittedlock_beside_it(statements: Statements) -> None:
    with_readpast = [statement for statement in statements if "READPAST" in statement]

    assert len(with_readpast) > 3
    assert all("READPAST, READCOMMITTEDLOCK" in statement for statement in with_readpast)


def test_a_claim_s_conditions_are_literals_so_that_filtered_indexes_serve(find: Find) -> None:
    assert "requests.status <> N'Completed'" in find("SELECT TOP (1) requests.id", "ORDER BY")
    assert "images.status = N'Pending'" in find("SELECT TOP (1) requests.id")
    assert "images.status = N'Processing'" in find("UPDATE images", "crash_count >=")
    assert "status = N'Pending'" in find("FROM webhooks WITH", "OUTPUT")


def test_a_finished_request_is_claimed_by_its_key(find: Find) -> None:
    claim = find("UPDATE requests", "OUTPUT inserted.id, inserted.public_id")

    assert "WHERE requests.id = :id_1 AND requests.status != N'Completed'" in claim


def test_what_ends_or_renews_a_claim_seeks_by_key_and_names_the_claim(find: Find) -> None:
    seek = "WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))"
    for words in (
        "SET lease_until = CAST",
        "SET crash_count = held.crash_count",
        "SET status = given",
    ):
        statement = find("INNER LOOP JOIN images", words)

        assert seek in statement
        assert ".status = N'Processing'" in statement
        assert ".claimed_by = :worker" in statement
    assert "images.attempts = given.claimed_attempts" in find("OUTPUT inserted.id FROM OPENJSON")


def test_what_was_recorded_is_what_the_statement_returns(find: Find) -> None:
    assert "OUTPUT inserted.id FROM OPENJSON(:rows)" in find("UPDATE images SET status = given")
    assert "OUTPUT inserted.copy_of FROM OPENJSON" in find("INDEX (ix_images_copies)")


def test_counters_move_by_what_they_were(find: Find) -> None:
    counted = find("UPDATE requests SET completed = requests.completed + given.completed")

    assert "failed = requests.failed + given.failed" in counted
    assert "OUTPUT inserted.completed + inserted.failed, inserted.total" in counted


def test_locks_are_taken_in_one_order_by_every_transaction(compiled: list[Compiled]) -> None:
    """Hosts, images, requests, webhooks, keys; an upload's rows are its own until it commits."""
    order = ["hosts", "images", "requests", "webhooks", "api_keys"]
    transactions: dict[int, list[str]] = {}
    for each in compiled:
        changed = re.match(
            r"UPDATE (\w+)|WITH due AS \(\s+SELECT TOP.*\s+FROM (\w+)", each.statement
        )
        if changed and not each.function.startswith("intake."):
            transactions.setdefault(each.transaction, []).append(changed[1] or changed[2])

    assert ["images", "images", "requests"] in transactions.values()
    for tables in transactions.values():
        places = [order.index("images" if table == "held" else table) for table in tables]
        assert places == sorted(places), tables


def test_no_statement_lists_its_values(statements: Statements) -> None:
    """A list of another length would be another statement, with a plan of its own."""
    assert not any(re.search(r"IN \(:\w+, :\w+", statement) for statement in statements)


def test_all_times_are_those_of_the_server(statements: Statements) -> None:
    timed = [s for s in statements if "lease_until" in s or "next_attempt_at <=" in s]

    assert timed
    assert not any("GETDATE" in s or "CURRENT_TIMESTAMP" in s for s in statements)


def test_a_new_row_s_key_comes_back_with_the_insert(find: Find) -> None:
    assert "OUTPUT inserted.id VALUES" in find("INSERT INTO requests")


def test_repeated_urls_are_found_by_fingerprints_of_their_exact_text(find: Find) -> None:
    assert find("MIN(id) OVER (PARTITION BY HASHBYTES('SHA2_256', input_url))", "first_id < id")


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
        for statement in dict.fromkeys(each.statement for each in of_function):
            parts.append(f"{formatted(statement)};\n")
    return "".join(parts)


def formatted(statement: str) -> str:
    """What was written by hand stays as it is; the rest is formatted by the parser."""
    if "\n" in statement and statement in {text.strip() for text in TWINS.values()}:
        return statement
    return sqlglot.transpile(statement, read="tsql", write="tsql", pretty=True)[0]
