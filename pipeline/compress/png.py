"""PNG, still and animated: lossless where that is enough, else as many colours as fit."""

from __future__ import annotations

import oxipng
from PIL import Image

from pipeline.compress import colour
from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

# Level 4 costs 4.5 times level 2 for 0.4 % of the bytes.
LEVEL = 2
# oxipng takes at most about a quarter off what Pillow writes; beyond that it is not tried.
HOPE = 1.35
KEPT_CHUNKS = [b"iCCP", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"eXIf", b"acTL", b"fcTL", b"fdAT"]
FEWEST_COLOURS = 16
SLOPE = -0.25  # d log(size) for half as many colours


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    exact = optimised(_plain(picture, picture.frames), HOPE * budget)
    if len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    knob = Knob(start=0, finest=0, coarsest=4, slope=SLOPE)
    true_colour = colour.same_mode(colour.presentable(frame) for frame in picture.frames)
    found = finest_that_fits(
        lambda x: optimised(_plain(picture, palette_of(true_colour, round(2 ** (8 - x))))),
        budget,
        knob,
    )
    return Attempt(
        content=found.best.content,
        size=found.best.size,
        method="palette",
        encodes=1 + found.encodes,
    )


def optimised(content: bytes, worth: float = float("inf")) -> bytes:
    """The same picture in fewer bytes; not tried where even a good result would not be used."""
    if len(content) > worth:
        return content
    return bytes(
        oxipng.optimize_from_memory(
            content, level=LEVEL, strip=oxipng.StripChunks.keep(KEPT_CHUNKS)
        )
    )


def palette_of(frames: tuple[Image.Image, ...], colours: int) -> tuple[Image.Image, ...]:
    """All frames in one palette of at most ``colours``, by octree; dithered where opaque.

    The frames are quantised as one tall picture, because an APNG has a single palette.
    """
    tall = frames[0] if len(frames) == 1 else _stacked(frames)
    if tall.mode == "L":
        tall = tall.convert("RGB")
    paletted = tall.quantize(colours, method=Image.Quantize.FASTOCTREE)
    if tall.mode == "RGB":
        paletted = tall.quantize(palette=paletted, dither=Image.Dither.FLOYDSTEINBERG)
    width, height = frames[0].size
    tops = range(0, paletted.height, height)
    return tuple(paletted.crop((0, top, width, top + height)) for top in tops)


def _stacked(frames: tuple[Image.Image, ...]) -> Image.Image:
    width, height = frames[0].size
    tall = Image.new(frames[0].mode, (width, height * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame, (0, number * height))
    return tall


def _plain(picture: Picture, frames: tuple[Image.Image, ...]) -> bytes:
    if not picture.animated:
        return encoded(frames[0], "PNG", **picture.dress())
    return encoded(
        frames[0],
        "PNG",
        save_all=True,
        append_images=frames[1:],
        duration=list(picture.durations),
        loop=picture.loop or 0,
        **picture.dress(),
    )
