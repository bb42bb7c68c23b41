"""Every error's code and status, and the responses of an operation that they make up."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from api.problems import CSV_STATUSES, Problem


class Error(NamedTuple):
    """``detail`` is an example; ``extra`` are members of its own."""

    status: int
    detail: str
    extra: dict[str, Any] = {}


def _of_field(field: str, reason: str) -> Error:
    return Error(422, f"The field {field} {reason}", {"field": field})


CSV_PROBLEM = {
    "code": "not_http",
    "message": "“ftp://x/1.jpg” begins with ftp:, but it must begin with http:// or https://.",
    "row": 1,
    "line": 2,
    "column": "Input Image Urls",
}
ERRORS = {
    # of every operation
    "malformed_request": Error(400, "This is not a request as HTTP/1.1 defines it."),
    "incomplete_upload": Error(400, "The body ended before all of it was sent."),
    "invalid_host": Error(400, "The header Host must be one name, or one address."),
    "request_timeout": Error(408, "The request came too slowly; nothing was stored."),
    "upload_too_large": Error(413, "The upload is larger than 67108864 bytes."),
    "field_too_large": Error(413, "A field of the form is too large."),
    "uri_too_long": Error(414, "The address is too long."),
    "unknown_host": Error(421, "The service does not know that name as its own."),
    "headers_too_large": Error(431, "The request's headers are too large."),
    "internal_error": Error(500, "Something went wrong here; it was logged."),
    "service_unavailable": Error(503, "The service does not answer just now. Please try again."),
    "database_unavailable": Error(503, "The database does not answer just now. Please try again."),
    # of the API: keys and limits
    "missing_key": Error(401, "A key is needed: Authorization: Bearer img_…"),
    "invalid_key": Error(401, "The key is not known, or was revoked."),
    "foreign_page": Error(403, "A page of another site may not send this."),
    "too_many_requests": Error(429, "Too many requests came with this key. Please slow down."),
    # of a path or a query
    "invalid_request_id": Error(400, "A request id is a UUID, as POST /upload answers it."),
    "invalid_limit": Error(400, "limit is a whole number from 1 to 1000."),
    "invalid_after": Error(400, "after is what the link `next` gave, as in 100-1."),
    "invalid_before": Error(400, "before is what the link `next` gave."),
    "invalid_status": Error(400, "status is one of Pending, Processing, Completed."),
    "invalid_target": Error(400, "target is one of shopify, woocommerce, google, …"),
    "missing_target": Error(400, "target says for which shop: one of shopify, …"),
    "invalid_fault": Error(400, "fault is one of dead_links, lost_pixels, missed_targets."),
    "invalid_sort": Error(400, "sort is one of row, worst, saved, bytes."),
    "invalid_q": Error(400, "q is a text of up to 200 characters."),
    "not_found": Error(404, "There is nothing at this address."),
    "request_not_found": Error(404, "There is no request 00000000-0000-4000-8000-000000000000."),
    "file_not_found": Error(404, "There is no such file, or not yet."),
    "method_not_allowed": Error(405, "The method is not allowed for the requested URL."),
    "range_not_satisfiable": Error(416, "The requested range is not in the file."),
    "too_many_open_requests": Error(429, "20 requests are under way, as many as may be."),
    "too_many_open_images": Error(429, "50,000 images are under way, as many as may be."),
    "daily_limit": Error(429, "The images of this key have used 7,200 s of CPU today."),
    # of an upload
    "broken_encoding": Error(400, "The body is not one whole gzip stream; nothing was kept."),
    "unsupported_encoding": Error(415, "A body may be packed with gzip, and with nothing else."),
    "missing_file": Error(400, "There is no file in the form."),
    "invalid_idempotency_key": Error(400, "Idempotency-Key is a text of up to 255 characters."),
    "upload_in_progress": Error(
        409, "The first upload with this Idempotency-Key is still being stored."
    ),
    "idempotency_key_reused": Error(422, "This Idempotency-Key came with another upload before."),
    "unsupported_media_type": Error(
        415, "Send the CSV as the field `file` of a multipart form, or as the whole body."
    ),
    "unknown_field": Error(
        422, "There is no field reduceby; did you mean reduce_by?", {"field": "reduceby"}
    ),
    "invalid_fields": Error(
        422,
        "The field format must be one of keep, jpeg, png, webp, avif, compatible. …",
        {
            "errors": [
                {"code": "invalid_format", "field": "format", "message": "The field format must …"},
                {"code": "invalid_max_width", "field": "max_width", "message": "The field …"},
            ]
        },
    ),
    "invalid_url_column": _of_field("url_column", "is longer than 1000 characters."),
    "invalid_serial_column": _of_field("serial_column", "is longer than 255 characters."),
    "invalid_name_column": _of_field("name_column", "is longer than 255 characters."),
    "invalid_base_url": _of_field("base_url", "is what stands before a file's name: without ?"),
    "invalid_sheet": _of_field("sheet", "is longer than 31 characters."),
    "invalid_on_error": _of_field("on_error", "must be one of refuse, skip."),
    "invalid_names": _of_field("names", "must be one of position, sku, name, source."),
    "invalid_for": _of_field("for", "must be one of shopify, woocommerce, google, …"),
    "invalid_dry_run": _of_field("dry_run", "must be one of 1, true, yes, on, …"),
    "invalid_source_url": _of_field("source_url", "stands in place of a file: send one of them."),
    "source_unreachable": Error(
        422,
        "The table at source_url could not be fetched. The server answered 404 Not Found.",
        {"field": "source_url"},
    ),
    "too_many_sources": Error(429, "Other tables are being fetched just now."),
    "malformed_json": Error(400, "The body is no JSON: Expecting value: line 1 column 1"),
    "json_too_large": Error(413, "JSON may have 4194304 bytes; send a larger table as a CSV."),
    "invalid_json": Error(
        422, "/products/0/urls/1 must be one URL, a text.", {"pointer": "/products/0/urls/1"}
    ),
    "invalid_webhook_url": _of_field("webhook_url", "begins with ftp:, but must begin with http:"),
    "invalid_reduce_by": _of_field("reduce_by", "must be a whole number from 1 to 95."),
    "invalid_format": _of_field("format", "must be one of keep, jpeg, png, webp, …"),
    "invalid_max_width": _of_field("max_width", "must be a whole number from 1 to 100000."),
    "invalid_max_height": _of_field("max_height", "must be a whole number from 1 to 100000."),
    "invalid_max_bytes": _of_field("max_bytes", "must be a whole number from 1 to 1000000000."),
    "invalid_keep_dimensions": _of_field("keep_dimensions", "must be one of 1, true, yes, on, …"),
    "invalid_csv": Error(
        422,
        "row 1, line 2, column “Input Image Urls”: “ftp://x/1.jpg” begins with ftp:, …",
        {"errors": [CSV_PROBLEM]},
    ),
    "not_a_csv": Error(CSV_STATUSES["not_a_csv"], "This file is a PDF, not a CSV. Save it as …"),
    "broken_workbook": Error(422, "The workbook is broken. Open it in a spreadsheet program, …"),
    "encrypted_workbook": Error(422, "The workbook has a password. Save it without one."),
    "sheet_without_workbook": _of_field("sheet", "Only a workbook has sheets"),
    "unknown_sheet": Error(422, "There is no sheet “Stock”. The sheets are “Products”, “Prices”."),
    "workbook_too_large": Error(
        CSV_STATUSES["workbook_too_large"], "The workbook takes too much memory or time to read."
    ),
    "too_many_workbooks": Error(503, "Other workbooks are being read just now. Please try again."),
    "too_many_rows": Error(CSV_STATUSES["too_many_rows"], "The CSV has more than 200000 rows."),
    "too_many_images": Error(CSV_STATUSES["too_many_images"], "The CSV has more than 200000 URLs."),
    "storage_full": Error(503, "The disk of the service is almost full."),
    "storage_unavailable": Error(503, "The storage of the files does not answer just now."),
    # of the others
    "request_not_completed": Error(409, "This is made when the request is completed."),
    "too_many_downloads": Error(503, "Other tables or archives are being made just now."),
    "too_many_checks": Error(503, "Other requests are being checked just now."),
    "metrics_are_private": Error(403, "The metrics are for this machine."),
    "admin_only": Error(403, "This is for an admin's key."),
    "invalid_host_name": Error(400, "The host is named as URLs have it, as in shop.example."),
    "not_from_outside": Error(403, "This is not given to the outside."),
    "no_notification": Error(409, "There is nothing to send again."),
    "missing_webhook_url": Error(422, "The field webhook_url is missing."),
    "too_many_tests": Error(429, "Other tests are under way."),
    "wrong_database_version": Error(
        503, "The database is at schema version 0001: run make migrate"
    ),
}

EVERYWHERE = (
    *("malformed_request", "invalid_host", "request_timeout", "uri_too_long", "unknown_host"),
    *("headers_too_large", "internal_error", "service_unavailable"),
)
OF_THE_API = ("missing_key", "invalid_key", "too_many_requests")
OF_MORE_WORK = ("too_many_open_requests", "too_many_open_images", "daily_limit")
OF_A_CHANGE = ("foreign_page", "incomplete_upload", "upload_too_large", "field_too_large")

HEADERS = {  # by the status of the response
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    409: ("Retry-After",),
    415: ("Accept-Encoding",),
    416: ("Content-Range",),
    429: ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}


def responses(codes: Iterable[str]) -> dict[str, Any]:
    """The error responses of an operation, by status, each with the codes that it may have."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(ERRORS[code].status, []).append(code)
    return {str(status): _response(status, by_status[status]) for status in sorted(by_status)}


def _response(status: int, codes: list[str]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS.get(status, ())}
    schema = {
        "$ref": "#/components/schemas/Problem",
        "properties": {"code": {"enum": codes}},
    }
    shown = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        **({"headers": headers} if headers else {}),
        "content": {"application/problem+json": {"schema": schema, "examples": shown}},
    }


def examples() -> dict[str, Any]:
    """The body of every error, by its code, as the application makes it."""
    return {
        code: {"value": Problem(error.status, code, error.detail, **error.extra).body()}
        for code, error in ERRORS.items()
    }
