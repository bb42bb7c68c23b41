"""One picture → a PNG: how much effort, and whether in a process of its own."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass

from PIL import Image

from compress.png import oxipng_process
from compress.png.chunks import SIGNATURE, chunk


@dataclass(frozen=True)
class Effort:
    """Row filters of oxipng, libdeflate's level, and the seconds they take a megabyte."""

    filters: tuple[str, ...]
    level: int
    seconds: float


# Rows as they are for flat colours, whatever the mode; a filter for each row by the entropy it
# leaves, for photos (1 % behind the best, half the time of trying several). Level 11 saves 3 %
# over 10 on flat colours for 1.6 times the time; on photos 10 saves 7 % over 7 for 3.5 times.
QUICK_FLAT, FLAT, SMALL_FLAT = (
    Effort(("NoOp",), 7, 0.03),
    Effort(("NoOp",), 10, 0.06),
    Effort(("NoOp", "Sub", "Entropy"), 11, 0.2),
)
QUICK_PHOTO, LARGE_PHOTO, PHOTO = (
    Effort(("Paeth",), 1, 0.02),
    Effort(("Entropy",), 7, 0.08),
    Effort(("Entropy",), 10, 0.25),
)
SMALL, LARGE = 250_000, 4_000_000  # pixels
# For so long the other threads may wait; a process takes 20 ms to start.
LONGEST_HELD = 0.4

# PNG has its 16 bits big-endian, and numbers for the colour types (section 11.2.1).
RAW_MODES = {"I;16": "I;16B"}
COLOUR_TYPES = {"L": 0, "I;16": 0, "RGB": 2, "P": 3, "RGBA": 6}


def effort(image: Image.Image, *, flat: bool) -> Effort:
    """What is worth spending on the final encode of a picture."""
    pixels = image.width * image.height
    if flat:
        return SMALL_FLAT if pixels <= SMALL else FLAT
    return PHOTO if pixels <= LARGE else LARGE_PHOTO


def depth_of(image: Image.Image) -> int:
    """Bits a pixel or channel; of a palette, as few as its largest index needs."""
    if image.mode != "P":
        return 16 if image.mode == "I;16" else 8
    largest = image.getextrema()[1]
    return next(bits for bits in (1, 2, 4, 8) if largest < 1 << bits)  # type: ignore[operator]


def packed(
    image: Image.Image, how: Effort, *, depth: int | None = None, reduce: bool, to_grey: bool
) -> bytes:
    """The picture, in mode P, L, RGB, RGBA or I;16, as a PNG without any further chunk.

    ``reduce`` lets oxipng find a leaner mode for the same pixels, ``to_grey`` one without colour.
    """
    content = stored(image, depth or depth_of(image))
    megabytes = image.width * image.height * len(image.getbands()) / 1e6
    if megabytes * how.seconds > LONGEST_HELD:
        made = _in_a_process(content, how, str(reduce), str(reduce and to_grey))
        if made:
            return made
    return oxipng_process.optimised(
        content, how.filters, how.level, reduce=reduce, to_grey=reduce and to_grey
    )


def stored(image: Image.Image, depth: int) -> bytes:
    """The picture as a PNG that is not compressed: what Pillow's would take longest with."""
    mode = f"P;{depth}" if depth < 8 else RAW_MODES.get(image.mode, image.mode)
    head = struct.pack(">2I5B", *image.size, depth, COLOUR_TYPES[image.mode], 0, 0, 0)
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", head),
            _palette(image, 1 << depth) if image.mode == "P" else b"",
            chunk(b"IDAT", _rows(image.tobytes("raw", mode), image.height)),
            chunk(b"IEND", b""),
        ]
    )


def _rows(pixels: bytes, height: int) -> bytearray:
    """zlib's format around rows that are neither filtered nor compressed.

    Nothing is copied that need not be: a large picture is a large part of a process's memory.
    """
    size = len(pixels) // height
    view = memoryview(pixels)
    packer = zlib.compressobj(0)
    made = bytearray()
    for at in range(0, len(pixels), size):
        made += packer.compress(b"\0" + view[at : at + size])
    made += packer.flush()
    return made


def _palette(image: Image.Image, most: int) -> bytes:
    """PLTE, and tRNS where an entry is transparent: sections 11.2.2 and 11.3.1.1."""
    values = bytes(image.getpalette("RGBA") or ())[: 4 * most]
    colours = bytes(value for at, value in enumerate(values) if at % 4 < 3)
    alpha = values[3::4]
    table = chunk(b"PLTE", colours.ljust(3 * most, b"\0"))
    return table + (chunk(b"tRNS", alpha) if min(alpha, default=255) < 255 else b"")


def _in_a_process(content: bytes, how: Effort, *flags: str) -> bytes:
    """What the process made; nothing where it did not start or was ended, short of memory."""
    command = [sys.executable, "-I", oxipng_process.__file__, ",".join(how.filters), str(how.level)]
    command += flags
    try:
        made = subprocess.run(command, input=content, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return b""
    return made.stdout if made.returncode == 0 else b""
