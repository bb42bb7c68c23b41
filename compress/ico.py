"""ICO: each size as a PNG inside the container, which Windows and browsers read since 2007.

They have to be RGBA ("The evolution of the ICO file format, part 4", R. Chen), so neither we nor
oxipng make palettes of them.
"""

from __future__ import annotations

import struct

from PIL import Image

from compress import colour
from compress.decoded_image import Picture
from compress.input_image import Source
from compress.png import row_filters
from compress.quality_search import Attempt, Knob, finest_that_fits

COARSEST_HALF_STEPS, SLOPE = 32, -0.04


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    frames = tuple(colour.presentable(frame).convert("RGBA") for frame in picture.frames)
    exact = _container(frames)
    if len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    knob = Knob(start=12, finest=2, coarsest=COARSEST_HALF_STEPS, slope=SLOPE, whole=True)
    found = finest_that_fits(
        lambda x: _container(tuple(colour.with_levels(frame, int(x)) for frame in frames)),
        budget,
        knob,
    )
    return found.attempt("quality")


def _packed(frame: Image.Image) -> bytes:
    flat, photo = row_filters.effort(frame, flat=True), row_filters.effort(frame, flat=False)
    made = (row_filters.packed(frame, how, reduce=False, to_grey=False) for how in (flat, photo))
    return min(made, key=len)


def _container(frames: tuple[Image.Image, ...]) -> bytes:
    """ICONDIR, one ICONDIRENTRY a frame (0 stands for 256 pixels), then the pictures."""
    pictures = [_packed(frame) for frame in frames]
    at = 6 + 16 * len(frames)
    entries = b""
    for frame, content in zip(frames, pictures, strict=True):
        width, height = frame.width % 256, frame.height % 256
        entries += struct.pack("<4B2H2I", width, height, 0, 0, 1, 32, len(content), at)
        at += len(content)
    return struct.pack("<3H", 0, 1, len(frames)) + entries + b"".join(pictures)
