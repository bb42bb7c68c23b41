"""The JSON of responses and webhooks, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from api.form import FORMATS, MAX_BYTES, MAX_SIDE, NAMES
from shops import MAX_FINDINGS, Certainty, Target
from storage import MADE_WORKBOOKS, file_urls
from work_queue import api_keys
from work_queue.statuses import Status
from work_queue.tallies import KEPT_HOURS, MAX_FAILURES

Schema = dict[str, Any]

CSV_CODES = (  # of one problem of a CSV, as manifest/errors.py lists them
    *("not_a_csv", "too_many_rows", "too_many_images", "empty_file", "wrong_encoding", "no_rows"),
    *(
        "no_urls",
        "too_many_blank_lines",
        *("formulas_without_values", "other_sheets"),
        "missing_column",
        "unknown_url_column",
    ),
    *("unknown_name_column", "unknown_serial_column"),
    *("too_many_columns", "unbalanced_quotes", "row_too_long", "too_many_cells", "too_many_urls"),
    *("nul_byte", "too_long", "not_http", "bad_character", "no_host", "bad_host", "bad_port"),
    "url_has_credentials",
)
METHODS = ("lossless", "quality", "palette", "downscale", "original")
REASONS_MISSED = ("would_damage", "keep_dimensions", "took_too_long", "no_smaller")


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": dict(properties), "required": required}


def _array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _nullable(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **more}


def _text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _count(description: str = "", least: int = 0, **more: Any) -> Schema:
    described = {"description": description} if description else {}
    return {"type": "integer", "minimum": least, **described, **more}


def _one_of(values: Iterable[str], description: str = "") -> Schema:
    return _text(description, enum=[str(value) for value in values])


BOOLEAN: Schema = {"type": "boolean"}
ID = _text("The request's id.", format="uuid")
URL = _text(format="uri")
TIME = _text("RFC 3339, in UTC.", format="date-time")
STATUS_URL = _text("Where to poll.", format="uri")
OF_REQUEST = (Status.PENDING, Status.PROCESSING, Status.COMPLETED)
OF_IMAGE = (*OF_REQUEST, Status.FAILED)
OF_WEBHOOK = (Status.PENDING, Status.PROCESSING, Status.DELIVERED, Status.FAILED)
NEXT = _nullable(_text("The link to the next page; null on the last.", format="uri"))

FILE_URLS = file_urls("", UUID(int=0), has_failed=True, was_workbook=True)
WORKBOOK_URLS = [f"{name.replace('.', '_')}_url" for name in MADE_WORKBOOKS]  # of a workbook only
FACTS = {
    "request_id": ID,
    "status": _one_of(OF_REQUEST, "Ends `Completed`, also when some images failed."),
    "progress": ref("Progress"),
    "bytes_in": _count("Of all finished images, as they were downloaded."),
    "bytes_out": _count("Of the same images, as they are served."),
    "saved_percent": _nullable({"type": "number"}),
    "file_name": _text("The name of the upload."),
    "options": ref("Options"),
    "created_at": TIME,
    "completed_at": _nullable(TIME),
    **{
        name: _nullable(_text("Null until the request is completed.", format="uri"))
        for name in FILE_URLS
    },
}

HINTS = _array(_text(), description="Sentences about what a workbook does not carry.")
SHEETS = _array(_text(), description="Of a workbook, the names of its sheets.", maxItems=100)

SCHEMAS: dict[str, Schema] = {
    "Accepted": _object(
        {
            "request_id": ID,
            "status": _one_of([Status.PENDING]),
            "status_url": STATUS_URL,
            "rows": _count("Products in the CSV."),
            "images": _count("URLs in the CSV."),
            "skipped": _count("Rows that are left out, with `on_error=skip`."),
            "problems": _array(
                ref("ProblemEntry"), description="Why the first of them are left out."
            ),
            "hints": HINTS,
        },
        optional=["skipped", "problems", "hints"],
    ),
    "DryRun": _object(
        {
            "columns": _array(ref("FoundColumn")),
            "dialect": ref("Dialect"),
            "first_rows": _array(ref("FoundRow")),
            "rows": _count("Products in the CSV."),
            "images": _count("URLs in the CSV."),
            "problems": _array(ref("ProblemEntry"), maxItems=100),
            "hints": HINTS,
            "sheets": _nullable(SHEETS),
        }
    ),
    "FoundColumn": _object(
        {
            "name": _text("As the CSV has it."),
            "index": _count("The first is 0."),
            "role": _nullable(
                _one_of(
                    ["serial_number", "product_name", "image_url"],
                    "What it was taken for; null for one that is only kept.",
                )
            ),
            "because": _nullable(_text("Why it was taken for that.")),
        }
    ),
    "Dialect": _object(
        {
            "delimiter": _text("Between cells."),
            "encoding": _text("As in `utf-8`."),
            "header_row": _count("The line of the file in which it stands.", 1),
        }
    ),
    "FoundRow": _object(
        {
            "row": _count("The first is 1.", 1),
            "serial_number": _text(),
            "product_name": _text(),
            "urls": _array(_text()),
            "cells": _array(_text("As the CSV has it, cut where it is long.")),
        }
    ),
    "Status": _object(
        {
            **FACTS,
            "faults": _nullable(ref("Faults")),
            "webhook": _nullable(ref("Webhook")),
            "images": _array(ref("Image")),
            "next": NEXT,
        },
        optional=WORKBOOK_URLS,
    ),
    "Summary": _object({**FACTS, "status_url": STATUS_URL}, optional=WORKBOOK_URLS),
    "Requests": _object({"requests": _array(ref("Summary")), "next": NEXT}),
    "Progress": _object(
        {
            "total": _count("Images."),
            "completed": _count(),
            "failed": _count(),
            "pending": _count("Not ended yet."),
            "percent": {"type": "number", "minimum": 0, "maximum": 100},
        }
    ),
    "Options": _object(
        {
            "reduce_by": _count("Percent to take off.", 1, maximum=95),
            "format": _one_of(FORMATS),
            "max_width": _nullable(_count("Pixels.", 1, maximum=MAX_SIDE)),
            "max_height": _nullable(_count("Pixels.", 1, maximum=MAX_SIDE)),
            "max_bytes": _nullable(_count("Of one image.", 1, maximum=MAX_BYTES)),
            "keep_dimensions": BOOLEAN,
            "names": _one_of(NAMES, "What the images are named after."),
            "for": _nullable(_one_of(Target, "The shop whose defaults it has.")),
        }
    ),
    "Faults": _object(
        {
            "dead_links": _count("Images whose link leads to nothing."),
            "lost_pixels": _count("Images with fewer pixels than their originals."),
            "missed_targets": _count("Images that are not as small as asked."),
            "shared_pictures": _count("Pictures that several products show: placeholders?"),
        }
    ),
    "ImportCheck": _object(
        {
            "request_id": ID,
            "target": _one_of(Target),
            "checked": _count("Images that were looked at."),
            "total": _count("Findings; what is true of all links is one."),
            "counts": {
                "description": "Of each rule, the images that it is about.",
                "type": "object",
                "additionalProperties": _count(least=1),
            },
            "findings": _array(
                ref("Finding"),
                description="The first of them; `counts` has all.",
                maxItems=MAX_FINDINGS,
            ),
            "advice": _array(_text(), description="On the shop's own switches and old pictures."),
        }
    ),
    "Finding": _object(
        {
            "row": _nullable(_count("Null where it is true of all links.", 1)),
            "position": _nullable(_count("Within the row.", 1)),
            "url": _text("The new link; of a failed image the old one.", format="uri"),
            "rule": _text("Stable, for programs.", examples=["format", "too_few_pixels", "port"]),
            "message": _text("A sentence, for people."),
            "source": _object({"name": _text("Where the rule was read."), "url": URL}),
            "certainty": _one_of(Certainty, "How sure it is that the shop acts so."),
        }
    ),
    "Image": _object(
        {
            "row": _count("Of the CSV; the first is 1.", 1),
            "position": _count("Within the row; the first is 1.", 1),
            "serial_number": _text(),
            "product_name": _text(),
            "input_url": _text("As the CSV has it.", format="uri"),
            "output_url": _nullable(_text("Null until the image is completed.", format="uri")),
            "status": _one_of(OF_IMAGE),
            "attempts": _count(),
            "error": _nullable(ref("ImageError")),
            "input_bytes": _nullable(_count()),
            "output_bytes": _nullable(_count()),
            "ratio": _nullable({"type": "number", "description": "Output bytes by input bytes."}),
            "width": _nullable(_count("Pixels of the new image, as displayed.", 1)),
            "height": _nullable(_count("Pixels of the new image, as displayed.", 1)),
            "format": _nullable(_text("As in `jpeg`.")),
            "method": _nullable(_one_of(METHODS, "How it was made smaller.")),
            "quality": _nullable(_count("On the encoder's own scale.", maximum=100)),
            "scale": _nullable(
                {"type": "number", "description": "New width by old; 1 keeps the dimensions."}
            ),
            "encodes": _nullable(_count("Full encodes it took.")),
            "target_met": _nullable({**BOOLEAN, "description": "Whether it is as small as asked."}),
            "missed_because": _nullable(_one_of(REASONS_MISSED, "Why the target was missed.")),
        }
    ),
    "ImageError": _object(
        {
            "code": _text(
                "Stable, for programs; `http_` and a status where the origin refused.",
                examples=["http_404", "timed_out", "not_an_image", "too_large", "cancelled"],
            ),
            "message": _nullable(_text("A sentence, for people.")),
        }
    ),
    "Webhook": _object(
        {
            "url": URL,
            "status": _one_of(OF_WEBHOOK, "`Pending` until the request is completed."),
            "next_attempt_at": _nullable(TIME),
            "attempts": _array(ref("WebhookAttempt")),
        }
    ),
    "WebhookAttempt": _object(
        {
            "at": TIME,
            "status_code": _nullable(_count("Null where the receiver did not answer.")),
            "duration_ms": _count(),
            "error": _nullable(_text("A sentence; null where it was delivered.")),
        }
    ),
    "Retried": _object(
        {"request_id": ID, "retried": _count("Images, maybe none."), "status_url": STATUS_URL}
    ),
    "Cancelled": _object(
        {"request_id": ID, "cancelled": _count("Images, maybe none."), "status_url": STATUS_URL}
    ),
    "Notified": _object({"request_id": ID, "webhook_url": URL}),
    "WebhookTested": _object(
        {
            "webhook_url": URL,
            "delivered": {**BOOLEAN, "description": "Whether the receiver answered 2xx."},
            "status_code": _nullable(_count("Null where the receiver did not answer.")),
            "duration_ms": _count(),
            "error": _nullable(_text("A sentence; null where it was delivered.")),
            "signed": {**BOOLEAN, "description": "Whether the service has a secret to sign with."},
        }
    ),
    "RequestCompleted": _object(
        {
            "type": {"const": "request.completed"},
            "request_id": ID,
            "status": _one_of([Status.COMPLETED]),
            "progress": ref("Progress"),
            "bytes_in": _count(),
            "bytes_out": _count(),
            **{name: _nullable(URL) for name in FILE_URLS},
            "status_url": STATUS_URL,
            "output_images": _array(ref("OutputImage")),
            "output_images_truncated": {
                "const": True,
                "description": "There are too many images to list here; the status has them.",
            },
        },
        optional=["output_images_truncated", *WORKBOOK_URLS],
    ),
    "OutputImage": _object(
        {"row": _count(least=1), "input_url": URL, "output_url": _nullable(URL)}
    ),
    "WebhookTest": _object({"type": {"const": "webhook.test"}, "status_url": URL}),
    "Healthy": _object({"status": {"const": "ok"}, "version": _text("Of the service.")}),
    "Ready": _object(
        {
            "status": _one_of(["ok", "degraded"], "`degraded`: uploads are taken, and wait."),
            "database": {"const": "ok"},
            "storage": {"const": "ok"},
            "redis": _text("`ok`, or that it is away: it makes work start sooner, and counts."),
            "workers": _text("`ok`, or that none was heard of."),
            "work": _text("`ok`, or that an operator has paused it."),
            "oldest_due_seconds": _nullable(
                {"type": "number", "description": "How long the oldest image is due; null: none."}
            ),
        }
    ),
    "Operator": _object(
        {
            "paused_at": _nullable(
                _text("When all work was paused; null: it goes on.", format="date-time")
            ),
            "open_requests": _count("Requests that are not completed."),
            "waiting_images": _count("Their images that have not ended."),
            "oldest_due_seconds": _nullable(
                {"type": "number", "description": "How long the oldest image is due; null: none."}
            ),
            "images_per_second": {
                "type": "number",
                "description": "Images that ended in the last minute, done or failed.",
            },
            "workers": _text("`ok`, or that none was heard of."),
            "processes": _array(
                ref("WorkerProcess"), description="That ended images in the last ten minutes."
            ),
            "pauses": _array(ref("PausedHost"), description="Hosts that are paused."),
            "failure_hours": _count("So many hours are looked at for failures.", 1),
            "failures": _array(
                ref("FailureCount"),
                description=f"Of the last {KEPT_HOURS} hours, what failed most in the last one "
                "first.",
                maxItems=MAX_FAILURES,
            ),
        }
    ),
    "WorkerProcess": _object(
        {
            "worker": _text("Its machine, its process id, and a part that is its own."),
            "at_work": _count("Images that it holds now."),
            "ended": _count("Images that it ended in the last ten minutes."),
            "seen_at": TIME,
        }
    ),
    "PausedHost": _object(
        {
            "host": _text("As URLs have it."),
            "paused_at": TIME,
            "waiting_images": _count("That wait for its end."),
        }
    ),
    "FailureCount": _object(
        {
            "host": _text("As URLs have it; empty for those that are not counted one by one."),
            "code": _text("As an image's error has it."),
            "failed_last_hour": _count("Images that failed for good."),
            "retried_last_hour": _count("Attempts that failed, and are made again."),
            "failed": _count(f"Images of the last {KEPT_HOURS} hours."),
            "retried": _count(f"Attempts of the last {KEPT_HOURS} hours."),
        }
    ),
    "Pause": _object({"host": _text("Or `*`, all work."), "paused": BOOLEAN}),
    "Session": _object(
        {
            "key": _nullable(ref("Key")),
            "key_needed": {**BOOLEAN, "description": "Whether nothing is answered without a key."},
            "local": {**BOOLEAN, "description": "Whether only this machine can call."},
        }
    ),
    "Key": _object(
        {
            "name": _text("What its operator calls it."),
            "prefix": _text("Its first part, which tells keys apart."),
            "scope": _one_of(api_keys.SCOPES, "Its own requests, or all."),
        }
    ),
    "Problem": {
        "description": "Every error is one (RFC 9457).",
        **_object(
            {
                "type": _text("`urn:problem-type:` and the code.", format="uri"),
                "title": _text("The status in words."),
                "status": _count("The HTTP status.", 400, maximum=599),
                "code": _text("Stable, for programs."),
                "detail": _text("A sentence, for people."),
                "field": _text("The field of the form that is wrong."),
                "errors": _array(ref("ProblemEntry"), maxItems=100),
                "pointer": _text("Where in the JSON, as RFC 6901 writes it."),
                "columns_found": _array(_text(), description="Those of the CSV."),
                "sheets": SHEETS,
                "columns_known": {
                    "description": "The names that would be recognised, by their role.",
                    "type": "object",
                    "additionalProperties": _array(_text()),
                },
            },
            optional=["field", "errors", "pointer", "columns_found", "columns_known", "sheets"],
        ),
    },
    "ProblemEntry": {
        "description": "One of several things that are wrong: with a field, or in a CSV.",
        **_object(
            {
                "code": _text(
                    "Of a field as in `invalid_format`; of a CSV one of "
                    f"{', '.join(f'`{code}`' for code in CSV_CODES)}."
                ),
                "message": _text("A sentence, for people."),
                "field": _text("Of the form."),
                "row": _nullable(_count("Of the CSV: from 1, or 0 for the header.")),
                "line": _nullable(_count("Of the file, in which the row begins.", 1)),
                "column": _nullable(_text("Its name.")),
                "hint": _text("Which option of the upload would help."),
            },
            optional=["field", "row", "line", "column", "hint"],
        ),
    },
}
