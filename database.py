"""The database is the queue: what is stored, and every change of a status, each in one function.

A change of status is a compare-and-set: it names the status and the claim that it expects, so
whoever comes second changes nothing. All leases and waits go by the database's own clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from engine import Database, reads, writes
from tables import (
    Host,
    Image,
    Request,
    Status,
    Webhook,
    WebhookAttempt,
    is_status,
    shortened,
    utc_now,
)

PAGE = 2_000  # results that are read at once
HEAD_START = 24  # images of a new request that go before all turns
CANDIDATES = 8  # requests that a claim looks at before it asks for more
SKIP_LOCKED = "WITH (ROWLOCK, UPDLOCK, READPAST)"  # workers pass over each other's claims
IMAGES = cast(sa.Table, Image.__table__)
KEEP_LOCKED = "WITH (ROWLOCK, UPDLOCK)"
ERROR_LENGTH = 1000  # of the columns for messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedImage:
    """An image that this worker holds, with the options of its request.

    ``share`` is how many of the request a process may take at once.
    """

    id: int
    row_number: int
    position: int
    input_url: str
    attempts: int
    stops: int
    request_id: int
    host: str
    public_id: uuid.UUID
    reduce_by: int
    format: str
    max_width: int | None
    max_height: int | None
    share: int

    of_image: ClassVar = ("id", "row_number", "position", "input_url", "attempts", "stops")
    of_request: ClassVar = (
        *("request_id", "host", "public_id", "reduce_by", "format", "max_width", "max_height"),
    )


class FinishedRequest(NamedTuple):
    """A request whose images are all answered and whose output CSV this worker shall write."""

    id: int
    public_id: uuid.UUID
    url_column: str | None


class ClaimedWebhook(NamedTuple):
    id: int
    request_id: int
    message_id: uuid.UUID
    url: str
    attempts: int


@dataclass(frozen=True)
class Outcome:
    """How one claim of an image ended, and the columns that say so; due again after ``wait``."""

    image: ClaimedImage
    status: Status
    columns: dict[str, Any]
    wait: float = 0.0

    @classmethod
    def completed(cls, image: ClaimedImage, **figures: Any) -> Outcome:
        return cls(image, Status.COMPLETED, figures)

    @classmethod
    def failed(cls, image: ClaimedImage, code: str, message: str) -> Outcome:
        return cls(image, Status.FAILED, _error(code, message))

    @classmethod
    def again(cls, image: ClaimedImage, seconds: float, code: str, message: str) -> Outcome:
        """It failed, but trying again in ``seconds`` may help."""
        return cls(image, Status.PENDING, _error(code, message), seconds)

    @classmethod
    def given_back(cls, image: ClaimedImage, seconds: float = 0) -> Outcome:
        """Not answered, through no fault of the image: it is due again in ``seconds``."""
        as_before = {"attempts": image.attempts - 1, "stops": image.stops}
        return cls(image, Status.PENDING, as_before, seconds)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "error_message": shortened(message, ERROR_LENGTH)}


# --- working on images ------------------------------------------------------------------------


@reads
def work_is_due(tx: Connection) -> bool:
    """Whether a turn would find anything at all, in one query."""
    due = (
        sa.exists().where(_is_due(Image)),
        sa.exists().where(_has_expired(Image)),
        sa.exists().where(_is_due(Webhook)),
        sa.exists().where(_has_expired(Webhook)),
        sa.exists().where(_is_finished()),
    )
    return tx.scalar(sa.select(sa.literal(1)).where(sa.or_(*due))) is not None


@writes
def claim_images(
    tx: Connection,
    worker: str,
    *,
    limit: int,
    lease_seconds: float,
    passing_over: Collection[str] = (),
    head_start: bool = True,
    shares: int = 1,
    limit_of_host: Callable[[str], int] | None = None,
) -> list[ClaimedImage] | None:
    """Take up to ``limit`` due images of one host, of the request that was served longest ago.

    They are at most one part in ``shares`` of what is unanswered, so that no process takes all of
    a small request, and at most what ``limit_of_host`` says of the host that it came to.

    Hosts in ``passing_over`` are left to others or to later. A new request comes first until
    HEAD_START of its images are answered, so that a small one is done before the large ones go on;
    not so without ``head_start``. None when nothing is due; empty when others were quicker.
    """
    turn = _next_in_turn(tx, passing_over, head_start)
    if turn is None:
        return None
    share = max(turn.unanswered // shares, 1)
    of_host = limit_of_host(turn.host) if limit_of_host else limit
    limit = max(min(limit, share, of_host), 1)
    of_turn = {"of_request": turn.request_id, "of_host": turn.number}
    claim = {"worker": worker, "lease_seconds": lease_seconds}
    claimed = tx.execute(_claim_of_host(limit), claim | of_turn).all()
    if claimed:
        tx.execute(_serve(), {"served": turn.request_id})
    of_request = {name: getattr(turn, name) for name in ClaimedImage.of_request}
    return [ClaimedImage(**image._mapping, **of_request, share=share) for image in sorted(claimed)]


# Statements that run all the time are made once: to build one costs more than to run it.


@cache
def _claim_of_host(limit: int) -> sa.UpdateBase:
    where = (
        Image.request_id == sa.bindparam("of_request"),
        Image.host_number == sa.bindparam("of_host"),
        _is_due(Image),
    )
    return (
        _claim(Image, limit, *where)
        .values(attempts=Image.attempts + 1)
        .returning(*(getattr(Image, name) for name in ClaimedImage.of_image))
    )


@cache
def _serve() -> sa.Update:
    """Move a request to the end of the line, unless it still has its head start."""
    answered = Request.completed + Request.failed
    served_at = sa.case((answered >= HEAD_START, utc_now()), else_=Request.served_at)
    return (
        sa.update(Request)
        .with_hint("WITH (ROWLOCK, READPAST)", dialect_name="mssql")  # or all wait for one row
        .where(Request.id == sa.bindparam("served"))
        .values(status=Status.PROCESSING, served_at=served_at)
    )


def _next_in_turn(tx: Connection, passing_over: Collection[str], head_start: bool) -> Any:
    """The host to claim from, with the options of its request; None when nothing is due.

    First the requests that may have something, which the index of open requests gives in their
    order, a few at a time; then a host of one of them. So neither old requests nor other people's
    images cost anything.
    """
    for started in (False,) if head_start else (True, False):
        after = 0
        while candidates := tx.scalars(_open_requests(started=started), {"after": after}).all():
            for request_id in candidates:
                of_request = {"request_id": request_id, "passing_over": list(passing_over)}
                if host := tx.execute(_due_host(), of_request).first():
                    return host
            after += len(candidates)
    return None


@cache
def _open_requests(*, started: bool) -> sa.Select[Any]:
    # SQLite would go through all images of the request but for the host, a column of the index of
    # pending ones; every host has a number above 0.
    of_request = (Image.request_id == Request.id, Image.host_number > 0)
    has_pending = sa.exists().where(*of_request, *_is_pending(Image))
    where = [Request.served_at.is_not(None)] if started else []
    return (
        sa.select(Request.id)
        .where(_is_open(), has_pending, *where)
        .order_by(Request.served_at, Request.id)
        .offset(sa.bindparam("after", type_=sa.Integer))
        .limit(CANDIDATES)
    )


@cache
def _due_host() -> sa.Select[*tuple[Any, ...]]:
    """Hosts are worked in the order of their numbers: what is before the first one with a pending
    image is done, and not looked at again."""
    request_id: Any = sa.bindparam("request_id")
    pending = (Image.request_id == request_id, *_is_pending(Image))
    first = sa.select(sa.func.min(Image.host_number)).where(*pending).scalar_subquery()
    has_due = sa.exists().where(
        Image.request_id == Host.request_id, Image.host_number == Host.number, _is_due(Image)
    )
    return (
        sa.select(
            *(Host.request_id, Host.number, Host.host),
            *(Request.public_id, Request.reduce_by, Request.format),
            *(Request.max_width, Request.max_height),
            (Request.total - Request.completed - Request.failed).label("unanswered"),
        )
        .join(Request, Request.id == Host.request_id)
        .where(Host.request_id == request_id, Host.number >= first)
        .where(Host.host.not_in(sa.bindparam("passing_over", expanding=True)), has_due)
        .order_by(Host.number)
        .limit(1)
    )


@writes
def renew(tx: Connection, worker: str, ids: Collection[int], lease_seconds: float) -> None:
    """Hold on to claimed images for another lease."""
    tx.execute(
        sa.update(Image)
        .where(Image.id.in_(ids), *_held(Image, worker))
        .values(lease_until=utc_now(lease_seconds))
    )


@writes
def suspect(tx: Connection, worker: str, image: ClaimedImage) -> None:
    """Count, before it is tried again, an image that was in the hands of a worker that stopped.

    It is tried alone: if this worker stops too, the image is to blame.
    """
    tx.execute(
        sa.update(Image)
        .where(Image.id == image.id, *_held(Image, worker))
        .values(stops=Image.stops + 1)
    )


@writes
def record(tx: Connection, worker: str, outcomes: Collection[Outcome]) -> bool:
    """Write how claims ended, and the counters with them, in one transaction.

    An answer is that of the image's copies, too. A claim that another worker has taken over since
    is left alone. True when that answered the last image of a request.
    """
    now, held = _still_held(tx, worker, [outcome.image.id for outcome in outcomes])
    settled, answers = [], []
    for outcome in outcomes:
        image = outcome.image
        attempts, copies = held.get(image.id, (0, 0))
        if attempts == image.attempts:
            settled.append({"image_id": image.id, **_settled(outcome, now)})
            answers.append(Answer(image.request_id, outcome.status, outcome.columns, copies))
            if copies and outcome.status is not Status.PENDING:
                _settle_copies(tx, image.id, _settled(outcome, now))
    if settled:
        tx.execute(_answer(), settled)
    return _count(tx, answers)


def _settle_copies(tx: Connection, image_id: int, columns: dict[str, Any]) -> int:
    """Answer the images with the same URL as this one does; how many there are."""
    values = {name: sa.null() if value is None else value for name, value in columns.items()}
    copies = sa.update(Image).where(*_is_copy_of(Image, image_id)).values(values)
    return tx.execute(copies).rowcount


class Answer(NamedTuple):
    """How an image ended, and how many copies of it ended so, too."""

    request_id: int
    status: Status
    columns: dict[str, Any]
    copies: int


def _still_held(
    tx: Connection, worker: str, ids: Collection[int]
) -> tuple[datetime, dict[int, tuple[int, int]]]:
    """The database's time, and of the images that a worker holds the attempt and the copies.

    Nobody else can take them while this transaction lasts.
    """
    now = tx.scalars(_clock()).one()
    held = tx.execute(_images_held(), {"ids": list(ids), "worker": worker})
    return now, {image.id: (image.attempts, image.copies) for image in held}


@cache
def _clock() -> sa.Select[datetime]:
    return sa.select(utc_now())


@cache
def _images_held() -> sa.Select[*tuple[Any, ...]]:
    copy = aliased(Image)
    copies = sa.select(sa.func.count()).select_from(copy).where(*_is_copy_of(copy, Image.id))
    return (
        sa.select(Image.id, Image.attempts, copies.scalar_subquery().label("copies"))
        .with_hint(Image, KEEP_LOCKED, "mssql")
        .where(Image.id.in_(sa.bindparam("ids", expanding=True)))
        .where(*_held(Image, sa.bindparam("worker")))
    )


@cache
def _answer() -> sa.Update:
    return sa.update(IMAGES).where(Image.id == sa.bindparam("image_id"))


def _is_copy_of(copy: Any, image_id: Any) -> list[sa.ColumnElement[bool]]:
    """The last condition is the index's, which would not serve without it."""
    return [
        copy.copy_of == image_id,
        is_status(copy.status, Status.PENDING),
        copy.copy_of.is_not(None),
    ]


def _settled(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """All columns that any outcome sets: rows of one shape go to the server in one batch."""
    image, is_pending = outcome.image, outcome.status is Status.PENDING
    return {
        "status": outcome.status,
        "claimed_by": None,
        "lease_until": None,
        "attempts": image.attempts,
        "stops": image.stops,
        "next_attempt_at": now + timedelta(seconds=outcome.wait),
        "completed_at": None if is_pending else now,
        **NO_ANSWER,
        **outcome.columns,
    }


def _count(tx: Connection, answers: Iterable[Answer]) -> bool:
    """Add answered images to the counters of their requests, in one order for all workers."""
    answered = [answer for answer in answers if answer.status is not Status.PENDING]
    by_request = attrgetter("request_id")
    ended = False
    for request_id, group in groupby(sorted(answered, key=by_request), key=by_request):
        counted = tx.execute(_add(), {"counted": request_id, **_added(group)}).first()
        ended = ended or (counted is not None and counted[0] == counted[1])
    return ended


@cache
def _add() -> sa.UpdateBase:
    counters = ("completed", "failed", "bytes_in", "bytes_out")
    return (
        sa.update(Request)
        .where(Request.id == sa.bindparam("counted"))
        .values({name: getattr(Request, name) + sa.bindparam(f"more_{name}") for name in counters})
        .returning(Request.completed + Request.failed, Request.total)
    )


def _added(answers: Iterable[Answer]) -> dict[str, int]:
    completed = failed = bytes_in = bytes_out = 0
    for answer in answers:
        images = 1 + answer.copies
        if answer.status is Status.COMPLETED:
            completed += images
            bytes_in += images * answer.columns["input_bytes"]
            bytes_out += images * answer.columns["output_bytes"]
        else:
            failed += images
    return {
        "more_completed": completed,
        "more_failed": failed,
        "more_bytes_in": bytes_in,
        "more_bytes_out": bytes_out,
    }


@writes
def recover(tx: Connection, claim_limit: int) -> None:
    """Take back the claims of workers that stopped; end images that stop every worker."""
    blamed: dict[str, Any] = {
        "status": Status.FAILED,
        "completed_at": utc_now(),
        "error_code": "stopped_the_worker",
        "error_message": f"This image stopped the worker {claim_limit} times.",
        **NO_CLAIM,
    }
    ended = tx.execute(
        sa.update(Image)
        .where(_has_expired(Image), Image.stops >= claim_limit)
        .values(blamed)
        .returning(Image.id, Image.request_id)
    ).all()
    answers = [
        Answer(request_id, Status.FAILED, {}, _settle_copies(tx, image_id, blamed))
        for image_id, request_id in ended
    ]
    _count(tx, answers)
    marked = {"stops": sa.case((Image.stops == 0, 1), else_=Image.stops)}
    for table, values in ((Image, marked), (Webhook, {})):
        tx.execute(
            sa.update(table)
            .where(_has_expired(table))
            .values(status=Status.PENDING, attempts=table.attempts - 1, **NO_CLAIM, **values)
        )


# --- finishing a request ----------------------------------------------------------------------


@writes
def claim_finished(tx: Connection, worker: str, lease_seconds: float) -> FinishedRequest | None:
    """Take a request whose images are all answered and whose output CSV nobody is writing."""
    finished = tx.execute(
        sa.update(Request)
        .where(Request.id.in_(_first(Request, 1, _is_finished())), _is_finished())
        .values(claimed_by=worker, lease_until=utc_now(lease_seconds))
        .returning(Request.id, Request.public_id, Request.url_column)
    ).first()
    return None if finished is None else FinishedRequest(*finished)


def results(
    database: Database, worker: str, request: FinishedRequest, lease_seconds: float
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    """The images of a claimed request in the order of the CSV, a page at a time.

    Each page renews the claim, so that a long output CSV isn't taken for an abandoned one.
    """
    place = (0, 0)
    while page := _page_of_results(database, worker, request.id, place, lease_seconds):
        yield from page
        place = (page[-1].row_number, page[-1].position)


@writes
def _page_of_results(
    tx: Connection, worker: str, request_id: int, place: tuple[int, int], lease_seconds: float
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    tx.execute(
        sa.update(Request)
        .where(Request.id == request_id, Request.claimed_by == worker)
        .values(lease_until=utc_now(lease_seconds))
    )
    return tx.execute(
        sa.select(*(Image.row_number, Image.position, Image.output_name, Image.error_message))
        .where(Image.request_id == request_id, is_after(place))
        .order_by(Image.row_number, Image.position)
        .limit(PAGE)
    ).all()


def is_after(place: tuple[Any, Any]) -> sa.ColumnElement[bool]:
    """Images behind a (row, position), written so that the index can start at the row."""
    row_number, position = place
    return sa.and_(
        Image.row_number >= row_number,
        sa.or_(Image.row_number > row_number, Image.position > position),
    )


@writes
def complete(tx: Connection, worker: str, request: FinishedRequest, webhook_seconds: float) -> bool:
    """Complete a claimed request and record its webhook, due in ``webhook_seconds``.

    False if the claim was lost: somebody else completes it.
    """
    completed = tx.execute(
        sa.update(Request)
        .where(Request.id == request.id, Request.claimed_by == worker, _is_open())
        .values(status=Status.COMPLETED, completed_at=utc_now(), **NO_CLAIM)
        .returning(Request.webhook_url)
    ).first()
    if completed is not None and completed.webhook_url is not None:
        _add_webhook(tx, request.id, completed.webhook_url, webhook_seconds)
    return completed is not None


def _add_webhook(tx: Connection, request_id: int, url: str, seconds: float) -> None:
    tx.execute(
        sa.insert(Webhook).values(
            request_id=request_id,
            message_id=uuid.uuid4(),
            url=url,
            status=Status.PENDING,
            attempts=0,
            next_attempt_at=utc_now(seconds),
        )
    )


# --- webhooks ---------------------------------------------------------------------------------


@writes
def claim_webhooks(
    tx: Connection, worker: str, *, limit: int, lease_seconds: float
) -> list[ClaimedWebhook]:
    """Take up to ``limit`` webhooks that are due."""
    claimed = tx.execute(
        _claim(Webhook, limit, _is_due(Webhook))
        .values(attempts=Webhook.attempts + 1)
        .returning(*(getattr(Webhook, name) for name in ClaimedWebhook._fields)),
        {"worker": worker, "lease_seconds": lease_seconds},
    ).all()
    return [ClaimedWebhook(*webhook) for webhook in claimed]


@writes
def record_attempt(
    tx: Connection,
    worker: str,
    webhook: ClaimedWebhook,
    *,
    status_code: int | None,
    duration_ms: int,
    error: str | None,
    retry_seconds: float | None,
) -> None:
    """Write one attempt: without an ``error`` it is delivered; without ``retry_seconds``, over."""
    again = error is not None and retry_seconds is not None
    ended = Status.DELIVERED if error is None else Status.FAILED
    settled = tx.execute(
        sa.update(Webhook)
        .where(Webhook.id == webhook.id, *_held(Webhook, worker))
        .where(Webhook.attempts == webhook.attempts)
        .values(
            status=Status.PENDING if again else ended,
            next_attempt_at=utc_now(retry_seconds or 0),
            **NO_CLAIM,
        )
    )
    if settled.rowcount == 1:
        tx.execute(
            sa.insert(WebhookAttempt).values(
                webhook_id=webhook.id,
                number=webhook.attempts,
                attempted_at=utc_now(-duration_ms / 1000),
                status_code=status_code,
                duration_ms=duration_ms,
                error=None if error is None else shortened(error, ERROR_LENGTH),
            )
        )


# --- the conditions that the statements share -------------------------------------------------

# NULL in the statement: as a parameter the driver would ask the server for its type each time.
NO_CLAIM: dict[str, Any] = {"claimed_by": sa.null(), "lease_until": sa.null()}
NO_ANSWER: dict[str, Any] = dict.fromkeys(
    (
        *("error_code", "error_message", "output_name", "input_bytes", "output_bytes"),
        *("width", "height", "format", "method", "quality", "scale", "encodes", "target_met"),
    )
)


def _is_pending(table: Any) -> list[sa.ColumnElement[bool]]:
    """What can be claimed, as the index of it says: a copy waits for its original's answer."""
    pending = is_status(table.status, Status.PENDING)
    return [pending, table.copy_of.is_(None)] if table is Image else [pending]


def _is_due(table: Any) -> sa.ColumnElement[bool]:
    return sa.and_(*_is_pending(table), table.next_attempt_at <= utc_now())


def _has_expired(table: Any) -> sa.ColumnElement[bool]:
    return sa.and_(is_status(table.status, Status.PROCESSING), table.lease_until < utc_now())


def _held(table: Any, worker: Any) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return is_status(table.status, Status.PROCESSING), table.claimed_by == worker


def _is_open() -> sa.ColumnElement[bool]:
    return sa.not_(is_status(Request.status, Status.COMPLETED))


def _is_finished() -> sa.ColumnElement[bool]:
    return sa.and_(
        _is_open(),
        Request.completed + Request.failed == Request.total,
        sa.or_(Request.lease_until.is_(None), Request.lease_until < utc_now()),
    )


def _first(table: Any, limit: int, *where: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    """The ids of the first rows in line, passing over those that another worker is claiming."""
    since = table.served_at if table is Request else table.next_attempt_at
    ids = sa.select(table.id).where(*where).order_by(since, table.id).limit(limit)
    return ids.with_hint(table, SKIP_LOCKED, "mssql")


def _claim(table: Any, limit: int, *where: sa.ColumnElement[bool]) -> sa.Update:
    """Pending → Processing, for the first ``limit`` rows in line that nobody else takes first.

    The parameters are the ``worker`` and its ``lease_seconds``.
    """
    lease = {"claimed_by": sa.bindparam("worker"), "lease_until": utc_now("lease_seconds")}
    return (
        sa.update(table)
        .where(table.id.in_(_first(table, limit, *where)), *_is_pending(table))
        .values(status=Status.PROCESSING, **lease)
    )
