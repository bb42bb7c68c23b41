"""TIFF: every page; without loss where that is enough, else JPEG, else fewer levels a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from compress import colour, palette
from compress.decoded_image import Picture
from compress.input_image import Source
from compress.quality_search import Attempt, Knob, encoded, finest_that_fits

Frames = tuple[Image.Image, ...]

PREDICTOR = 317  # the tag; TIFF 6.0, section 14: 2 is the difference to the left neighbour
DIFFERENCE, DIFFERENCE_OF_FLOATS = 2, 3  # 3: Adobe's TIFF Technical Note 3
DEFLATE = {"compression": "tiff_adobe_deflate"}
LOSSLESS: dict[str, dict[str, Any]] = {
    "1": {"compression": "group4"},
    "P": DEFLATE,
    "F": DEFLATE | {"tiffinfo": {PREDICTOR: DIFFERENCE_OF_FLOATS}},
}
BY_DIFFERENCE = DEFLATE | {"tiffinfo": {PREDICTOR: DIFFERENCE}}

JPEG_MODES = ("L", "RGB", "CMYK")
FINEST_QUALITY, COARSEST_QUALITY = 97, 35
COARSEST_HALF_STEPS = 32
FEWEST_BITS = 8  # that stay of 16


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    exact = _joined(picture, picture.frames)
    if len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    modes = {frame.mode for frame in picture.frames}
    if all(palette.is_graphic(colour.presentable(frame)) for frame in picture.frames):
        knob = Knob(start=1, finest=0, coarsest=palette.FLOOR, slope=-0.2)
        return _by_values(picture, budget, knob, _with_palette)
    if modes <= set(JPEG_MODES):
        return _by_jpeg(picture, budget)
    if modes <= {"I;16"}:
        knob = Knob(start=4, finest=1, coarsest=16 - FEWEST_BITS, slope=-0.15, whole=True)
        return _by_values(picture, budget, knob, _with_fewer_bits)
    if modes & {"I", "F"}:  # Measurements, not looks: they keep their values.
        return Attempt(content=exact, size=len(exact), method="lossless")
    knob = Knob(start=12, finest=2, coarsest=COARSEST_HALF_STEPS, slope=-0.04, whole=True)
    return _by_values(picture, budget, knob, _with_levels)


def _by_jpeg(picture: Picture, budget: int) -> Attempt:
    knob = Knob(
        start=20,
        finest=100 - FINEST_QUALITY,
        coarsest=100 - COARSEST_QUALITY,
        slope=-0.025,
        whole=True,
    )
    found = finest_that_fits(
        lambda x: _joined(picture, picture.frames, compression="jpeg", quality=100 - round(x)),
        budget,
        knob,
    )
    return found.attempt("quality", round(100 - found.best.x))


def _by_values(
    picture: Picture, budget: int, knob: Knob, reduce: Callable[[Image.Image, float], Image.Image]
) -> Attempt:
    found = finest_that_fits(
        lambda x: _joined(picture, tuple(reduce(frame, x) for frame in picture.frames)),
        budget,
        knob,
    )
    return found.attempt("palette" if reduce is _with_palette else "quality")


def _with_palette(image: Image.Image, x: float) -> Image.Image:
    return palette.reduced((colour.presentable(image),), x)[0]


def _with_levels(image: Image.Image, half_steps: float) -> Image.Image:
    return colour.with_levels(colour.presentable(image), int(half_steps))


def _with_fewer_bits(image: Image.Image, bits: float) -> Image.Image:
    """A 16-bit image with the lowest bits at zero, which deflate then leaves out."""
    step = 2 ** int(bits)
    low = image.convert("I").point(lambda value: value * (1 / step))
    return low.point(lambda value: value * step).convert("I;16")


def _joined(picture: Picture, frames: Frames, **how: Any) -> bytes:
    """The pages as one file, each compressed as its mode wants, or all as told."""
    for frame in frames:
        frame.encoderinfo = how or LOSSLESS.get(frame.mode, BY_DIFFERENCE)
    first, *others = frames
    return encoded(
        first,
        "TIFF",
        save_all=True,
        append_images=others,
        icc_profile=picture.profile,
        **first.encoderinfo,
    )
