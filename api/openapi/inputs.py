"""What operations take: parameters of a path and a query, headers, and the fields of forms."""

from __future__ import annotations

from typing import Any

from api import form, idempotency, parameters
from api.openapi import schemas
from manifest.columns import MAX_COLUMN_NAME
from manifest.workbook import MAX_SHEET_NAME
from shops import Target
from storage import IMAGE_TYPES
from work_queue.catalogue_faults import Fault
from work_queue.models import MAX_HOST, MAX_URL_COLUMN, MAX_WEBHOOK_URL
from work_queue.read_queries import Sort

WEBHOOK_URL = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_WEBHOOK_URL,
    "description": "Where to send the notification, with http or https.",
}


def _whole_number(least: int, most: int, description: str, **more: Any) -> dict[str, Any]:
    limits = {"minimum": least, "maximum": most}
    return {"type": "integer", **limits, "description": description, **more}


OPTIONS: dict[str, dict[str, Any]] = {  # of an upload
    "reduce_by": _whole_number(1, 95, "Percent to take off.", default=50),
    "format": {
        "type": "string",
        "enum": list(form.FORMATS),
        "default": form.FORMATS[0],
        "description": "Of the new images. `compatible`: JPEG, PNG and GIF stay, all else becomes "
        "JPEG, or PNG where it is transparent or moves.",
    },
    "max_width": _whole_number(
        1, form.MAX_SIDE, "Pixels; wider images are made smaller to fit, none is enlarged."
    ),
    "max_height": _whole_number(
        1, form.MAX_SIDE, "Pixels; higher images are made smaller to fit, none is enlarged."
    ),
    "max_bytes": _whole_number(
        1, form.MAX_BYTES, "The most bytes an image may take, in place of `reduce_by`."
    ),
    "keep_dimensions": {
        "type": "string",
        "enum": list(form.BOOLEANS),
        "default": "0",
        "description": "Whether no image may lose pixels but by `max_width` and `max_height`.",
    },
    "webhook_url": WEBHOOK_URL,
    "url_column": {
        "type": "string",
        "maxLength": MAX_URL_COLUMN,
        "description": "The column (or columns, by commas) with the URLs, where it isn't known. "
        "It may be given several times.",
    },
    "serial_column": {
        "type": "string",
        "maxLength": MAX_COLUMN_NAME,
        "description": "The column with the SKU or another number, where it isn't known. Where its "
        "cell is empty, a known one stands in.",
    },
    "name_column": {
        "type": "string",
        "maxLength": MAX_COLUMN_NAME,
        "description": "The column with the product's name, where it isn't known.",
    },
    "base_url": {
        "type": "string",
        "format": "uri",
        "maxLength": MAX_WEBHOOK_URL,
        "description": "What stands before bare file names and paths in the cells.",
    },
    "sheet": {
        "type": "string",
        "maxLength": MAX_SHEET_NAME,
        "description": "Of a workbook, the sheet to read: its name, or its number from 1 among "
        "those that can be seen. The first by default.",
    },
    "on_error": {
        "type": "string",
        "enum": list(form.ON_ERROR),
        "default": form.ON_ERROR[0],
        "description": "What becomes of rows with a problem: the file is refused, or they are left "
        "out of the job and kept in the output CSV.",
    },
    "names": {
        "type": "string",
        "enum": list(form.NAMES),
        "default": form.NAMES[0],
        "description": "What the new images are named after: their place, or words of the product "
        "with a hash of the picture.",
    },
    "source_url": {
        "type": "string",
        "format": "uri",
        "maxLength": MAX_WEBHOOK_URL,
        "description": "Where the table is, in place of a file: a CSV, or a Google Sheet that is "
        "published or shared with everybody who has its link.",
    },
    "for": {
        "type": "string",
        "enum": [*Target],
        "description": "The shop that the images are for: options that are not given get the "
        "defaults that suit it, and the import check is for it.",
    },
    "dry_run": {
        "type": "string",
        "enum": list(form.BOOLEANS),
        "default": "0",
        "description": "Whether the file is only read: the answer says what was found in it.",
    },
}
FILE = {
    "type": "string",
    "format": "binary",
    "description": "The CSV, or a workbook (XLSX). `csv`, `csv_file` and `csvFile` are other names "
    "of this field.",
}
UPLOAD_FORM = {
    "type": "object",
    "properties": {"file": FILE, **OPTIONS},
    "oneOf": [{"required": ["file"]}, {"required": ["source_url"]}],
    "additionalProperties": False,
}
SOURCE_FORM = {
    "type": "object",
    "properties": OPTIONS,
    "required": ["source_url"],
    "additionalProperties": False,
}
_ANY_OPTION = {  # as in a form, or as the JSON that means the same
    name: {
        "type": ["string", "number", "boolean", "array", "null"],
        "description": schema["description"],
    }
    for name, schema in OPTIONS.items()
}
_URLS = {"type": "array", "items": {"type": "string", "format": "uri"}}
_PRODUCT = {
    "type": "object",
    "properties": {
        "sku": {"type": ["string", "number", "null"]},
        "name": {"type": ["string", "number", "null"]},
        "urls": {"type": "array", "items": {"type": "string", "format": "uri"}},
    },
    "required": ["urls"],
    "additionalProperties": False,
}
_PRODUCTS = {"type": "array", "items": _PRODUCT}
JSON_UPLOAD = {
    "description": "A list of image URLs or of products, alone or with the options beside it.",
    "anyOf": [
        _URLS,
        _PRODUCTS,
        *(
            {
                "type": "object",
                "properties": {name: listed, **_ANY_OPTION},
                "required": [name],
                "additionalProperties": False,
            }
            for name, listed in (("images", _URLS), ("products", _PRODUCTS))
        ),
        {
            "type": "object",
            "properties": _ANY_OPTION,
            "required": ["source_url"],
            "additionalProperties": False,
        },
    ],
}
TEST_FORM = {
    "type": "object",
    "properties": {"webhook_url": WEBHOOK_URL},
    "required": ["webhook_url"],
}

SIGN_IN_FORM = {
    "type": "object",
    "properties": {"key": {"type": "string", "description": "The API key."}},
    "required": ["key"],
}

FILE_NAME = rf"^([a-z0-9]+(-[a-z0-9]+)+\.({'|'.join(IMAGE_TYPES)})|output\.csv)$"
NO_NUL = r"^[^\u0000]*$"


def _of_query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _of_path(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**_of_query(name, schema, description), "in": "path", "required": True}


def _of_header(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**_of_query(name, schema, description), "in": "header"}


def _or_empty(parameter: dict[str, Any]) -> dict[str, Any]:
    """One that counts as not given when it is empty, as a browser's forms send it."""
    return {**parameter, "allowEmptyValue": True}


def _status(known: tuple[Any, ...], of: str) -> dict[str, Any]:
    values = {"type": "string", "enum": [str(each) for each in known]}
    return _or_empty(_of_query("status", values, f"Only {of} with this status."))


def _q(searched: str) -> dict[str, Any]:
    text = {"type": "string", "maxLength": parameters.MAX_WORDS, "pattern": NO_NUL}
    return _of_query("q", text, f"A part of {searched}, in any case of letters.")


TEXT = {"type": "string"}
PARAMETERS: dict[str, dict[str, Any]] = {
    "RequestId": _of_path("request_id", {"type": "string", "format": "uuid"}, "Of an upload."),
    "FileName": _of_path(
        "name",
        {"type": "string", "pattern": FILE_NAME, "examples": ["output.csv"]},
        "As in `1-1.jpg`, or `output.csv`.",
    ),
    "Host": _of_path(
        "host",
        {
            **TEXT,
            "maxLength": MAX_HOST,
            "pattern": r"^[^\x00-\x20\s/?#\\@]+$",
            "examples": ["shop.example", "shop.example:8443", "*"],
        },
        "As URLs have it, with the port where they have one; `*` is all work.",
    ),
    "StaticName": _of_path("filename", {**TEXT, "examples": ["page.css"]}, "As in `page.css`."),
    "Limit": _of_query(
        "limit",
        _whole_number(1, parameters.MAX_PAGE, "", default=parameters.PAGE),
        "How many at once.",
    ),
    "After": _of_query(
        "after",
        {"type": "string", "pattern": "^[0-9]{1,9}(-[0-9]{1,9}){1,2}$", "default": "0-0"},
        "The row and position behind which the page begins, as the link `next` has it; with `sort` "
        "it has another number before them.",
    ),
    "Before": _or_empty(
        _of_query(
            "before",
            {"type": "string", "format": "uuid"},
            "The request behind which the page begins, as the link `next` has it.",
        )
    ),
    "RequestStatus": _status(schemas.OF_REQUEST, "requests"),
    "ImageStatus": _status(schemas.OF_IMAGE, "images"),
    "Fault": _or_empty(
        _of_query(
            "fault",
            {"type": "string", "enum": [*Fault]},
            "Only images with this fault, as `faults` of a completed request counts them.",
        )
    ),
    "Sort": _or_empty(
        _of_query(
            "sort",
            {"type": "string", "enum": [*Sort], "default": Sort.ROW},
            "The order of the images: that of the CSV; failed ones and missed targets first; the "
            "least, or the most bytes saved first.",
        )
    ),
    "Target": _or_empty(
        _of_query(
            "target",
            {"type": "string", "enum": [*Target]},
            "The shop into which the images are to be imported; else that of the upload's `for`.",
        )
    ),
    "RequestQ": _q("the file's name"),
    "ImageQ": _q("the serial number, the product's name or the URL"),
    "IdempotencyKey": _of_header(
        idempotency.HEADER,
        {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_KEY, "pattern": r"\S"},
        "A text of your own: an upload that is sent again with it within a day is answered as the "
        "first time, and is no second job.",
    ),
    "IfNoneMatch": _of_header(
        "If-None-Match", TEXT, "An `ETag` that you have: the answer is 304 while it is right."
    ),
    "Range": _of_header("Range", TEXT, "As in `bytes=0-1023`: the answer is 206."),
    **{
        f"Option_{name}": _or_empty(_of_query(name, schema, schema["description"]))
        for name, schema in OPTIONS.items()
    },
}


def _header(
    description: str, kind: str = "string", *, required: bool = False, **schema: Any
) -> dict[str, Any]:
    return {
        "description": description,
        "schema": {"type": kind, **schema},
        **({"required": True} if required else {}),
    }


HEADERS: dict[str, dict[str, Any]] = {  # of responses
    "Location": _header("Where to poll, without the host.", required=True),
    "ETag": _header("For `If-None-Match`.", required=True),
    "Cache-Control": _header("Images are `immutable`; all else is `no-cache`.", required=True),
    "Retry-After": _header("Seconds to wait.", "integer", minimum=0),
    "Content-Disposition": _header("Of the output CSV: named after the upload."),
    "Content-Range": _header("Which bytes of how many.", required=True),
    "Accept-Ranges": _header("`bytes`", required=True),
    "Last-Modified": _header("When the file was written.", required=True),
    "Accept-Encoding": _header("`gzip`"),
    "Allow": _header("The methods there are.", required=True),
    "WWW-Authenticate": _header("`Bearer`", required=True),
    "RateLimit-Limit": _header("Requests of one window.", "integer", minimum=0),
    "RateLimit-Remaining": _header("Requests that are left of it.", "integer", minimum=0),
    "RateLimit-Reset": _header("Seconds until the next.", "integer", minimum=0),
}
