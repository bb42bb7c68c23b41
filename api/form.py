"""The fields of an upload, checked: each wrong one is a 422 that names it."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, NamedTuple

from api.problems import Problem
from manifest import ReadingOptions, url_cells
from manifest.columns import MAX_COLUMN_NAME
from manifest.workbook import MAX_SHEET_NAME
from shops import SHOPS, Target
from work_queue.intake import NewRequest
from work_queue.models import MAX_READING, MAX_URL_COLUMN, MAX_WEBHOOK_URL

FORMATS = ("keep", "jpeg", "png", "webp", "avif", "compatible")
ON_ERROR = ("refuse", "skip")
NAMES = ("position", "sku", "name", "source")
MAX_SIDE = 100_000  # pixels
MAX_BYTES = 1_000_000_000
MAX_SHOWN, MAX_WRONG = 50, 20  # characters of a name, and wrong fields in one response
FILE_FIELDS = ("file", "csv", "csv_file", "csvFile")
IGNORED = {"file", "csv", "csv_file"}  # a file that was sent as a text is missed by upload()
SEVERAL = {"url_column"}  # fields that may be given more than once
Parse = Callable[[str | None, str], Any]
BOOLEANS = {"1": True, "true": True, "yes": True, "on": True}
BOOLEANS |= {"0": False, "false": False, "no": False, "off": False}


class Upload(NamedTuple):
    """What is asked of an upload."""

    new: NewRequest
    reading: ReadingOptions
    is_dry_run: bool
    source_url: str | None


def upload(file_name: str, fields: Iterable[tuple[str, str]]) -> Upload:
    """A request of this moment with the options of a form; fields left empty take the default.

    Raises a Problem that names all fields that are wrong or unknown.
    """
    given: dict[str, list[str]] = {}
    for sent_name, value in fields:
        if value.strip():
            given.setdefault(_snake(sent_name), []).append(value.strip())
    wrong = [_unknown(name) for name in given.keys() - FIELDS.keys() - IGNORED]
    options = {}
    for name, parse in FIELDS.items():
        try:
            options[name] = _parsed(parse, name, given.get(name, []))
        except Problem as problem:
            wrong.append(problem)
    if wrong:
        raise _all_of(sorted(wrong, key=lambda problem: str(problem.extra["field"])))
    is_dry_run, reading = options.pop("dry_run"), _reading(options)
    preset, source_url = options.pop("for"), options.pop("source_url")
    if preset is not None:
        options |= _suiting(preset, given.keys())
    new = NewRequest(
        public_id=uuid.uuid4(),
        file_name=file_name,
        reading=reading.as_json(),
        preset=preset,
        **options,
    )
    return Upload(new, reading, is_dry_run, source_url)


def has_source(fields: Iterable[tuple[str, str]]) -> bool:
    """Whether a table is to be fetched."""
    return any(_snake(name) == "source_url" and value.strip() for name, value in fields)


def _parsed(parse: Parse, name: str, values: Sequence[str]) -> Any:
    if name in SEVERAL:
        return tuple(parse(value, name) for value in values)
    return parse(values[0] if values else None, name)


def _suiting(shop: Target, given: Set[str]) -> dict[str, Any]:
    """The options that suit a shop, but for those that were given."""
    return {name: value for name, value in SHOPS[shop].options.items() if name not in given}


def _reading(options: dict[str, Any]) -> ReadingOptions:
    """Takes those that say how the CSV is read."""
    reading = ReadingOptions(
        serial_column=options.pop("serial_column"),
        name_column=options.pop("name_column"),
        url_columns=options.pop("url_column"),
        base_url=options.pop("base_url"),
        skips_problems=options.pop("on_error") == "skip",
        sheet=options.pop("sheet"),
    )
    if url_cells.is_longer(reading.as_json(), MAX_READING):
        raise _wrong("url_column", "has names that are too long together.")
    return reading


def _unknown(name: str) -> Problem:
    known = [each for each in FIELDS if each != name]
    nearest = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f"; the fields are {', '.join(known)}."
    shown = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
    return Problem(422, "unknown_field", f"There is no field {shown}{hint}", field=shown)


def _all_of(wrong: Sequence[Problem]) -> Problem:
    if len(wrong) == 1:
        return wrong[0]
    errors = [
        {"code": each.code, "field": each.extra["field"], "message": each.detail} for each in wrong
    ]
    details = " ".join(each.detail for each in wrong[:MAX_WRONG])
    return Problem(422, "invalid_fields", details, errors=errors[:MAX_WRONG])


def _snake(name: str) -> str:
    """``webhookUrl`` is ``webhook_url``, and so with all of them."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _wrong(field: str, reason: str) -> Problem:
    return Problem(422, f"invalid_{field}", f"The field {field} {reason}", field=field)


def _name(most: int) -> Parse:
    def parse(text: str | None, field: str) -> str | None:
        if text is not None and url_cells.is_longer(text, most):
            raise _wrong(field, f"is longer than {most} characters.")
        return text

    return parse


def _base_url(url: str | None, field: str) -> str | None:
    """Joined to names that users give, so it is checked as each URL that comes of it is."""
    url = webhook_url(url, field)
    if url and set(url) & set("?#"):
        raise _wrong(field, "is what stands before a file's name: without ? and #.")
    return url


def webhook_url(url: str | None, field: str = "webhook_url") -> str | None:
    """Only its form: the address behind it is judged when it is connected to, each time."""
    if url is None:
        return None
    if reason := url_cells.reason_against(url):
        raise _wrong(field, reason[1])
    if url_cells.is_longer(url, MAX_WEBHOOK_URL):
        raise _wrong(field, f"is longer than {MAX_WEBHOOK_URL} characters.")
    return url


def _one_of(values: Sequence[str]) -> Parse:
    """The first one where none is given."""

    def parse(text: str | None, field: str) -> str:
        value = (text or values[0]).lower()
        if value not in values:
            raise _wrong(field, f"must be one of {', '.join(values)}.")
        return value

    return parse


def _shop(text: str | None, field: str) -> Target | None:
    if text is None:
        return None
    try:
        return Target(text.lower())
    except ValueError:
        raise _wrong(field, f"must be one of {', '.join(Target)}.") from None


def _boolean(text: str | None, field: str) -> bool:
    text = (text or "0").lower()
    if text not in BOOLEANS:
        raise _wrong(field, f"must be one of {', '.join(BOOLEANS)}.")
    return BOOLEANS[text]


def _integer(least: int, most: int, default: int | None = None) -> Parse:
    def parse(text: str | None, field: str) -> int | None:
        number = default if text is None else whole_number(text, least, most)
        if number is None and text is not None:
            raise _wrong(field, f"must be a whole number from {least} to {most}.")
        return number

    return parse


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that a text is, or None where it is none or out of bounds, however long it is."""
    digits = text.lstrip("0") or text[:1]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))):
        return None
    return int(digits) if least <= int(digits) <= most else None


FIELDS: dict[str, Parse] = {
    # How the CSV is read, together in one column of the database.
    "serial_column": _name(MAX_COLUMN_NAME),
    "name_column": _name(MAX_COLUMN_NAME),
    "url_column": _name(MAX_URL_COLUMN),
    "base_url": _base_url,
    "on_error": _one_of(ON_ERROR),
    "sheet": _name(MAX_SHEET_NAME),
    "dry_run": _boolean,
    # In place of a file.
    "source_url": webhook_url,
    # Gives defaults to the others.
    "for": _shop,
    # The others have the name of the column that holds them.
    "webhook_url": webhook_url,
    "reduce_by": _integer(1, 95, 50),
    "format": _one_of(FORMATS),
    "max_width": _integer(1, MAX_SIDE),
    "max_height": _integer(1, MAX_SIDE),
    "max_bytes": _integer(1, MAX_BYTES),
    "keep_dimensions": _boolean,
    "names": _one_of(NAMES),
}
