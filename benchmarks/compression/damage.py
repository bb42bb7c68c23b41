"""Whether people would call a compressed picture damaged, judged from the two files alone.

It shares no code with `compress/damage.py`, which refuses damaged results while they are made: a
fault there must show here.
"""

from __future__ import annotations

import io

import numpy as np
import zxingcpp
from PIL import Image

from benchmarks.compression.similarity import number_of_frames, resized, shown
from tests.unit.picture_measures import number_of_colours, seen_colours

MAX_COLOURS = 256  # of a drawing
MAX_MOVE = 12  # CIE76, of which 2.3 is just noticeable
MAX_ALPHA_CHANGE = 4  # the mean, of 255
MIN_SCORE = 50
QUIET_ZONE = 20  # pixels of white around a code


def damage(original: bytes, content: bytes, score: float) -> list[str]:
    """The reasons to call it damaged, of pixels, colours, alpha, score and code.

    Photos and animations may lose pixels, and score little: that is the price of half the bytes.
    """
    before, after = shown(original), shown(content)
    found = {
        "colours": colours_change(before, after),
        "alpha": alpha_changes(before, after),
        "code": not read_codes(before) <= read_codes(after),
    }
    if not is_photo_or_animation(original, before):
        found["pixels"] = after.width * after.height < before.width * before.height
        found["score"] = score < MIN_SCORE
    return [reason for reason, holds in found.items() if holds]


def is_photo_or_animation(original: bytes, before: Image.Image) -> bool:
    """A PNG is neither, nor is a WebP of few colours."""
    file_format = Image.open(io.BytesIO(original)).format
    is_photo = file_format in ("JPEG", "MPO", "AVIF") or (
        file_format == "WEBP" and number_of_colours(_pixels(before)) > MAX_COLOURS
    )
    return is_photo or number_of_frames(original) > 1


def colours_change(before: Image.Image, after: Image.Image) -> bool:
    """Whether a seen colour of a drawing moved too far, or two became one."""
    was, now = _pixels(before), _pixels(resized(after, before.size))
    if number_of_colours(was) > MAX_COLOURS:
        return False
    colours = seen_colours(was, now)
    return len(colours.before) > 0 and bool(colours.moves().max() > MAX_MOVE or colours.merged())


def alpha_changes(before: Image.Image, after: Image.Image) -> bool:
    was, now = (_pixels(each)[:, 3].astype(int) for each in (before, resized(after, before.size)))
    return bool(abs(was - now).mean() > MAX_ALPHA_CHANGE)


def read_codes(image: Image.Image) -> set[tuple[str, str]]:
    """The kind and text of each QR or bar code that a scanner reads, on a white page."""
    page = Image.new("RGBA", [side + 2 * QUIET_ZONE for side in image.size], "white")
    page.alpha_composite(image.convert("RGBA"), (QUIET_ZONE, QUIET_ZONE))
    return {(str(code.format), code.text) for code in zxingcpp.read_barcodes(page.convert("L"))}


def _pixels(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.asarray(image.convert("RGBA")).reshape(-1, 4)
