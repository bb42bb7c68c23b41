"""JPEG: the finest quantisation tables that fit, and metadata removed without decoding.

The formulas and their constants are in ``jpeg_model``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image, JpegImagePlugin

from compress import jpeg_model as model
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, save_to_bytes
from compress.input_image import InputImage
from compress.quality_search import SearchRange, finest_that_fits, start_from_sample
from compress.sampling import sample_strips

# Optimised Huffman tables need all coefficients in memory: 3 bytes for each pixel, beside 4 of the
# decoded image. Above this many pixels that would be more than 450 MiB.
MAX_OPTIMISED = 40_000_000


def encode_jpeg(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    """The finest JPEG within ``budget``, never finer than the input was.

    Without content where a sample of a large image predicts a quality below the floor.
    """
    floor = max(model.FLOOR, _input_coarseness(source))
    is_large = image.pixels > model.WORTH_A_SAMPLE
    search_range, chroma = _search_range(image, budget, source), _chroma(image)
    search_range = _corrected_by_sample(image, budget, source, search_range, chroma)
    if is_large and search_range.start > floor and source.may_lose_pixels:
        return _below_floor(search_range, floor, budget)
    is_fine = search_range.start <= model.MAX_X_FOR_444
    if is_fine and chroma == "4:2:0" and _has_full_chroma(source):
        start, chroma = search_range.clamp(search_range.start + model.X_OF_444), "4:4:4"
        search_range = replace(search_range, start=start)
        search_range = _corrected_by_sample(image, budget, source, search_range, chroma)
    options = image.save_options()
    result = finest_that_fits(
        lambda x: _encode(image.first_frame, x, chroma, **options), budget, search_range
    )
    x = result.best.coarseness
    quality = model.equivalent_quality(x)
    return result.encoding("quality", quality, acceptable=is_large or x <= floor)


def _chroma(image: DecodedImage) -> str:
    """Half the resolution for chroma. In CMYK the same three channels are inks, one of which may
    alone make an edge: at equal bytes they score 10 points more at full resolution."""
    return "4:4:4" if image.first_frame.mode == "CMYK" else "4:2:0"


def _search_range(image: DecodedImage, budget: int, source: InputImage) -> SearchRange:
    """From the tables of the input to the coarsest; ``start`` guessed from the input's bytes."""
    input_x = _input_coarseness(source)
    slope = model.slope_at(8 * budget / image.pixels)
    share = budget / source.size_without_metadata / image.scale**2
    start = model.first_guess(input_x, _subsampling(source), share, slope)
    finest = input_x if image.scale == 1 else model.FINEST
    coarsest = max(model.COARSEST, input_x)
    return SearchRange(
        start=min(max(start, finest), coarsest),
        finest=finest,
        coarsest=coarsest,
        slope=slope,
        good_enough=model.GOOD_ENOUGH,
    )


def _corrected_by_sample(
    image: DecodedImage, budget: int, source: InputImage, search_range: SearchRange, chroma: str
) -> SearchRange:
    """With ``start`` from a sample; unchanged for a small JPEG, where the guess is good enough."""
    if source.format == "jpeg" and image.pixels <= model.WORTH_A_SAMPLE:
        return search_range
    sample, share = sample_strips(image.first_frame, model.SAMPLE_ROWS)
    return start_from_sample(
        lambda x: _encode(sample, x, chroma),
        model.sample_budget(budget, len(image.profile), share),
        search_range,
        max_encodes=2,
        tolerance=model.SAMPLE_TOLERANCE,
    )


def _below_floor(search_range: SearchRange, floor: float, budget: int) -> Encoding:
    """Not encoded, because the start is coarser than the floor; ``size`` is that at the floor."""
    size = round(budget * math.exp(search_range.slope * (floor - search_range.start)))
    return Encoding(content=None, size=size, method="quality", encodes=0, acceptable=False)


def _encode(frame: Image.Image, x: float, chroma: str, **options: bytes) -> bytes:
    return save_to_bytes(
        frame,
        "JPEG",
        qtables=model.quantisation_tables(round(x * model.STEPS)),
        subsampling=chroma,
        optimize=frame.width * frame.height <= MAX_OPTIMISED,
        **options,
    )


def _input_coarseness(source: InputImage) -> float:
    tables = getattr(source.pillow_image, "quantization", {})
    return model.coarseness_of(tables.get(0))


def _subsampling(source: InputImage) -> int | None:
    """Pillow's number for the chroma subsampling of a JPEG; None for any other format."""
    if source.format != "jpeg":
        return None
    return JpegImagePlugin.get_sampling(source.pillow_image)


def _has_full_chroma(source: InputImage) -> bool:
    """Whether the chroma of the input has the resolution of its luma."""
    return _subsampling(source) in (None, 0)


def remove_jpeg_metadata(original: bytes, exif: bytes) -> bytes:
    """The same coefficients without the segments that do not change the look.

    JFIF stays without its thumbnail, so do Adobe's colour transform and the colour profile. What
    follows the end of the image is cut off. ``exif`` takes the place of the input's.
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
    """(marker, bytes) of each segment up to the end of the image; a scan comes with its data."""
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
