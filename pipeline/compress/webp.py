"""WebP, still and animated: lossy quality; metadata goes without touching the picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

SLOPE = -0.02
LOSSLESS_START, LOSSY_START = 10, 50
FLOOR = 80  # 100 - quality
FLAGS_OF_METADATA = 0x08 | 0x04  # EXIF, XMP (RFC 9649, section 2.7.1)


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    knob = Knob(
        start=LOSSLESS_START if b"VP8L" in source.original[:64] else LOSSY_START,
        finest=0,
        coarsest=FLOOR,
        slope=SLOPE,
    )
    found = finest_that_fits(lambda x: _encode(picture, 100 - x), budget, knob)
    return Attempt(
        content=found.best.content,
        size=found.best.size,
        method="quality",
        quality=max(1, round(100 - found.best.x)),
        encodes=found.encodes,
    )


def _encode(picture: Picture, quality: float) -> bytes:
    if not picture.animated:
        return encoded(picture.image, "WEBP", quality=quality, method=4, **picture.dress())
    return encoded(
        picture.image,
        "WEBP",
        save_all=True,
        append_images=picture.frames[1:],
        duration=[round(duration) for duration in picture.durations],
        loop=picture.loop or 0,
        quality=quality,
        method=4,
        **picture.dress(),
    )


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
    return b"RIFF" + struct.pack("<I", 4 + len(kept)) + b"WEBP" + kept


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
