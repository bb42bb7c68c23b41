"""One picture → a PNG: how much effort, and whether in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from PIL import Image

from pipeline.compress import oxipng_process
from pipeline.compress.search import encoded, scratch_file


@dataclass(frozen=True)
class Effort:
    """A row filter of oxipng, libdeflate's level, and the seconds they take a megabyte."""

    filter: str
    level: int
    seconds: float


# Rows as they are for flat colours, whatever the mode; a filter for each row by the entropy it
# leaves, for photos (1 % behind the best, half the time of trying several). Level 11 saves 3 %
# over 10 on flat colours for 1.6 times the time; on photos 10 saves 7 % over 7 for 3.5 times.
QUICK_FLAT, FLAT, SMALL_FLAT = (
    Effort("NoOp", 7, 0.03),
    Effort("NoOp", 10, 0.06),
    Effort("NoOp", 11, 0.15),
)
QUICK_PHOTO, LARGE_PHOTO, PHOTO = (
    Effort("Paeth", 1, 0.02),
    Effort("Entropy", 7, 0.08),
    Effort("Entropy", 10, 0.25),
)
SMALL, LARGE = 250_000, 4_000_000  # pixels
# For so long the other threads may wait; a process takes 20 ms to start.
LONGEST_HELD = 0.4

RAW_MODES = {"I;16": "I;16B"}  # PNG has its 16 bits big-endian


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
    depth = depth or depth_of(image)
    rows = image.tobytes(
        "raw", f"P;{depth}" if depth < 8 else RAW_MODES.get(image.mode, image.mode)
    )
    parameters: dict[str, Any] = {
        "size": image.size,
        "depth": depth,
        "mode": "L" if depth == 16 else image.mode,
        "palette": _palette(image, 1 << depth) if image.mode == "P" else [],
        "filter": how.filter,
        "level": how.level,
        "to_palette": reduce,
        "to_grey": reduce and to_grey,
    }
    if image.width * image.height * len(image.getbands()) * how.seconds <= 1e6 * LONGEST_HELD:
        return oxipng_process.packed(rows, **parameters)
    return _in_a_process(rows, parameters) or encoded(image, "PNG", bits=depth)


def _palette(image: Image.Image, entries: int) -> list[list[int]]:
    flat = (image.getpalette("RGBA") or [])[: 4 * entries]
    missing = 4 * entries - len(flat)
    flat += [0, 0, 0, 255] * (missing // 4)
    return [flat[at : at + 4] for at in range(0, len(flat), 4)]


def _in_a_process(rows: bytes, parameters: dict[str, Any]) -> bytes:
    """What the process made; nothing where the system ended it, short of memory."""
    command = [sys.executable, "-I", oxipng_process.__file__]
    with scratch_file() as file:
        file.write(json.dumps(parameters).encode() + b"\n")
        file.write(rows)
        file.seek(0)
        made = subprocess.run(command, stdin=file, capture_output=True, check=False)  # noqa: S603
    return made.stdout if made.returncode == 0 else b""
