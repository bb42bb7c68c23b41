"""ICO: each size as a PNG inside the container, which Windows and browsers have read since 2007.

The PNGs have to be RGBA ("The evolution of the ICO file format, part 4", R. Chen), so neither we
nor oxipng make palettes of them. The coarseness is half a step between levels of a channel.
"""

from __future__ import annotations

import struct

from PIL import Image

from compress import colour
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, lossless
from compress.input_image import InputImage
from compress.png.optimiser import final_effort, optimise
from compress.quality_search import SearchRange, finest_that_fits

COARSEST_HALF_STEPS, SLOPE = 32, -0.04


def encode_ico(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    frames = _frames(image)
    exact = _container(frames)
    if len(exact) <= budget:
        return lossless(exact)
    with_grounds = [(frame, colour.ground(frame)) for frame in frames]

    def with_levels(half_steps: float) -> bytes:
        x = int(half_steps)
        return _container(tuple(colour.posterise(frame, x, plain) for frame, plain in with_grounds))

    result = finest_that_fits(
        with_levels,
        budget,
        SearchRange(start=12, finest=2, coarsest=COARSEST_HALF_STEPS, slope=SLOPE, integer=True),
    )
    return result.encoding("quality")


def pack_ico(image: DecodedImage, source: InputImage) -> bytes:
    return _container(_frames(image))


def _frames(image: DecodedImage) -> tuple[Image.Image, ...]:
    basic = (colour.to_basic_mode(frame).convert("RGBA") for frame in image.frames)
    return tuple(colour.without_hidden_colours(frame) for frame in basic)


def _container(frames: tuple[Image.Image, ...]) -> bytes:
    """ICONDIR, an ICONDIRENTRY for each frame (0 stands for 256 pixels), then the PNGs."""
    pngs = [_smallest_png(frame) for frame in frames]
    at = 6 + 16 * len(frames)
    entries = b""
    for frame, png in zip(frames, pngs, strict=True):
        width, height = frame.width % 256, frame.height % 256
        entries += struct.pack("<4B2H2I", width, height, 0, 0, 1, 32, len(png), at)
        at += len(png)
    return struct.pack("<3H", 0, 1, len(frames)) + entries + b"".join(pngs)


def _smallest_png(frame: Image.Image) -> bytes:
    """The smaller of the frame packed as flat colours and as a photo."""
    efforts = (final_effort(frame, flat=flat) for flat in (True, False))
    pngs = (optimise(frame, each, reduce_mode=False, allow_grey=False) for each in efforts)
    return min(pngs, key=len)
