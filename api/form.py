"""The fields of an upload, checked: each wrong one is a 422 that names it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from api.problems import Problem
from manifest import url_cells
from work_queue.intake import NewRequest
from work_queue.models import MAX_URL_COLUMN, MAX_WEBHOOK_URL

FORMATS = ("keep", "jpeg", "png", "webp", "avif")
MAX_SIDE = 100_000  # pixels
MAX_BYTES = 1_000_000_000
BOOLEANS = {"1": True, "true": True, "yes": True, "on": True}
BOOLEANS |= {"0": False, "false": False, "no": False, "off": False}


def new_request(file_name: str, form: Mapping[str, str]) -> NewRequest:
    """A request of this moment with the options of a form; fields left empty take the default."""
    given = {_snake(name): value.strip() for name, value in form.items() if value.strip()}
    return NewRequest(
        public_id=uuid.uuid4(),
        file_name=file_name,
        url_column=_url_column(given.get("url_column")),
        webhook_url=webhook_url(given.get("webhook_url")),
        reduce_by=_integer(given, "reduce_by", 1, 95) or 50,
        format=_format(given.get("format", "keep")),
        max_width=_integer(given, "max_width", 1, MAX_SIDE),
        max_height=_integer(given, "max_height", 1, MAX_SIDE),
        max_bytes=_integer(given, "max_bytes", 1, MAX_BYTES),
        keep_dimensions=_boolean(given, "keep_dimensions"),
    )


def _snake(name: str) -> str:
    """``webhookUrl`` is ``webhook_url``, and so with all of them."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _wrong(field: str, reason: str) -> Problem:
    return Problem(422, f"invalid_{field}", f"The field {field} {reason}", field=field)


def _url_column(text: str | None) -> str | None:
    if text is not None and url_cells.is_longer(text, MAX_URL_COLUMN):
        raise _wrong("url_column", f"is longer than {MAX_URL_COLUMN} characters.")
    return text


def webhook_url(url: str | None) -> str | None:
    """Only its form: the address behind it is judged when it is connected to, each time."""
    if url is None:
        return None
    if reason := url_cells.reason_against(url):
        raise _wrong("webhook_url", reason[1])
    if url_cells.is_longer(url, MAX_WEBHOOK_URL):
        raise _wrong("webhook_url", f"is longer than {MAX_WEBHOOK_URL} characters.")
    return url


def _format(name: str) -> str:
    if name.lower() not in FORMATS:
        raise _wrong("format", f"must be one of {', '.join(FORMATS)}.")
    return name.lower()


def _boolean(form: Mapping[str, str], field: str) -> bool:
    text = form.get(field, "0").lower()
    if text not in BOOLEANS:
        raise _wrong(field, f"must be one of {', '.join(BOOLEANS)}.")
    return BOOLEANS[text]


def _integer(form: Mapping[str, str], field: str, least: int, most: int) -> int | None:
    text = form.get(field)
    if text is None:
        return None
    number = whole_number(text, least, most)
    if number is None:
        raise _wrong(field, f"must be a whole number from {least} to {most}.")
    return number


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that a text is, or None where it is none or out of bounds, however long it is."""
    digits = text.lstrip("0") or text[:1]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))):
        return None
    return int(digits) if least <= int(digits) <= most else None
