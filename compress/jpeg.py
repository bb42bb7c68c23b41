"""JPEG: one factor over jpegli's quantisation tables, found on a sample first."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image, JpegImagePlugin

from compress import probe
from compress.decoded_image import Picture
from compress.input_image import Source
from compress.quality_search import (
    Attempt,
    Knob,
    encoded,
    finest_that_fits,
    told,
)

# The tables jpegli (libjxl, BSD-3-Clause) uses at quality 60, in natural order. At equal bytes
# they scored 7.5 points of SSIMULACRA 2 more than the standard's (benchmarks/compression.py).
LUMA = (
    10, 9, 17, 17, 26, 27, 30, 30, 9, 12, 17, 19, 27, 25, 32, 32,
    17, 17, 20, 23, 27, 31, 30, 33, 17, 19, 23, 27, 33, 35, 35, 36,
    26, 27, 27, 33, 36, 39, 44, 43, 27, 25, 31, 35, 39, 43, 40, 48,
    30, 32, 30, 35, 44, 40, 43, 42, 30, 32, 33, 36, 43, 48, 42, 34,
)  # fmt: skip
CHROMA = (
    9, 7, 15, 14, 21, 20, 23, 25, 7, 11, 15, 14, 19, 17, 22, 23,
    15, 15, 17, 15, 18, 20, 21, 24, 14, 14, 15, 17, 21, 20, 21, 25,
    21, 19, 18, 21, 17, 25, 19, 24, 20, 17, 20, 20, 25, 22, 25, 37,
    23, 22, 21, 21, 19, 25, 40, 36, 25, 23, 24, 25, 24, 37, 36, 255,
)  # fmt: skip

# Scaled all alike, coarse tables would leave flat areas in blocks while bytes still
# go into the finest detail. So above PIVOT (about quality 77) each entry grows by a power of its
# own: less for the mean of a block, more for each higher frequency. At equal bytes that scored 4
# points more at quality 40 to 60 and 9 to 16 below (46 files); a mean of 0.3 to 0.6 and slopes of
# 0.07 to 0.15 score the same.
PIVOT = -1.0
STEPS = 32  # of the exponent; one is 2 % of the bytes
GROWTH = (0.4, *(0.9 + 0.1 * (n // 8 + n % 8) for n in range(1, 64)))

# With these tables fewer pixels lose up to a factor of 2 ** 2.5 (on 60 % of the files at 2 ** 2)
# and win above.
FLOOR, COARSEST = 2.5, 5.0
FINEST = -6.0
# d log(size) / d x over 250 files: at one bit a pixel, and its change with the logarithm of these.
SLOPE, SLOPE_PER_BITS, FLATTEST = -0.62, -0.14, -0.3
# A least-squares fit on the same: the x that reaches 46 % of the input's bytes, from the input's
# own (see _factor) and its chroma's resolution. Half of the time it is within 6 % of the bytes.
GUESS, GUESS_PER_GIVEN, GUESS_OF_CHROMA = 1.14, 0.69, {0: -0.4, 1: -0.23}  # 4:4:4, 4:2:2
# Below this factor (quality 95) halving the chroma's resolution costs more than its bytes are
# worth: 4:4:4 then scored 4 to 22 points more, and above it 0 to 8 points less.
FINE_ENOUGH_FOR_444, COST_OF_444 = -3.0, 0.6
# Everything from 40 % of the input on is taken, for 45 %: a second encode would cost a third more.
GOOD_ENOUGH = 0.8
# A sample of strips this high tells 6 to 9 % too much, as its chroma is mixed from two strips, with
# a deviation of 4 %; strips of double the height tell the mean, with a deviation of 6 %.
STRIP, SAID_TOO_LARGE = 8, 1.07
# Beyond this error, in log(size), a second encode of the sample is worth its time.
NEAR = 0.2
HEADERS = 330  # bytes, with Huffman tables that are optimised
# Below this many pixels a guess that misses costs less than a sample for all.
WORTH_A_SAMPLE = 150_000
# Optimised Huffman tables need all coefficients in memory, 3 bytes a pixel beside the decoded 4;
# above this size that would pass 450 MiB.
LARGEST_OPTIMISED = 40_000_000


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    """The finest JPEG within ``budget``, never finer than the input was.

    Without an encode of the whole where a sample tells that it would be below the floor.
    """
    floor, large = max(FLOOR, _factor(source)), picture.pixels > WORTH_A_SAMPLE
    sampled = large or source.format != "jpeg"
    knob, chroma = _knob(picture, budget, source), "4:2:0"
    if sampled:
        knob = _told_by_part(picture, budget, knob, chroma)
    if large and knob.start > floor:
        return _below_floor(knob, floor, budget)
    if knob.start <= FINE_ENOUGH_FOR_444 and _is_444(source):
        knob, chroma = replace(knob, start=knob.clamp(knob.start + COST_OF_444)), "4:4:4"
        knob = _told_by_part(picture, budget, knob, chroma) if sampled else knob
    dress = picture.dress()
    found = finest_that_fits(lambda x: encode(picture.image, x, chroma, **dress), budget, knob)
    acceptable = large or found.best.x <= floor
    return found.attempt("quality", quality_of(2**found.best.x), acceptable=acceptable)


def _told_by_part(picture: Picture, budget: int, knob: Knob, chroma: str) -> Knob:
    part, share = probe.strips(picture.image, STRIP)
    part_budget = (budget - len(picture.profile) - HEADERS) * share * SAID_TOO_LARGE + HEADERS
    return told(lambda x: encode(part, x, chroma), round(part_budget), knob, tries=2, near=NEAR)


def _below_floor(knob: Knob, floor: float, budget: int) -> Attempt:
    """No encode, where the knob would start coarser than the floor; the size at the floor."""
    size = round(budget * math.exp(knob.slope * (floor - knob.start)))
    return Attempt(content=None, size=size, method="quality", encodes=0, acceptable=False)


def encode(image: Image.Image, x: float, chroma: str, **dress: bytes) -> bytes:
    """One encode with the tables scaled by 2 ** x."""
    return encoded(
        image,
        "JPEG",
        qtables=tables(round(x * STEPS)),
        subsampling=chroma,
        optimize=image.width * image.height <= LARGEST_OPTIMISED,
        **dress,
    )


@functools.cache
def tables(steps: int) -> list[list[int]]:
    """Luma and chroma coarser by 2 ** (steps / STEPS), within baseline JPEG's 1 to 255."""
    x = steps / STEPS
    even, above = 2 ** min(x, PIVOT), max(x - PIVOT, 0.0)
    factors = [even * 2 ** (above * growth) for growth in GROWTH]
    return [
        [
            min(max(round(entry * factor), 1), 255)
            for entry, factor in zip(table, factors, strict=True)
        ]
        for table in (LUMA, CHROMA)
    ]


def quality_of(factor: float) -> int:
    """libjpeg's quality for a factor: 1 is about quality 60, which scales its tables by 80 %."""
    percent = 80 * factor
    quality = 100 - percent / 2 if percent < 100 else 5000 / percent
    return min(max(round(quality), 1), 100)


def strip(original: bytes, exif: bytes) -> bytes:
    """The same coefficients without any segment that does not change the look.

    Kept are JFIF without its thumbnail, Adobe's colour transform and the profile; what follows
    the end of the image is cut off. ``exif`` takes the place of the input's.
    """
    app1 = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif if exif else b""
    parts = [b"\xff\xd8", app1]
    for marker, segment in _segments(original):
        if marker == 0xE0 and segment[4:9] == b"JFIF\0":
            segment = b"\xff\xe0\0\x10" + segment[4:16] + b"\0\0"
        if _changes_the_look(marker, segment):
            parts.append(segment)
    return b"".join(parts)


def _changes_the_look(marker: int, segment: bytes) -> bool:
    if marker in (0xE0, 0xEE):
        return segment[4:9] in (b"JFIF\0", b"Adobe")
    if marker == 0xE2:
        return segment[4:16] == b"ICC_PROFILE\0"
    return not 0xE0 <= marker <= 0xEF and marker != 0xFE


def _segments(original: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes) up to and with the end of image; a scan comes with its data."""
    at = 2
    while at + 4 <= len(original):
        marker = original[at + 1]
        end = at + 2 + int.from_bytes(original[at + 2 : at + 4])
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA:
            found = re.compile(rb"\xff[^\0\xd0-\xd7\xff]").search(original, end)
            end = found.start() if found else len(original)
        yield marker, original[at:end]
        at = end
        if original[at : at + 2] == b"\xff\xd9":
            break
    yield 0xD9, b"\xff\xd9"


def _knob(picture: Picture, budget: int, source: Source) -> Knob:
    """Between the input's own tables and the coarsest; started where its bytes tell."""
    given = _factor(source)
    slope = min(SLOPE + SLOPE_PER_BITS * math.log(8 * budget / picture.pixels), FLATTEST)
    share = budget / source.bare / picture.scale**2
    start = GUESS + GUESS_PER_GIVEN * given + math.log(share / 0.51) / slope
    if source.format == "jpeg":
        start += GUESS_OF_CHROMA.get(JpegImagePlugin.get_sampling(source.image), 0.0)
    finest = given if picture.scale == 1 else FINEST
    coarsest = max(COARSEST, given)
    start = min(max(start, finest), coarsest)
    return Knob(start=start, finest=finest, coarsest=coarsest, slope=slope, good_enough=GOOD_ENOUGH)


def _factor(source: Source) -> float:
    """How much coarser than ours the input's luma table is, as an exponent of 2.

    From the harmonic mean of the factors, so that the fine entries, which cost the bytes, count
    most; the finest there is for a source that is no JPEG.
    """
    given = getattr(source.image, "quantization", {}).get(0)
    if not given or 0 in given:
        return FINEST
    finer = sum(ours / theirs for theirs, ours in zip(given, LUMA, strict=False)) / len(given)
    return min(max(-math.log2(finer), FINEST), -FINEST)


def _is_444(source: Source) -> bool:
    """Whether the input's chroma has the luma's resolution; so has any source but a JPEG."""
    return source.format != "jpeg" or JpegImagePlugin.get_sampling(source.image) == 0
