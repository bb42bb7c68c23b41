"""The statements that run all the time, as text in both dialects; docs/statements.sql shows them.

On SQL Server each locks only the rows that it changes, and finds them by the index that it names:
rows of other workers are passed over (READPAST) or not read at all. READCOMMITTEDLOCK stands beside
READPAST because READ_COMMITTED_SNAPSHOT is on (Microsoft, "Table Hints"). Filters are literals, as
a parameter would keep a filtered index from serving. Lists are one JSON parameter, so a statement
has one plan, whatever their length.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.engine import Connection, CursorResult

from work_queue.column_types import Milliseconds
from work_queue.models import ALL_WORK, Figures, Image, Request, Tally

KEEP_COUNT = {"preserve_rowcount": True}  # which a driver may forget with the closed cursor
Types = Mapping[str, str]  # of the members of a JSON row, as T-SQL spells them


@dataclass(frozen=True)
class Statement:
    """One statement, spelled for each database."""

    sqlite: str
    sql_server: str
    uuids: tuple[str, ...] = ()  # the columns that it returns of this type

    def run(self, tx: Connection, **parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run it: durations are in seconds, rows and lists as ``as_json()`` gives them."""
        return tx.execute(
            _prepared(self, tx.dialect.name), parameters, execution_options=KEEP_COUNT
        )


# The types of parameters: pyodbc would declare a text by its length, and make a plan for each.
PARAMETERS: dict[str, sa.types.TypeEngine[Any]] = {
    "worker": sa.Unicode(100),
    "lease": Milliseconds(),
    "rows": sa.UnicodeText(),
    "ids": sa.UnicodeText(),
    "hosts": sa.UnicodeText(),
    "capped": sa.UnicodeText(),
    "known": sa.UnicodeText(),
    "limit": sa.Integer(),
    "request_id": sa.BigInteger(),
    "host_number": sa.Integer(),
    "claimed": sa.Integer(),
    "head_start": sa.Integer(),
    "since": Milliseconds(),
    "key_id": sa.BigInteger(),
    "day": sa.Unicode(10),
}


@cache
def _prepared(statement: Statement, dialect: str) -> sa.Executable:
    """Made once: to make one costs more than to run it."""
    text = sa.text(statement.sqlite if dialect == "sqlite" else statement.sql_server)
    named = [sa.bindparam(name, type_=PARAMETERS[name]) for name in text.compile().params]
    typed: sa.TextClause = text.bindparams(*named)
    uuids = {name: sa.Uuid() for name in statement.uuids}
    return typed.columns(**uuids) if uuids else typed


def as_json(rows: Iterable[Any]) -> str:
    """Rows, or a list of numbers, as one parameter."""
    return json.dumps(list(rows), ensure_ascii=False, separators=(",", ":"))


# --- the parts that they share ------------------------------------------------------------------

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
SQL_SERVER_NOW = "CAST(SYSUTCDATETIME() AS DATETIME2(3))"  # as precise as the columns


def sqlite_later(milliseconds: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', ({milliseconds} / 1000.0) || ' seconds')"


def sql_server_later(milliseconds: str) -> str:
    return f"CAST(DATEADD(millisecond, {milliseconds}, SYSUTCDATETIME()) AS DATETIME2(3))"


def sqlite_rows(types: Types) -> str:
    members = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in types)
    return f"(SELECT {members} FROM json_each(:rows)) AS given"


def sql_server_rows(types: Types) -> str:
    members = ", ".join(f"{name} {kind}" for name, kind in types.items())
    return f"OPENJSON(:rows) WITH ({members}) AS given"


def types_of(table: type[Any], names: Sequence[str]) -> dict[str, str]:
    """The types of columns, as T-SQL spells them."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    columns = table.__table__.columns
    return {name: columns[name].type.compile(dialect) for name in names}


# --- an upload ----------------------------------------------------------------------------------

# A URL that stands many times in a request is worked on once, for its first image. SQL Server sorts
# fingerprints, because it would reserve memory for 4,000 characters a URL; they also tell "A" from
# "a", which its collation does not.
FIND_COPIES = Statement(
    sqlite="""
SELECT id, first_id
FROM (
    SELECT id, MIN(id) OVER (PARTITION BY input_url) AS first_id
    FROM images
    WHERE request_id = :request_id
) AS firsts
WHERE first_id < id
""",
    sql_server="""
SELECT id, first_id
FROM (
    SELECT id, MIN(id) OVER (PARTITION BY HASHBYTES('SHA2_256', input_url)) AS first_id
    FROM images
    WHERE request_id = :request_id
) AS firsts
WHERE first_id < id
""",
)

COPY = types_of(Image, ("id", "copy_of"))

MARK_COPIES = Statement(
    sqlite=f"""
UPDATE images
SET copy_of = given.copy_of
FROM {sqlite_rows(COPY)}
WHERE images.id = given.id
""",
    sql_server=f"""
UPDATE images
SET copy_of = given.copy_of
FROM {sql_server_rows(COPY)}
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON images.id = given.id
""",
)

# --- claims -------------------------------------------------------------------------------------


def _next_host(started: str) -> Statement:
    """The first host with a due image, of the first request in line that has one.

    The requests of a key are in line by the time when they were served last, in the order of the
    index of open requests. Hosts are worked in the order of their numbers: those before the first
    one with a pending image are done, and are not looked at again. Of a capped request only the
    known hosts are chosen, and of any none that rests or is paused.
    """
    host = """
    FROM hosts
    WHERE hosts.request_id = requests.id
        AND hosts.number >= (
            SELECT MIN(images.host_number) FROM images
            WHERE images.request_id = requests.id
                AND images.status = {pending} AND images.copy_of IS NULL
        )
        AND (hosts.rests_until IS NULL OR hosts.rests_until <= {now})
        AND NOT EXISTS (SELECT 1 FROM pauses WHERE pauses.host IN (hosts.host, {all_work}))
        AND hosts.host NOT IN (SELECT {excluded})
        AND (requests.id NOT IN (SELECT {capped}) OR hosts.host IN (SELECT {known}))
        AND EXISTS (
            SELECT 1 FROM images
            WHERE images.request_id = hosts.request_id AND images.host_number = hosts.number
                AND images.status = {pending} AND images.copy_of IS NULL
                AND images.next_attempt_at <= {now}
        )
    ORDER BY hosts.number"""
    options = """requests.public_id, requests.reduce_by, requests.format,
    requests.max_width, requests.max_height, requests.max_bytes, requests.keep_dimensions,
    requests.names,
    COALESCE(due.timeouts, 0) AS timeouts,
    requests.total - requests.completed - requests.failed AS remaining"""
    of_sqlite = host.format(
        pending="'Pending'",
        all_work=f"'{ALL_WORK}'",
        excluded="value FROM json_each(:hosts)",
        capped="value FROM json_each(:capped)",
        known="value FROM json_each(:known)",
        now=SQLITE_NOW,
    )
    of_sql_server = host.format(
        pending="N'Pending'",
        all_work=f"N'{ALL_WORK}'",
        excluded="host FROM OPENJSON(:hosts) WITH (host NVARCHAR(255) '$')",
        capped="id FROM OPENJSON(:capped) WITH (id BIGINT '$')",
        known="host FROM OPENJSON(:known) WITH (host NVARCHAR(255) '$')",
        now=SQL_SERVER_NOW,
    )
    return Statement(
        sqlite=f"""
SELECT requests.id, due.number, due.host, {options}
FROM requests
JOIN hosts AS due ON due.request_id = requests.id AND due.number = (
    SELECT hosts.number {of_sqlite}
    LIMIT 1
)
WHERE requests.key_id = :key_id
    AND requests.status <> 'Completed' AND requests.is_whole = 1 {started}
ORDER BY requests.served_at, requests.id
LIMIT 1
""",
        sql_server=f"""
SELECT TOP (1) requests.id, due.number, due.host, {options}
FROM requests
CROSS APPLY (
    SELECT TOP (1) hosts.number, hosts.host, hosts.timeouts {of_sql_server}
) AS due
WHERE requests.key_id = :key_id
    AND requests.status <> N'Completed' AND requests.is_whole = 1 {started}
ORDER BY requests.served_at, requests.id
""",
        uuids=("public_id",),
    )


NEXT_HOST = _next_host("")
NEXT_HOST_OF_STARTED = _next_host("AND requests.served_at IS NOT NULL")

CLAIM_IMAGES = Statement(
    sqlite=f"""
UPDATE images
SET status = 'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = {sqlite_later(":lease")}
WHERE id IN (
    SELECT id FROM images
    WHERE request_id = :request_id AND host_number = :host_number
        AND status = 'Pending' AND copy_of IS NULL AND next_attempt_at <= {SQLITE_NOW}
    ORDER BY next_attempt_at, id
    LIMIT :limit
)
RETURNING id, row_number, position, input_url, attempts, crash_count
""",
    sql_server=f"""
WITH due AS (
    SELECT TOP (:limit) *
    FROM images WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX (ix_images_pending))
    WHERE request_id = :request_id AND host_number = :host_number
        AND status = N'Pending' AND copy_of IS NULL AND next_attempt_at <= {SQL_SERVER_NOW}
    ORDER BY next_attempt_at, id
)
UPDATE due
SET status = N'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = {sql_server_later(":lease")}
OUTPUT inserted.id, inserted.row_number, inserted.position, inserted.input_url,
    inserted.attempts, inserted.crash_count
""",
)

# What the products of claimed images are called, where their files are named after that.
PRODUCT_TEXTS = Statement(
    sqlite="""
SELECT row_number, serial_number, product_name
FROM products
WHERE request_id = :request_id AND row_number IN (SELECT value FROM json_each(:ids))
""",
    sql_server="""
SELECT products.row_number, products.serial_number, products.product_name
FROM OPENJSON(:ids) WITH (row_number INTEGER '$') AS given
INNER LOOP JOIN products WITH (FORCESEEK (pk_products (request_id, row_number)))
    ON products.request_id = :request_id AND products.row_number = given.row_number
""",
)

# A request goes to the end of the line, unless it still has its head start.
SERVE_REQUEST = Statement(
    sqlite=f"""
UPDATE requests
SET status = 'Processing', claimed = COALESCE(claimed, 0) + :claimed,
    served_at = CASE
        WHEN COALESCE(claimed, 0) + :claimed < :head_start
            AND created_at > {sqlite_later(":since")} THEN served_at
        ELSE {SQLITE_NOW}
    END
WHERE id = :request_id
""",
    sql_server=f"""
UPDATE requests WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
SET status = N'Processing', claimed = COALESCE(claimed, 0) + :claimed,
    served_at = CASE
        WHEN COALESCE(claimed, 0) + :claimed < :head_start
            AND created_at > {sql_server_later(":since")} THEN served_at
        ELSE {SQL_SERVER_NOW}
    END
WHERE id = :request_id
""",
)

CLAIM_WEBHOOK = Statement(
    sqlite=f"""
UPDATE webhooks
SET status = 'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = {sqlite_later(":lease")}
WHERE id IN (
    SELECT id FROM webhooks
    WHERE status = 'Pending' AND next_attempt_at <= {SQLITE_NOW}
        AND EXISTS (
            SELECT 1 FROM requests
            WHERE requests.id = webhooks.request_id
                AND requests.status = 'Completed' AND requests.is_whole = 1
        )
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:hosts)
            WHERE LOWER(SUBSTR(webhooks.url, 1, LENGTH(value))) = value
                AND SUBSTR(webhooks.url || '/', LENGTH(value) + 1, 1) IN ('/', '?', '#')
        )
    ORDER BY next_attempt_at, id
    LIMIT 1
)
RETURNING id, request_id, message_id, url, attempts
""",
    uuids=("message_id",),
    sql_server=f"""
WITH due AS (
    SELECT TOP (1) *
    FROM webhooks WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX (ix_webhooks_pending))
    WHERE status = N'Pending' AND next_attempt_at <= {SQL_SERVER_NOW}
        AND EXISTS (
            SELECT 1 FROM requests
            WHERE requests.id = webhooks.request_id
                AND requests.status = N'Completed' AND requests.is_whole = 1
        )
        AND NOT EXISTS (
            SELECT 1 FROM OPENJSON(:hosts) WITH (receiver NVARCHAR(2000) '$') AS busy
            WHERE LOWER(LEFT(webhooks.url, LEN(busy.receiver))) = busy.receiver
                AND SUBSTRING(webhooks.url + N'/', LEN(busy.receiver) + 1, 1) IN (N'/', N'?', N'#')
        )
    ORDER BY next_attempt_at, id
)
UPDATE due
SET status = N'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = {sql_server_later(":lease")}
OUTPUT inserted.id, inserted.request_id, inserted.message_id, inserted.url, inserted.attempts
""",
)

RENEW_CLAIMS = Statement(
    sqlite=f"""
UPDATE images
SET lease_until = {sqlite_later(":lease")}
WHERE id IN (SELECT value FROM json_each(:ids))
    AND status = 'Processing' AND claimed_by = :worker
""",
    sql_server=f"""
UPDATE held
SET lease_until = {sql_server_later(":lease")}
FROM OPENJSON(:ids) WITH (id BIGINT '$') AS given
INNER LOOP JOIN images AS held WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON held.id = given.id
WHERE held.status = N'Processing' AND held.claimed_by = :worker
""",
)

COUNT_CRASH = Statement(
    sqlite="""
UPDATE images
SET crash_count = crash_count + 1
WHERE id IN (SELECT value FROM json_each(:ids))
    AND status = 'Processing' AND claimed_by = :worker
""",
    sql_server="""
UPDATE held
SET crash_count = held.crash_count + 1
FROM OPENJSON(:ids) WITH (id BIGINT '$') AS given
INNER LOOP JOIN images AS held WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON held.id = given.id
WHERE held.status = N'Processing' AND held.claimed_by = :worker
""",
)

# --- outcomes -----------------------------------------------------------------------------------

RESULT_COLUMNS = (
    *("error_code", "error_message", "output_name", "input_bytes", "output_bytes"),
    "content_hash",
    *Figures._fields,
)
OUTCOME = {
    **types_of(Image, ("id", "status", "attempts", "crash_count")),
    "claimed_attempts": "INTEGER",
    "wait": "INTEGER",
    **types_of(Image, RESULT_COLUMNS),
}
COUNTERS = ("completed", "failed", "bytes_in", "bytes_out")
COUNTED = types_of(Request, ("id", *COUNTERS))
SET_RESULT = ", ".join(f"{name} = given.{name}" for name in RESULT_COLUMNS)
ADD_COUNTERS = ", ".join(f"{name} = requests.{name} + given.{name}" for name in COUNTERS)


def _set_outcome(now: str, later: str) -> str:
    return f"""
SET status = given.status, claimed_by = NULL, lease_until = NULL,
    attempts = given.attempts, crash_count = given.crash_count, next_attempt_at = {later},
    completed_at = CASE WHEN given.status = 'Pending' THEN NULL ELSE {now} END,
    {SET_RESULT}"""


SQLITE_OUTCOME = _set_outcome(SQLITE_NOW, sqlite_later("given.wait"))
SQL_SERVER_OUTCOME = _set_outcome(SQL_SERVER_NOW, sql_server_later("given.wait"))

# Only where the claim is still the one that was worked on; what is returned has been changed.
RECORD_OUTCOMES = Statement(
    sqlite=f"""
UPDATE images {SQLITE_OUTCOME}
FROM {sqlite_rows(OUTCOME)}
WHERE images.id = given.id AND images.status = 'Processing'
    AND images.claimed_by = :worker AND images.attempts = given.claimed_attempts
RETURNING images.id
""",
    sql_server=f"""
UPDATE images {SQL_SERVER_OUTCOME}
OUTPUT inserted.id
FROM {sql_server_rows(OUTCOME)}
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON images.id = given.id
WHERE images.status = N'Processing'
    AND images.claimed_by = :worker AND images.attempts = given.claimed_attempts
""",
)

# The copies of images that have ended get the same outcome.
RECORD_COPIES = Statement(
    sqlite=f"""
UPDATE images {SQLITE_OUTCOME}
FROM {sqlite_rows(OUTCOME)}
WHERE images.copy_of = given.id AND images.copy_of IS NOT NULL AND images.status = 'Pending'
RETURNING images.copy_of
""",
    sql_server=f"""
UPDATE images {SQL_SERVER_OUTCOME}
OUTPUT inserted.copy_of
FROM {sql_server_rows(OUTCOME)}
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, INDEX (ix_images_copies))
    ON images.copy_of = given.id
WHERE images.copy_of IS NOT NULL AND images.status = N'Pending'
""",
)

# In the order of the rows, which is the same for all workers.
ADD_TO_COUNTERS = Statement(
    sqlite=f"""
UPDATE requests SET {ADD_COUNTERS}
FROM {sqlite_rows(COUNTED)}
WHERE requests.id = given.id
RETURNING requests.completed + requests.failed, requests.total
""",
    sql_server=f"""
UPDATE requests SET {ADD_COUNTERS}
OUTPUT inserted.completed + inserted.failed, inserted.total
FROM {sql_server_rows(COUNTED)}
INNER LOOP JOIN requests WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_requests (id)))
    ON requests.id = given.id
""",
)

# What the images of a key took today; the first of a day begin anew.
USED = {"id": "BIGINT", "bytes": "BIGINT", "cpu_ms": "BIGINT"}
SET_USE = """
SET used_bytes = CASE WHEN used_on = :day THEN used_bytes ELSE 0 END + given.bytes,
    used_cpu_ms = CASE WHEN used_on = :day THEN used_cpu_ms ELSE 0 END + given.cpu_ms,
    used_on = :day"""
ADD_TO_USE = Statement(
    sqlite=f"""
UPDATE api_keys {SET_USE}
FROM {sqlite_rows(USED)}
WHERE api_keys.id = given.id
""",
    sql_server=f"""
UPDATE api_keys {SET_USE}
FROM {sql_server_rows(USED)}
INNER LOOP JOIN api_keys WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_api_keys (id)))
    ON api_keys.id = given.id
""",
)

# A host that answers is counted anew; every REST_EVERY time-outs in a row it rests, for 1, 2, 4 ...
# seconds. What is given up does not rest: its images are claimed, to fail. In the order of the
# rows, which is the same for all workers.
REST_EVERY, GIVE_UP_AFTER = 5, 50  # time-outs in a row
TIMEOUTS = {"request_id": "BIGINT", "number": "INTEGER", "timeouts": "INTEGER"}
COUNTED_TIMEOUTS = "COALESCE(hosts.timeouts, 0) + given.timeouts"


def _set_timeouts(later: str) -> str:
    return f"""
SET timeouts = CASE WHEN given.timeouts = 0 THEN 0 ELSE {COUNTED_TIMEOUTS} END,
    rests_until = CASE
        WHEN given.timeouts = 0 OR {COUNTED_TIMEOUTS} >= {GIVE_UP_AFTER} THEN NULL
        WHEN ({COUNTED_TIMEOUTS}) / {REST_EVERY} > COALESCE(hosts.timeouts, 0) / {REST_EVERY}
            THEN {later}
        ELSE hosts.rests_until
    END"""


RESTS = f"({COUNTED_TIMEOUTS}) / {REST_EVERY} - 1"  # before this one
COUNT_TIMEOUTS = Statement(
    sqlite=f"""
UPDATE hosts {_set_timeouts(sqlite_later(f"(1000 << ({RESTS}))"))}
FROM {sqlite_rows(TIMEOUTS)}
WHERE hosts.request_id = given.request_id AND hosts.number = given.number
""",
    sql_server=f"""
UPDATE hosts {_set_timeouts(sql_server_later(f"1000 * POWER(2, {RESTS})"))}
FROM {sql_server_rows(TIMEOUTS)}
INNER LOOP JOIN hosts WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_hosts (request_id, number)))
    ON hosts.request_id = given.request_id AND hosts.number = given.number
""",
)

# --- tallies ------------------------------------------------------------------------------------

TALLY = types_of(Tally, ("host", "code", "ended", "retried"))
TALLY_COLUMNS = "counted_at, worker, host, code, ended, retried"
ADD_TALLIES = Statement(
    sqlite=f"""
INSERT INTO tallies ({TALLY_COLUMNS})
SELECT {SQLITE_NOW}, :worker, host, code, ended, retried
FROM {sqlite_rows(TALLY)}
""",
    sql_server=f"""
INSERT INTO tallies ({TALLY_COLUMNS})
SELECT {SQL_SERVER_NOW}, :worker, host, code, ended, retried
FROM {sql_server_rows(TALLY)}
""",
)

# Those at the beginning of the index; what another process is removing just now is passed over.
FORGET_TALLIES = Statement(
    sqlite=f"""
DELETE FROM tallies
WHERE counted_at < {sqlite_later(":since")}
""",
    sql_server=f"""
DELETE TOP (1000) FROM tallies WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
WHERE counted_at < {sql_server_later(":since")}
""",
)
