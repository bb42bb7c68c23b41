"""Parameters of a URL, checked: each wrong one is a 400 that says what it must be."""

from __future__ import annotations

import re
import uuid

from flask import request

from api.form import whole_number
from api.problems import Problem

PAGE, MAX_PAGE = 100, 1000  # images of one response
MAX_ID = len("urn:uuid:") + len("{}") + 36  # of a UUID, as Python reads it


def request_uuid(text: str) -> uuid.UUID:
    """The id in a path. Raises a Problem: 404 for what is too long to be one, else 400."""
    if len(text) > MAX_ID:
        raise Problem(404, "request_not_found", "There is no request with such an id.")
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Problem(
            400, "invalid_request_id", "A request id is a UUID, as POST /upload answers it."
        ) from None


def limit() -> int:
    """How many images are asked for at once."""
    number = whole_number(request.args.get("limit", str(PAGE)), 1, MAX_PAGE)
    if number is None:
        raise Problem(400, "invalid_limit", f"limit is a whole number from 1 to {MAX_PAGE}.")
    return number


def after() -> tuple[int, int]:
    """The (row, position) behind which a page begins."""
    parts = re.fullmatch(r"(\d{1,9})-(\d{1,9})", request.args.get("after", "0-0"), re.ASCII)
    if parts is None:
        raise Problem(400, "invalid_after", "after is what the link `next` gave, as in 100-1.")
    return int(parts[1]), int(parts[2])
