"""WebP, still and animated: lossy quality; metadata goes without touching the picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from compress.decoded_image import Picture
from compress.input_image import Source
from compress.quality_search import (
    Attempt,
    Knob,
    encoded,
    finest_that_fits,
    told,
)

# d log(size) over one unit of 100 - quality, which is steeper above 80. Five of seven inputs
# without loss are halved at quality 100.
LOSSY_START, LOSSY_SLOPE = 60, -0.02
LOSSLESS_START, LOSSLESS_SLOPE = 0, -0.06
# At quality 28 fewer pixels score 2 to 7 points of SSIMULACRA 2 more than a lower quality.
FLOOR, COARSEST = 72, 98
# 5 saves 3 to 6 % over the default 4 for 8 % more time; 6 another 5 % for twice the time. With
# alpha, 5 can take three times as long. 2 takes less than half, for 5 to 11 % more bytes.
METHOD, METHOD_WITH_ALPHA, PROBE_METHOD, TOLD_TOO_LARGE = 5, 4, 2, 1.08
# Everything from 42 % of the input on is taken, for 46 %: a second encode would cost as much.
GOOD_ENOUGH = 0.84
FLAGS_OF_METADATA = 0x08 | 0x04  # EXIF, XMP (RFC 9649, section 2.7.1)
FLAG_OF_ALPHA = 0x10


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    lossless = source.format != "webp" or b"VP8L" in source.original[:64]
    start, slope = (LOSSLESS_START, LOSSLESS_SLOPE) if lossless else (LOSSY_START, LOSSY_SLOPE)
    knob = Knob(start=start, finest=0, coarsest=COARSEST, slope=slope, good_enough=GOOD_ENOUGH)
    if not picture.animated and not lossless:
        knob = told(
            lambda x: _still(picture.image, x, PROBE_METHOD),
            round(budget * TOLD_TOO_LARGE),
            knob,
            tries=3,
            near=0.1,
        )
    found = finest_that_fits(lambda x: _encode(picture, x), budget, knob)
    return found.attempt("quality", round(100 - found.best.x), acceptable=found.best.x <= FLOOR)


def _encode(picture: Picture, x: float) -> bytes:
    if not picture.animated:
        return _still(picture.image, x, _method(picture.image), **picture.dress())
    content = encoded(
        picture.image,
        "WEBP",
        save_all=True,
        append_images=picture.frames[1:],
        duration=[round(duration) for duration in picture.durations],
        loop=picture.loop or 0,
        quality=100 - x,
        alpha_quality=_alpha_quality(x),
        method=_method(picture.image),
        **picture.dress(),
    )
    return _with_every_frame(content, [round(duration) for duration in picture.durations])


def _still(image: Image.Image, x: float, method: int, **dress: bytes) -> bytes:
    quality, alpha_quality = 100 - x, _alpha_quality(x)
    return encoded(
        image, "WEBP", quality=quality, alpha_quality=alpha_quality, method=method, **dress
    )


def _method(image: Image.Image) -> int:
    return METHOD_WITH_ALPHA if image.mode == "RGBA" else METHOD


def _alpha_quality(x: float) -> int:
    """An alpha channel without loss can be most of a small file, so it pays its part.

    At 70 it has 16 levels, at 80 96 (libwebp, quant_levels_utils); above quality 75 it is exact.
    """
    return round(min(max(100 - (x - 25) * 0.75, 70), 100))


def strip(original: bytes, exif: bytes) -> bytes:
    """The file without EXIF, XMP, unknown chunks and what follows its end.

    Empty, for not possible, where an ``exif`` has to stay.
    """
    if exif:
        return b""
    kept = b"".join(
        (_without_flags(chunk) if name == b"VP8X" else chunk)
        for name, chunk in _chunks(original)
        if name in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF")
    )
    return _riff(kept)


def _with_every_frame(content: bytes, durations: list[int]) -> bytes:
    """The animation with the frames back that libwebp joined because they are equal.

    What was joined shows for the sum of its frames; each lost one comes back as a pixel that is
    not seen, with its own duration (RFC 9649, section 2.7.1.1).
    """
    chunks = list(_chunks(content))
    if sum(name == b"ANMF" for name, _ in chunks) == len(durations):
        return content
    parts, left = [], list(durations)
    for name, chunk in chunks:
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] | FLAG_OF_ALPHA]) + chunk[9:]
        if name == b"ANMF":
            shown, own = int.from_bytes(chunk[20:23], "little"), left.pop(0)
            parts.append(chunk[:20] + own.to_bytes(3, "little") + chunk[23:])
            while left and shown > own:
                own += left[0]
                parts.append(_unseen_frame(left.pop(0)))
        else:
            parts.append(chunk)
    return _riff(b"".join(parts))


def _unseen_frame(duration: int) -> bytes:
    pixel = encoded(Image.new("RGBA", (1, 1)), "WEBP", lossless=True)
    image = dict(_chunks(pixel))[b"VP8L"]
    frame = bytes(12) + duration.to_bytes(3, "little") + b"\0" + image
    return b"ANMF" + struct.pack("<I", len(frame)) + frame


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _without_flags(chunk: bytes) -> bytes:
    return chunk[:8] + bytes([chunk[8] & ~FLAGS_OF_METADATA]) + chunk[9:]


def _chunks(original: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, chunk with its header and padding) of a RIFF file."""
    at, end = 12, min(len(original), 8 + int.from_bytes(original[4:8], "little"))
    while at + 8 <= end:
        size = int.from_bytes(original[at + 4 : at + 8], "little")
        after = at + 8 + size + size % 2
        yield original[at : at + 4], original[at:after]
        at = after
