"""One frame packed by oxipng: how much effort, and whether in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from PIL import Image

from compress import program
from compress.png import oxipng_process
from compress.png.uncompressed import bit_depth, uncompressed_png


@dataclass(frozen=True)
class Effort:
    """oxipng's row filters, libdeflate's level, and the seconds that they take a megabyte."""

    filters: tuple[str, ...]
    level: int
    seconds: float


# Flat colours pack best with their rows unfiltered, in any mode. Photos pack well with a filter for
# each row by the entropy that it leaves: 1 % behind the best of several filters, in half the time.
# On flat colours level 11 saves 3 % over 10 for 1.6 times the time; on photos level 10 saves 7 %
# over 7 for 3.5 times the time.
QUICK_FLAT = Effort(("NoOp",), 7, 0.03)
FLAT = Effort(("NoOp",), 10, 0.06)
SMALL_FLAT = Effort(("NoOp", "Sub", "Entropy"), 11, 0.2)
QUICK_PHOTO = Effort(("Paeth",), 1, 0.02)
LARGE_PHOTO = Effort(("Entropy",), 7, 0.08)
PHOTO = Effort(("Entropy",), 10, 0.25)
MAX_SMALL_FLAT, MAX_PHOTO = 250_000, 4_000_000  # pixels

# oxipng holds the interpreter's lock, so the other threads wait. Work that is expected to take more
# seconds than this goes to a process of its own, which takes 20 ms to start.
MAX_SECONDS_HELD = 0.4


def quick_effort(*, flat: bool) -> Effort:
    return QUICK_FLAT if flat else QUICK_PHOTO


def final_effort(frame: Image.Image, *, flat: bool) -> Effort:
    """What is worth spending on the PNG that is kept."""
    pixels = frame.width * frame.height
    if flat:
        return SMALL_FLAT if pixels <= MAX_SMALL_FLAT else FLAT
    return PHOTO if pixels <= MAX_PHOTO else LARGE_PHOTO


def optimise(
    frame: Image.Image,
    effort: Effort,
    *,
    depth: int | None = None,
    reduce_mode: bool,
    allow_grey: bool,
) -> bytes:
    """The frame, in mode P, L, RGB, RGBA or I;16, as a PNG without ancillary chunks.

    ``depth`` are bits a channel, the fewest possible unless given. ``reduce_mode`` lets oxipng find
    a smaller mode for the same pixels; with ``allow_grey`` it may be one without colour.
    """
    content = uncompressed_png(frame, depth or bit_depth(frame))
    allow_grey = reduce_mode and allow_grey
    megabytes = frame.width * frame.height * len(frame.getbands()) / 1e6
    if megabytes * effort.seconds > MAX_SECONDS_HELD:
        optimised = _in_a_process(content, effort, str(reduce_mode), str(allow_grey))
        if optimised:
            return optimised
    return oxipng_process.optimise(
        content, effort.filters, effort.level, reduce_mode=reduce_mode, allow_grey=allow_grey
    )


def _in_a_process(content: bytes, effort: Effort, *flags: str) -> bytes:
    """What the process made; empty where it did not start, or ended for lack of memory or time."""
    python = [sys.executable, "-I", oxipng_process.__file__]
    return program.run([*python, ",".join(effort.filters), str(effort.level), *flags], content)
