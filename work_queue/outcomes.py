"""Outcomes: how claims of images ended, recorded with their requests' counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.api_keys import NO_USE, Use, add_to_use
from work_queue.claims import ClaimedImage
from work_queue.column_types import fit_column
from work_queue.models import MAX_ERROR, Figures
from work_queue.statements import (
    ADD_TO_COUNTERS,
    COUNT_TIMEOUTS,
    COUNTERS,
    RECORD_COPIES,
    RECORD_OUTCOMES,
    RESULT_COLUMNS,
    as_json,
)
from work_queue.statuses import Status

# NULL in the statement: as a parameter the driver would ask the server for its type each time.
NO_CLAIM: dict[str, Any] = {"claimed_by": sa.null(), "lease_until": sa.null()}
TIMED_OUT = "timed_out"  # the code of a host that took too long
NO_RESULT: dict[str, Any] = dict.fromkeys(RESULT_COLUMNS)


@dataclass(frozen=True)
class Outcome:
    """How one claim of an image ended, and the columns that say so.

    Where the status is Pending again, the image is due again after ``wait`` seconds. What it took
    counts for its key.
    """

    image: ClaimedImage
    status: Status
    columns: dict[str, Any]
    wait: float = 0.0
    use: Use = NO_USE

    @classmethod
    def completed(
        cls,
        image: ClaimedImage,
        *,
        output_name: str,
        input_bytes: int,
        output_bytes: int,
        figures: Figures,
        content_hash: str | None = None,
    ) -> Self:
        sizes = {"input_bytes": input_bytes, "output_bytes": output_bytes}
        names = {"output_name": output_name, "content_hash": content_hash}
        columns = {**names, **sizes, **figures._asdict()}
        return cls(image, Status.COMPLETED, columns)

    @classmethod
    def failed(cls, image: ClaimedImage, code: str, message: str) -> Self:
        return cls(image, Status.FAILED, _error(code, message))

    @classmethod
    def retry(cls, image: ClaimedImage, seconds: float, code: str, message: str) -> Self:
        """It failed, but trying again in ``seconds`` may help."""
        return cls(image, Status.PENDING, _error(code, message), seconds)

    @classmethod
    def release(cls, image: ClaimedImage, seconds: float = 0) -> Self:
        """Not worked on, through no fault of the image: it is due again in ``seconds``."""
        as_before = {"attempts": image.attempts - 1, "crash_count": image.crash_count}
        return cls(image, Status.PENDING, as_before, seconds)

    @property
    def host_key(self) -> tuple[int, int]:
        return self.image.request_id, self.image.host_number

    @property
    def host_timed_out(self) -> bool:
        return self.columns.get("error_code") == TIMED_OUT

    @property
    def host_answered(self) -> bool:
        """Well or badly, rather than not at all, or not asked."""
        has_result = bool(self.columns.keys() & {"error_code", "output_name"})
        return has_result and not self.host_timed_out and not self.image.is_given_up

    @property
    def ends_image(self) -> bool:
        """Whether the image is completed or failed, rather than to be tried again."""
        return self.status is not Status.PENDING


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "error_message": fit_column(message, MAX_ERROR)}


class EndedImage(NamedTuple):
    """An image that has ended, with the columns that its copies get, too."""

    request_id: int
    row: dict[str, Any]


class Recorded(NamedTuple):
    """What became of outcomes: whether the last image of a request has ended now, and those of
    claims that were lost since."""

    ended_request: bool
    lost: list[Outcome]


def record_outcomes(tx: Connection, worker: str, outcomes: Collection[Outcome]) -> Recorded:
    """Write how claims ended, and the counters with them, in one transaction.

    The copies of an image get its outcome, too, and hosts that time out are counted. A claim that
    was lost since is left alone, and not counted.
    """
    if timeouts := _timeouts(outcomes):
        COUNT_TIMEOUTS.run(tx, rows=as_json(timeouts))
    # An image may be there twice: it was cancelled, tried again and claimed anew by this worker.
    newest = {outcome.image.id: outcome for outcome in outcomes}
    rows = {image_id: _row_of(outcome) for image_id, outcome in newest.items()}
    recorded = set(RECORD_OUTCOMES.run(tx, worker=worker, rows=as_json(rows.values())).scalars())
    ended = [
        EndedImage(outcome.image.request_id, rows[image_id])
        for image_id, outcome in newest.items()
        if outcome.ends_image and image_id in recorded
    ]
    has_ended_request = end_images(tx, ended)
    add_to_use(tx, _used(newest[image_id] for image_id in recorded))
    lost = [outcome for image_id, outcome in newest.items() if image_id not in recorded]
    return Recorded(has_ended_request, lost)


def _used(outcomes: Iterable[Outcome]) -> dict[int, Use]:
    """What the images of each key took."""
    used: dict[int, Use] = {}
    for outcome in outcomes:
        key_id = outcome.image.key_id
        used[key_id] = used.get(key_id, NO_USE) + outcome.use
    return used


def _timeouts(outcomes: Collection[Outcome]) -> list[dict[str, int]]:
    """The hosts that timed out, with how often; 0 for one that did before, and answered now."""
    answered = {outcome.host_key for outcome in outcomes if outcome.host_answered}
    did_before = {outcome.host_key for outcome in outcomes if outcome.image.host_timeouts}
    late = Counter(outcome.host_key for outcome in outcomes if outcome.host_timed_out)
    counted = dict.fromkeys(answered & did_before, 0) | {
        key: number for key, number in late.items() if key not in answered
    }
    return [
        {"request_id": request_id, "number": number, "timeouts": counted[request_id, number]}
        for request_id, number in sorted(counted)
    ]


def _row_of(outcome: Outcome) -> dict[str, Any]:
    image, wait = outcome.image, round(outcome.wait * 1000)
    columns = {"crash_count": image.crash_count, "claimed_attempts": image.attempts, "wait": wait}
    return outcome_row(
        image.id, outcome.status, **{"attempts": image.attempts, **columns, **outcome.columns}
    )


def outcome_row(image_id: int, status: Status, **columns: Any) -> dict[str, Any]:
    """All columns that an outcome sets, those of a result empty where they are not given."""
    return {"id": image_id, "status": status, "wait": 0, **NO_RESULT, **columns}


def end_images(tx: Connection, ended: Sequence[EndedImage]) -> bool:
    """End the copies of images that have ended, and count all of them.

    True when that was the last image of a request.
    """
    if not ended:
        return False
    copies = Counter(RECORD_COPIES.run(tx, rows=as_json(image.row for image in ended)).scalars())
    counted: dict[int, Counter[str]] = {}
    for request_id, row in ended:
        counters = counted.setdefault(request_id, Counter(dict.fromkeys(COUNTERS, 0)))
        counters.update(_counters(row, 1 + copies[row["id"]]))
    rows = [{"id": request_id, **counted[request_id]} for request_id in sorted(counted)]
    added = ADD_TO_COUNTERS.run(tx, rows=as_json(rows)).all()
    return any(done == total for done, total in added)


def _counters(row: dict[str, Any], images: int) -> dict[str, int]:
    """What so many images with the same columns add to the counters of their request."""
    if row["status"] is not Status.COMPLETED:
        return {"failed": images}
    return {
        "completed": images,
        "bytes_in": images * row["input_bytes"],
        "bytes_out": images * row["output_bytes"],
    }
