"""JPEG: one factor over jpegli's quantisation tables, found on a sample first."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator

from PIL import Image

from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Found, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

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

# Below a factor of 2.2 fewer pixels lose, above 3 they win on 88 % of the files measured.
FLOOR = math.log2(2.5)
# d log(size) / d log2(factor), the mean over the corpus.
SLOPE = -0.5
# Above this many pixels a solution on a sample costs less than a wrong encode of the whole.
LARGE = 600_000
SAMPLE_OF = 8
STRIP = 16  # pixels: the height of a 4:2:0 block row
# Optimised Huffman tables need all coefficients in memory, 3 bytes a pixel beside the decoded 4;
# above this size that would pass 450 MiB.
LARGEST_OPTIMISED = 40_000_000


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    """The finest JPEG within ``budget``, never finer than the input was."""
    image = picture.image
    given = _factor_of(source.image) if source.format == "jpeg" and picture.scale == 1 else None
    knob = Knob(
        start=_first_guess(given, len(source.original), budget),
        finest=math.log2(given) if given else -3,
        coarsest=max(FLOOR, math.log2(given) if given else FLOOR),
        slope=SLOPE,
    )
    dress = picture.dress()
    if image.width * image.height > LARGE:
        sample, share = _sample(image)
        headers = len(encode(Image.new(image.mode, (16, 16)), 0)) + len(picture.profile)
        on_sample = finest_that_fits(
            lambda x: encode(sample, x), int((budget - headers) * share), knob, tries=3
        )
        if on_sample.best.size > (budget - headers) * share * 1.1:
            return Attempt(
                content=None, size=int(on_sample.best.size / share), method="quality", encodes=0
            )
        knob = _around(on_sample, knob)
    found = finest_that_fits(lambda x: encode(image, x, **dress), budget, knob)
    return Attempt(
        content=found.best.content,
        size=found.best.size,
        method="quality",
        quality=quality_of(2**found.best.x),
        encodes=found.encodes,
    )


def encode(image: Image.Image, x: float, **dress: bytes) -> bytes:
    """One encode with the tables scaled by 2 ** x; 4:2:0 beats 4:4:4 at these sizes."""
    return encoded(
        image,
        "JPEG",
        qtables=[tables(LUMA, 2**x), tables(CHROMA, 2**x)],
        subsampling="4:2:0",
        optimize=image.width * image.height <= LARGEST_OPTIMISED,
        **dress,
    )


def tables(table: tuple[int, ...], factor: float) -> list[int]:
    """The table coarser by ``factor``, within the 1 to 255 of baseline JPEG (T.81, B.2.4.1)."""
    return [min(max(round(entry * factor), 1), 255) for entry in table]


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


def _factor_of(image: Image.Image) -> float:
    """The input's own tables as a factor over ours: the median over the low frequencies."""
    given = getattr(image, "quantization", {}).get(0)
    if not given:
        return 0.1
    ratios = (theirs / ours for theirs, ours in zip(given[:32], LUMA, strict=False))
    return max(float(statistics.median(ratios)), 0.02)


def _first_guess(given: float | None, size: int, budget: int) -> float:
    start = math.log2(given) if given else -0.5
    return start + math.log(budget / size) / SLOPE * 0.8


def _sample(image: Image.Image) -> tuple[Image.Image, float]:
    """Every eighth strip of the picture, and its share of the whole's pixels."""
    tops = range(0, image.height - STRIP + 1, STRIP * SAMPLE_OF)
    sample = Image.new(image.mode, (image.width, STRIP * len(tops)))
    for row, top in enumerate(tops):
        sample.paste(image.crop((0, top, image.width, top + STRIP)), (0, row * STRIP))
    return sample, sample.height / image.height


def _around(on_sample: Found, knob: Knob) -> Knob:
    """The knob for the whole picture, started at what the sample told."""
    return Knob(
        start=on_sample.best.x, finest=knob.finest, coarsest=knob.coarsest, slope=on_sample.slope
    )
