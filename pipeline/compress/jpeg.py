"""JPEG: one factor over jpegli's quantisation tables, found on a sample first."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator

from PIL import Image, JpegImagePlugin

from pipeline.compress import sample
from pipeline.compress.picture import Picture
from pipeline.compress.search import AIM, Attempt, Found, Knob, encoded, finest_that_fits
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

# Scaled all alike, coarse tables would leave flat areas in blocks while bytes still
# go into the finest detail. So above PIVOT (about quality 77) each entry grows by a power of its
# own: less for the mean of a block, more for each higher frequency. At equal bytes that scored 4
# points more at quality 40 to 60 and 9 to 16 below (46 files); a mean of 0.3 to 0.6 and slopes of
# 0.07 to 0.15 score the same.
PIVOT = -1.0
GROWTH = (0.4, *(0.9 + 0.1 * (n // 8 + n % 8) for n in range(1, 64)))

# Below a factor of 2.2 fewer pixels lose, above 3 they win on 88 % of the files measured.
FLOOR, COARSEST = math.log2(2.5), 3.0
FINEST = -6.0
# d log(size) / d log2(factor): the mean over 105 solutions on 60 files.
SLOPE = -0.55
# A least-squares fit on the same: the factor that reaches a share of the input's bytes, from the
# input's own factor. Its error is 0.36, or 20 % of the bytes.
GUESS, GUESS_PER_GIVEN, GUESS_PER_SHARE = 0.2, 0.95, -1.8
# Below this factor (quality 95) halving the chroma's resolution costs more than its bytes are
# worth: 4:4:4 then scored 4 to 22 points more, and above it 0 to 8 points less.
FINE_ENOUGH_FOR_444 = -3.0
BLOCK = 16  # pixels: the height of a row of 4:2:0 blocks
# Optimised Huffman tables need all coefficients in memory, 3 bytes a pixel beside the decoded 4;
# above this size that would pass 450 MiB.
LARGEST_OPTIMISED = 40_000_000


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    """The finest JPEG within ``budget``, never finer than the input was."""
    found = _search(picture, budget, _knob(picture, budget, source), "4:2:0")
    if found.best.x <= FINE_ENOUGH_FOR_444 and _is_444(source):
        found = _search(picture, budget, _knob(picture, budget, source), "4:4:4")
    acceptable = found.best.x <= max(FLOOR, _factor(source))
    return found.attempt("quality", quality_of(2**found.best.x), acceptable=acceptable)


def _search(picture: Picture, budget: int, knob: Knob, chroma: str) -> Found:
    image = picture.image
    if sample.is_large(image):
        part, share = sample.strips(image, BLOCK)
        headers = len(encode(Image.new(image.mode, (BLOCK, BLOCK)), 0, chroma))
        bytes_of_part = int((budget - headers - len(picture.profile)) * share)
        told = finest_that_fits(lambda x: encode(part, x, chroma), bytes_of_part, knob)
        knob = told.around(knob)
    dress = picture.dress()
    return finest_that_fits(lambda x: encode(image, x, chroma, **dress), budget, knob)


def encode(image: Image.Image, x: float, chroma: str, **dress: bytes) -> bytes:
    """One encode with the tables scaled by 2 ** x."""
    return encoded(
        image,
        "JPEG",
        qtables=[table(LUMA, x), table(CHROMA, x)],
        subsampling=chroma,
        optimize=image.width * image.height <= LARGEST_OPTIMISED,
        **dress,
    )


def table(entries: tuple[int, ...], x: float) -> list[int]:
    """The entries coarser by 2 ** x, within the 1 to 255 of baseline JPEG (T.81, B.2.4.1)."""
    even, above = 2 ** min(x, PIVOT), max(x - PIVOT, 0.0)
    return [
        min(max(round(entry * even * 2 ** (above * growth)), 1), 255)
        for entry, growth in zip(entries, GROWTH, strict=True)
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
    size = len(strip(source.original, b"")) if source.format == "jpeg" else len(source.original)
    share = AIM * budget / size / picture.scale**2
    start = GUESS + GUESS_PER_GIVEN * given + GUESS_PER_SHARE * math.log(share)
    finest = given if picture.scale == 1 else FINEST
    return Knob(start=start, finest=finest, coarsest=max(COARSEST, given), slope=SLOPE)


def _factor(source: Source) -> float:
    """The binary logarithm of how much coarser than ours the input's luma table is.

    The median over the low frequencies; the finest there is for a source that is no JPEG.
    """
    given = getattr(source.image, "quantization", {}).get(0) or [0]
    ratio = statistics.median(theirs / ours for theirs, ours in zip(given[:32], LUMA, strict=False))
    return max(math.log2(ratio), FINEST) if ratio else FINEST


def _is_444(source: Source) -> bool:
    """Whether the input's chroma has the luma's resolution; so has any source but a JPEG."""
    return source.format != "jpeg" or JpegImagePlugin.get_sampling(source.image) == 0
