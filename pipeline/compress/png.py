"""PNG: lossless where that is enough, else fewer levels a channel or fewer colours.

Of the two lossy ways the one with the smaller error wins: levels for photos (8 to 27 points of
SSIMULACRA 2 over a dithered palette at half the bytes), a palette for graphics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import oxipng
from PIL import Image

from pipeline.compress import apng, colour
from pipeline.compress.picture import Picture
from pipeline.compress.search import GOOD_ENOUGH, Attempt, Found, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

Frames = tuple[Image.Image, ...]

# Beyond this many times the budget oxipng is not tried without loss: it takes at most about a
# quarter off what Pillow writes.
HOPE = 1.35
KEPT_CHUNKS = [b"iCCP", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"eXIf", b"acTL", b"fcTL", b"fdAT"]

# zlib's level while searching: a quarter of the time of level 6 on photos for 4 % more bytes.
QUICK = 4
# oxipng's levels. On a palette 2 saves 3 to 8 % over 1 (4 costs 4.5 times 2 for another 0.4 %);
# on true colour 1 % for twice the time.
PALETTE_LEVEL, TRUE_COLOUR_LEVEL = 2, 1
# What oxipng leaves of a quick encode, as a first guess; then it is known.
OPTIMISED_SHARE = 0.88

# Steps between levels: up to the first the error is so small that no palette is looked for;
# beyond the second even a photo shows bands.
STEP_WITHOUT_DOUBT, COARSEST_STEP = 6, 16
FEWEST_COLOURS = 8
# d log(size) over half a step at about six, and over half as many colours; from the corpus.
SLOPE_OF_STEP, SLOPE_OF_COLOURS = -0.04, -0.2
# Median cut and k-means sort every distinct colour, so they are for graphics; a photo takes the
# octree, dithered. And a part of the pixels is enough to find a palette.
MANY_COLOURS = 1 << 15
PIXELS_FOR_PALETTE = 500_000


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    exact = _exact(picture, budget)
    if exact is not None and len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    frames = colour.same_mode(colour.presentable(frame) for frame in picture.frames)
    picture = replace(picture, frames=tuple(colour.without_hidden(frame) for frame in frames))
    levels = _by_levels(picture, budget)
    if levels.size <= budget and levels.knob <= 2 * STEP_WITHOUT_DOUBT:
        return levels.attempt()
    palette = _by_palette(picture, budget)
    return min(levels, palette, key=lambda way: (way.size > budget, way.error)).attempt()


class Way:
    """One lossy way through the search, with the error it makes."""

    def __init__(self, picture: Picture, reduce: Callable[[float], Frames], method: str) -> None:
        self.picture, self.reduce, self.method = picture, reduce, method
        self.level = PALETTE_LEVEL if method == "palette" else TRUE_COLOUR_LEVEL
        self.encodes = 0
        self.knob, self.content = 0.0, b""

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def error(self) -> float:
        pairs = zip(self.picture.frames, self.reduce(self.knob), strict=True)
        return sum(colour.squared_error(before, after) for before, after in pairs)

    def attempt(self) -> Attempt:
        return Attempt(
            content=self.content, size=self.size, method=self.method, encodes=self.encodes
        )

    def search(self, budget: int, knob: Knob) -> Way:
        """Search with quick encodes, then optimise; once more with the share that this told."""
        share = OPTIMISED_SHARE
        for _ in range(3):
            found = finest_that_fits(self._quick, int(budget / share), knob, tries=4)
            content = optimised(found.best.content, self.level)
            self._take(found, content, budget)
            fits = len(content) <= budget
            if found.best.x == (knob.finest if fits else knob.coarsest):
                break
            if fits and len(content) >= GOOD_ENOUGH * budget:
                break
            share = len(content) / found.best.size
            knob = replace(knob, start=found.best.x)
        return self

    def _take(self, found: Found, content: bytes, budget: int) -> None:
        self.encodes += 1
        better = self.size < len(content) <= budget or self.size > budget > len(content)
        if not self.content or better:
            self.knob, self.content = found.best.x, content

    def _quick(self, x: float) -> bytes:
        return plain(self.picture, self.reduce(x), compress_level=QUICK)


def _by_levels(picture: Picture, budget: int) -> Way:
    frames = picture.frames
    knob = Knob(start=12, finest=2, coarsest=2 * COARSEST_STEP, slope=SLOPE_OF_STEP, whole=True)
    way = Way(picture, lambda x: tuple(with_levels(each, int(x)) for each in frames), "quality")
    return way.search(budget, knob)


def _by_palette(picture: Picture, budget: int) -> Way:
    frames = picture.frames
    coarsest = 8 - math.log2(FEWEST_COLOURS)
    knob = Knob(start=0.0, finest=0.0, coarsest=coarsest, slope=SLOPE_OF_COLOURS)
    way = Way(picture, lambda x: with_palette(frames, round(2 ** (8 - x))), "palette")
    return way.search(budget, knob)


def with_levels(image: Image.Image, half_steps: int) -> Image.Image:
    """Each channel in multiples of a whole step, which PNG's filters then tell in few values.

    An odd number of half steps gives green, which the eye sees best, the finer of two. Black and
    white stay exact, and so does what is fully opaque or transparent.
    """
    finer, coarser = (_levels(half_steps // 2), _levels((half_steps + 1) // 2))
    tables = {"L": finer, "RGB": coarser + finer + coarser}
    tables["RGBA"] = tables["RGB"] + finer
    return image.point(tables[image.mode])


def _levels(step: int) -> list[int]:
    return [255 if value == 255 else min(round(value / step) * step, 255) for value in range(256)]


def with_palette(frames: Frames, colours: int) -> Frames:
    """All frames in one palette of at most ``colours``, because an APNG has a single one."""
    tall = frames[0] if len(frames) == 1 else _stacked(frames)
    if tall.mode == "RGBA":
        paletted = tall.quantize(colours, method=Image.Quantize.FASTOCTREE)
    else:
        paletted = _opaque_with_palette(tall.convert("RGB"), colours)
    width, height = frames[0].size
    tops = range(0, paletted.height, height)
    return tuple(paletted.crop((0, top, width, top + height)) for top in tops)


def _opaque_with_palette(image: Image.Image, colours: int) -> Image.Image:
    factor = math.ceil(math.sqrt(image.width * image.height / PIXELS_FOR_PALETTE))
    size = (max(image.width // factor, 1), max(image.height // factor, 1))
    thinned = image.resize(size, Image.Resampling.NEAREST) if factor > 1 else image
    if thinned.getcolors(MANY_COLOURS) is None:
        palette = thinned.quantize(colours, method=Image.Quantize.FASTOCTREE)
        return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    palette = thinned.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=1)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _stacked(frames: Frames) -> Image.Image:
    width, height = frames[0].size
    tall = Image.new(frames[0].mode, (width, height * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame, (0, number * height))
    return tall


def _exact(picture: Picture, budget: int) -> bytes | None:
    """The picture without loss, or None where that has no hope to fit."""
    content = plain(picture, picture.frames)
    return optimised(content, PALETTE_LEVEL) if len(content) <= HOPE * budget else None


def plain(picture: Picture, frames: Frames, compress_level: int = 6) -> bytes:
    if picture.animated:
        return apng.joined(replace(picture, frames=frames), compress_level)
    return encoded(frames[0], "PNG", compress_level=compress_level, **picture.dress())


def optimised(content: bytes, level: int) -> bytes:
    """The same picture in fewer bytes."""
    kept = oxipng.StripChunks.keep(KEPT_CHUNKS)
    return bytes(oxipng.optimize_from_memory(content, level=level, strip=kept))
