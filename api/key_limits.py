"""What a key may have under way and use in a day; checked when it asks for more work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.authentication import caller
from api.problems import Problem
from api.service import service
from manifest import InvalidCsv
from work_queue.api_keys import ApiKeyRow, Bounds, NoRoom, open_work

LATER = {"Retry-After": "60"}


def room_for_images(wanted: int = 1) -> int:
    """How many more images the caller may have under way.

    Raises a Problem where that is fewer than are wanted, or another limit of its key is reached.
    Work that was taken is always done, so what is used in a day may end a little above its limit.
    """
    who, bounds = caller(), bounds_of_caller()
    if who.key is not None:
        _check_day(who.key)
    work = service().database.read(open_work, who.key_id)
    if bounds.requests is not None and work.requests >= bounds.requests:
        raise of_no_room(NoRoom(of_images=False))
    room = bounds.images - work.images
    if room < wanted:
        raise of_no_room(NoRoom(of_images=True))
    return room


def bounds_of_caller() -> Bounds:
    """What its key may have under way at a time."""
    key, most_images = caller().key, service().settings.max_open_images
    if key is None:
        return Bounds(None, most_images)
    return Bounds(key.max_open_requests, key.max_open_images or most_images)


def of_no_room(full: NoRoom) -> Problem:
    """The Problem where a key has as much under way as it may."""
    bounds = bounds_of_caller()
    if full.of_images:
        sentence = f"At most {bounds.images:,} images of a key may be under way at a time."
        return Problem(429, "too_many_open_images", sentence, headers=LATER)
    sentence = f"At most {bounds.requests:,} requests of this key may be under way at a time."
    return Problem(429, "too_many_open_requests", sentence, headers=LATER)


def of_full_room(error: InvalidCsv, room: int) -> Problem | None:
    """The Problem where an upload was refused because there is no more room for its images."""
    if error.code != "too_many_images" or room >= service().settings.max_images:
        return None
    most = bounds_of_caller().images
    if room < most:
        return of_no_room(NoRoom(of_images=True))
    sentence = f"The upload has more than {most:,} images, the most of a key that may be under way."
    return Problem(413, "too_many_images", sentence)  # to wait would not help


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
