"""WebP, still and animated: the best quality that fits; metadata removed with the pixels untouched.

The coarseness is 100 - quality. Sections are those of RFC 9649, the WebP container.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator

from PIL import Image

from compress import colour, palette, time_limit
from compress.damage import is_flat
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, lossless, save_to_bytes
from compress.input_image import InputImage
from compress.quality_search import SearchRange, finest_that_fits, start_from_sample

# Where to start, and d ln(size) / d coarseness, for an input that was lossy or lossless. The slope
# is steeper above quality 80, and five of seven lossless inputs are halved at quality 100.
LOSSY_START, LOSSY_SLOPE = 60, -0.02
LOSSLESS_START, LOSSLESS_SLOPE = 0, -0.06
# Below quality 28 (FLOOR) fewer pixels score 2 to 7 points of SSIMULACRA 2 more than less quality.
FLOOR, COARSEST = 72, 98
# libwebp's effort, 0 to 6. 5 saves 3 to 6 % over the default 4 for 8 % more time, 6 another 5 % for
# twice the time. With alpha, 5 can take three times as long as 4.
METHOD, METHOD_WITH_ALPHA = 5, 4
# A sample is the whole image at this effort: less than half the time, for 5 to 11 % more bytes.
SAMPLE_METHOD, SAMPLE_EXCESS = 2, 1.08
# A result from 84 % of the budget on ends the search: with a budget of 50 % of the input that is
# (42, 50], aimed at 46 %. A second encode would double the time.
GOOD_ENOUGH = 0.84
ALPHA_FLAG, EXIF_FLAG, XMP_FLAG = 0x10, 0x08, 0x04  # of VP8X (section 2.7.1)


def encode_webp(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    if source.is_lossless and not image.animated and is_flat(image.first_frame):
        encoding = _encode_flat(image, budget)
        if encoding.fits(budget):
            return encoding
    search_range = _search_range(image, budget, source)
    result = finest_that_fits(lambda x: _encode(image, x), budget, search_range)
    x = result.best.coarseness
    return result.encoding("quality", round(100 - x), acceptable=x <= FLOOR)


def pack_webp(image: DecodedImage, _: InputImage) -> bytes:
    """A still with each pixel as it was, but for colours that are hidden under transparency."""
    return b"" if image.animated else _encode_exactly(image.first_frame, **image.save_options())


def _encode_flat(image: DecodedImage, budget: int) -> Encoding:
    """A drawing without loss, or with the largest palette that fits; the smallest where none does.

    libwebp stores a palette wherever it finds at most 256 colours.
    """
    frame, options = colour.to_basic_mode(image.first_frame), image.save_options()
    exact = lossless(_encode_exactly(frame, **options))
    if exact.fits(budget):
        return exact
    palettes = palette.Palettes((frame,))
    packed: dict[float, bytes] = {}

    def fits(step: float) -> bool:
        if packed and time_limit.is_over():
            return True
        (reduced,) = palettes.reduce((frame,), step)
        packed[step] = _encode_exactly(reduced, **options)
        return len(packed[step]) <= budget

    bisect.bisect_left(palettes.coarsenesses, True, key=fits)
    fitting = [step for step, content in packed.items() if len(content) <= budget]
    content = packed[min(fitting, default=max(packed))]
    return Encoding(content=content, size=len(content), method="palette", encodes=len(packed))


def _encode_exactly(frame: Image.Image, **options: bytes) -> bytes:
    return save_to_bytes(
        colour.to_basic_mode(frame), "WEBP", lossless=True, quality=100, method=METHOD, **options
    )


def _search_range(image: DecodedImage, budget: int, source: InputImage) -> SearchRange:
    """``start`` is estimated from a sample for a still; what was lossless starts at the finest."""
    lossless = source.is_lossless
    start, slope = (LOSSLESS_START, LOSSLESS_SLOPE) if lossless else (LOSSY_START, LOSSY_SLOPE)
    search_range = SearchRange(
        start=start, finest=0, coarsest=COARSEST, slope=slope, good_enough=GOOD_ENOUGH
    )
    if image.animated or lossless:
        return search_range
    return start_from_sample(
        lambda x: _encode_still(image.first_frame, x, SAMPLE_METHOD),
        round(budget * SAMPLE_EXCESS),
        search_range,
        max_encodes=3,
        tolerance=0.1,
    )


def _encode(image: DecodedImage, x: float) -> bytes:
    first, options = image.first_frame, image.save_options()
    if not image.animated:
        return _encode_still(first, x, _method(first), **options)
    durations = [round(duration) for duration in image.durations]
    content = save_to_bytes(
        first,
        "WEBP",
        save_all=True,
        append_images=image.frames[1:],
        duration=durations,
        loop=image.loop or 0,
        quality=100 - x,
        alpha_quality=_alpha_quality(x),
        method=_method(first),
        **options,
    )
    return _restore_joined_frames(content, durations)


def _encode_still(frame: Image.Image, x: float, method: int, **options: bytes) -> bytes:
    quality, alpha_quality = 100 - x, _alpha_quality(x)
    return save_to_bytes(
        frame, "WEBP", quality=quality, alpha_quality=alpha_quality, method=method, **options
    )


def _method(frame: Image.Image) -> int:
    return METHOD_WITH_ALPHA if frame.mode == "RGBA" else METHOD


def _alpha_quality(x: float) -> int:
    """The quality of the alpha channel, 70 to 100: exact down to image quality 75, coarser below.

    A lossless alpha channel can be most of a small file. At 80 it has 96 levels, at 70 it has 16
    (libwebp, quant_levels_utils).
    """
    return round(min(max(100 - (x - 25) * 0.75, 70), 100))


def remove_webp_metadata(original: bytes, exif: bytes) -> bytes:
    """The file without XMP, unknown chunks and what follows its end.

    ``exif`` takes the place of the input's. Empty where a file without VP8X would have to get it:
    such a file has no EXIF to begin with (section 2.7).
    """
    kept = [
        (_with_metadata_flags(chunk, EXIF_FLAG if exif else 0) if name == b"VP8X" else chunk)
        for name, chunk in _chunks(original)
        if name in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF")
    ]
    if exif:
        if not any(chunk.startswith(b"VP8X") for chunk in kept):
            return b""
        kept.append(_chunk(b"EXIF", exif.removeprefix(b"Exif\0\0")))
    return _riff(b"".join(kept))


def _restore_joined_frames(content: bytes, durations: list[int]) -> bytes:
    """The animation with all its frames: libwebp joins neighbours that are equal.

    A joined frame lasts for the sum of its frames. It gets its own duration back, and each frame
    that was lost becomes one transparent pixel with its duration (section 2.7.1.1).
    """
    chunks = list(_chunks(content))
    if sum(name == b"ANMF" for name, _ in chunks) == len(durations):
        return content
    parts, left = [], list(durations)
    for name, chunk in chunks:
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] | ALPHA_FLAG]) + chunk[9:]
        if name == b"ANMF":
            shown, own = int.from_bytes(chunk[20:23], "little"), left.pop(0)
            parts.append(chunk[:20] + own.to_bytes(3, "little") + chunk[23:])
            while left and shown > own:
                own += left[0]
                parts.append(_transparent_frame(left.pop(0)))
        else:
            parts.append(chunk)
    return _riff(b"".join(parts))


def _transparent_frame(duration: int) -> bytes:
    file = save_to_bytes(Image.new("RGBA", (1, 1)), "WEBP", lossless=True)
    pixel = dict(_chunks(file))[b"VP8L"]
    return _chunk(b"ANMF", bytes(12) + duration.to_bytes(3, "little") + b"\0" + pixel)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    """With its header, and padded to an even length (section 2.3)."""
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _with_metadata_flags(chunk: bytes, flags: int) -> bytes:
    return chunk[:8] + bytes([chunk[8] & ~(EXIF_FLAG | XMP_FLAG) | flags]) + chunk[9:]


def _chunks(original: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, chunk with its header and padding) of each chunk of a RIFF file."""
    at, end = 12, min(len(original), 8 + int.from_bytes(original[4:8], "little"))
    while at + 8 <= end:
        size = int.from_bytes(original[at + 4 : at + 8], "little")
        after = at + 8 + size + size % 2
        yield original[at : at + 4], original[at:after]
        at = after
