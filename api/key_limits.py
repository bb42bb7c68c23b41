"""What a key may have under way and use in a day; checked when it asks for more work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.authentication import caller
from api.problems import Problem
from api.service import service
from manifest import InvalidCsv
from work_queue.api_keys import ApiKeyRow, open_work

LATER = {"Retry-After": "60"}


def room_for_images() -> int:
    """How many more images the caller may have under way.

    Raises a Problem where that is none, or another limit of its key is reached. Work that was taken
    is always done, so what is used in a day may end a little above its limit.
    """
    my, who = service(), caller()
    if who.key is not None:
        _check_day(who.key)
    most_requests = who.key and who.key.max_open_requests
    work = my.database.read(open_work, who.key_id)
    if most_requests and work.requests >= most_requests:
        sentence = f"{work.requests} requests are under way, as many as this key may have."
        raise Problem(429, "too_many_open_requests", sentence, headers=LATER)
    room = _most_images() - work.images
    if room <= 0:
        raise _too_many_images(f"{work.images:,} images are under way")
    return room


def of_full_room(error: InvalidCsv, room: int) -> Problem | None:
    """The Problem where an upload was refused because there is no more room for its images."""
    if error.code != "too_many_images" or room >= service().settings.max_images:
        return None
    return _too_many_images(f"There is room for {room:,} more images, and the upload has more")


def _most_images() -> int:
    key = caller().key
    own = key and key.max_open_images
    return own or service().settings.max_open_images


def _too_many_images(what: str) -> Problem:
    sentence = f"{what}: at most {_most_images():,} may be under way at a time."
    return Problem(429, "too_many_open_images", sentence, headers=LATER)


def _check_day(key: ApiKeyRow) -> None:
    used = key.used_today
    reached = {
        f"{key.bytes_per_day or 0:,} bytes": (used.bytes, key.bytes_per_day),
        f"{key.cpu_seconds_per_day or 0:,} s of CPU": (used.cpu_ms / 1000, key.cpu_seconds_per_day),
    }
    for what, (amount, limit) in reached.items():
        if limit is not None and amount >= limit:
            sentence = f"The images of this key have used {what} today, as much as they may."
            headers = {"Retry-After": str(_seconds_left_today())}
            raise Problem(429, "daily_limit", sentence, headers=headers)


def _seconds_left_today() -> int:
    now = datetime.now(UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((tomorrow - now).total_seconds()) + 1
