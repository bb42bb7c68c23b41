"""Write a PNG whose data is not compressed: the input of oxipng.

Compressing is what takes Pillow's writer longest, and oxipng would undo it. Sections are those of
the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from compress.png.chunks import SIGNATURE, chunk

# PNG stores 16 bits big-endian, and has numbers for its colour types (section 11.2.1).
RAW_MODES = {"I;16": "I;16B"}
COLOUR_TYPES = {"L": 0, "I;16": 0, "RGB": 2, "P": 3, "RGBA": 6}


def bit_depth(frame: Image.Image) -> int:
    """Bits a channel; for a palette, as few as its largest index needs."""
    if frame.mode != "P":
        return 16 if frame.mode == "I;16" else 8
    largest = frame.getextrema()[1]
    return next(bits for bits in (1, 2, 4, 8) if largest < 1 << bits)  # type: ignore[operator]


def uncompressed_png(frame: Image.Image, depth: int) -> bytes:
    """The frame, in mode P, L, RGB, RGBA or I;16, as a PNG without ancillary chunks but tRNS."""
    mode = f"P;{depth}" if depth < 8 else RAW_MODES.get(frame.mode, frame.mode)
    header = struct.pack(">2I5B", *frame.size, depth, COLOUR_TYPES[frame.mode], 0, 0, 0)
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", header),
            _palette(frame, 1 << depth) if frame.mode == "P" else b"",
            chunk(b"IDAT", _rows(frame.tobytes("raw", mode), frame.height)),
            chunk(b"IEND", b""),
        ]
    )


def _rows(pixels: bytes, height: int) -> bytearray:
    """The rows in zlib's format, neither filtered nor compressed.

    Copies as little as possible: a large image is a large part of a process's memory.
    """
    row_bytes = len(pixels) // height
    view = memoryview(pixels)
    compressor = zlib.compressobj(0)
    made = bytearray()
    for at in range(0, len(pixels), row_bytes):
        made += compressor.compress(b"\0" + view[at : at + row_bytes])
    made += compressor.flush()
    return made


def _palette(frame: Image.Image, max_entries: int) -> bytes:
    """PLTE, and tRNS where an entry is transparent (sections 11.2.2 and 11.3.1.1)."""
    values = bytes(frame.getpalette("RGBA") or ())[: 4 * max_entries]
    colours = bytes(value for at, value in enumerate(values) if at % 4 < 3)
    alpha = values[3::4]
    table = chunk(b"PLTE", colours.ljust(3 * max_entries, b"\0"))
    return table + (chunk(b"tRNS", alpha) if min(alpha, default=255) < 255 else b"")
