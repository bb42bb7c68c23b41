"""Parameters of a URL, checked: each wrong one is a 400 that says what it must be."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from api.form import whole_number
from api.poll_pace import MIN_SECONDS
from api.problems import Problem

Choice = TypeVar("Choice", bound=StrEnum)

PAGE, MAX_PAGE = 100, 1000  # images, or requests, of one response
MAX_WORDS = 200  # characters of a search
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


def not_found(public_id: uuid.UUID) -> Problem:
    return Problem(404, "request_not_found", f"There is no request {public_id}.")


def not_completed() -> Problem:
    """The problem of a client that asks before the request is completed."""
    sentence = "This is made when the request is completed."
    headers = {"Retry-After": str(MIN_SECONDS)}
    return Problem(409, "request_not_completed", sentence, headers=headers)


def query(given: Mapping[str, Any]) -> str:
    """The query of a link, without what is None."""
    return urlencode({name: value for name, value in given.items() if value is not None})


def one_of(name: str, known: Iterable[Choice]) -> Choice | None:
    """A parameter with one of these values, in any case of letters; None where it is not there."""
    text = request.args.get(name)
    if not text:
        return None
    by_key = {each.lower(): each for each in known}
    if text.lower() not in by_key:
        raise Problem(400, f"invalid_{name}", f"{name} is one of {', '.join(by_key.values())}.")
    return by_key[text.lower()]


def words() -> str | None:
    """What is searched for; None where nothing is."""
    text = request.args.get("q", "").strip()
    if len(text) > MAX_WORDS or "\0" in text:
        raise Problem(400, "invalid_q", f"q is a text of up to {MAX_WORDS} characters.")
    return text or None


def before() -> uuid.UUID | None:
    """The request behind which a page of the list begins."""
    text = request.args.get("before")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise Problem(400, "invalid_before", "before is what the link `next` gave.") from None


def limit() -> int:
    """How many are asked for at once."""
    number = whole_number(request.args.get("limit", str(PAGE)), 1, MAX_PAGE)
    if number is None:
        raise Problem(400, "invalid_limit", f"limit is a whole number from 1 to {MAX_PAGE}.")
    return number


def after(numbers: int) -> tuple[int, ...]:
    """The place behind which a page begins, in so many numbers, as in 100-1: (row, position)."""
    text = request.args.get("after", "-".join(["0"] * numbers))
    if not re.fullmatch(rf"\d{{1,10}}(-\d{{1,9}}){{{numbers - 1}}}", text, re.ASCII):
        raise Problem(400, "invalid_after", "after is what the link `next` gave, as in 100-1.")
    return tuple(map(int, text.split("-")))
