"""Rows of the database as the JSON of ``GET /status/<request_id>``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from manifest import ReadingOptions
from storage import file_urls, image_url
from work_queue.catalogue_faults import CatalogueFaults
from work_queue.read_queries import FoundRequest, ImageRow, RequestRow, progress
from work_queue.statuses import Status

# The options of a request, as the upload's form names them, and their columns.
OPTIONS = (
    "reduce_by",
    "format",
    "max_width",
    "max_height",
    "max_bytes",
    "keep_dimensions",
    "names",
    "for",
)
COLUMNS = {"for": "preset"}  # the others have the name of their option


def status(
    base: str,
    found: FoundRequest,
    faults: CatalogueFaults | None,
    images: Sequence[ImageRow],
    next_url: str | None,
) -> dict[str, Any]:
    """The whole response; ``base`` is the public URL of the service."""
    request = found.request
    folder_url = image_url(base, request.public_id, "").rstrip("/")
    return {
        **_facts(base, request),
        "faults": faults and faults._asdict(),
        "webhook": webhook_of(found),
        "images": [image_of(folder_url, image) for image in images],
        "next": next_url,
    }


def summary(base: str, request: RequestRow) -> dict[str, Any]:
    """One entry of the list of requests."""
    return {**_facts(base, request), "status_url": f"{base}/status/{request.public_id}"}


def _facts(base: str, request: RequestRow) -> dict[str, Any]:
    is_completed = request.status is Status.COMPLETED
    asked = ReadingOptions.stored(request.reading, request.url_column)
    urls = file_urls(
        base,
        request.public_id,
        has_failed=request.failed > 0,
        was_workbook=asked.is_workbook,
    )
    return {
        "request_id": str(request.public_id),
        "status": request.status,
        "progress": progress(request),
        "bytes_in": request.bytes_in,
        "bytes_out": request.bytes_out,
        "saved_percent": saved_percent(request.bytes_in, request.bytes_out),
        "file_name": request.file_name,
        "options": {name: getattr(request, COLUMNS.get(name, name)) for name in OPTIONS},
        "created_at": time_of(request.created_at),
        "completed_at": time_of(request.completed_at),
        **(urls if is_completed else dict.fromkeys(urls)),
    }


def image_of(folder_url: str, image: ImageRow) -> dict[str, Any]:
    """One entry of ``images``; ``folder_url`` is where the request's files are served."""
    name = image.output_name
    return {
        "row": image.row_number,
        "position": image.position,
        "serial_number": image.serial_number,
        "product_name": image.product_name,
        "input_url": image.input_url,
        "output_url": f"{folder_url}/{name}" if name else None,
        "status": image.status,
        "attempts": image.attempts,
        "error": _error(image.error_code, image.error_message),
        "input_bytes": image.input_bytes,
        "output_bytes": image.output_bytes,
        "ratio": _ratio(image.input_bytes, image.output_bytes),
        **image.figures._asdict(),
    }


def webhook_of(found: FoundRequest) -> dict[str, Any] | None:
    """What became of the notification; until the request is completed it is only planned."""
    if found.request.webhook_url is None:
        return None
    webhook = found.webhook
    is_due = webhook is not None and webhook.status is Status.PENDING
    return {
        "url": found.request.webhook_url,
        "status": webhook.status if webhook else Status.PENDING,
        "next_attempt_at": time_of(webhook.next_attempt_at) if webhook and is_due else None,
        "attempts": [
            {
                "at": time_of(attempt.attempted_at),
                "status_code": attempt.status_code,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
            }
            for attempt in found.attempts
        ],
    }


def _error(code: str | None, message: str | None) -> dict[str, str | None] | None:
    return None if code is None else {"code": code, "message": message}


def _ratio(bytes_in: int | None, bytes_out: int | None) -> float | None:
    return round(bytes_out / bytes_in, 4) if bytes_in and bytes_out is not None else None


def saved_percent(bytes_in: int, bytes_out: int) -> float | None:
    return round(100 * (1 - bytes_out / bytes_in), 1) if bytes_in else None


def time_of(moment: datetime | None) -> str | None:
    """RFC 3339 with milliseconds."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
