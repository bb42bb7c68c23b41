"""PNG: lossless where that is enough, else fewer levels a channel or fewer colours.

Of the two lossy ways the one with the smaller error wins: levels for photos (8 to 27 points of
SSIMULACRA 2 over a dithered palette at half the bytes), a palette for graphics.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

from PIL import Image

from pipeline.compress import apng, colour, oxipng_process, palette
from pipeline.compress.picture import Picture
from pipeline.compress.search import Attempt, Found, Knob, encoded, finest_that_fits
from pipeline.compress.source import Source

Frames = tuple[Image.Image, ...]

# Beyond this many times the budget oxipng is not tried without loss: it takes at most about a
# quarter off what Pillow writes.
HOPE = 1.35

# zlib's level while searching: a quarter of the time of level 6 on photos for 4 % more bytes.
QUICK = 4
# oxipng's levels. On a palette 2 saves 3 to 8 % over 1 for twice the time (4 costs 4.5 times 2 for
# another 0.4 %), so it is kept for what is quick; on true colour it saves 1 %.
LARGEST_AT_LEVEL_2 = 1_000_000
LARGEST_IN_PROCESS = 500_000  # pixels; a process takes a tenth of a second to start
# What oxipng leaves of a quick encode, as a first guess; then it is known.
OPTIMISED_SHARE = 0.88

# Steps between levels: up to the first the error is so small that no palette is looked for;
# beyond the second even a photo shows bands.
STEP_WITHOUT_DOUBT, COARSEST_STEP = 8, 16
# d log(size) over half a step at about six, and over half as many colours; from the corpus.
SLOPE_OF_STEP, SLOPE_OF_COLOURS = -0.04, -0.2


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    exact = _exact(picture, budget)
    if exact is not None and len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    frames = colour.same_mode(colour.presentable(frame) for frame in picture.frames)
    picture = replace(picture, frames=tuple(colour.without_hidden(frame) for frame in frames))
    first, second = _by_levels, _by_palette
    if palette.is_graphic(picture.image):
        first, second = second, first
    way = first(picture, budget)
    if way.size <= budget and way.is_without_doubt:
        return way.attempt()
    if picture.image.mode == "L":  # A palette of greys is the same as fewer levels.
        return way.attempt()
    other = second(picture, budget)
    return min(way, other, key=lambda each: (each.size > budget, each.error)).attempt()


class Way:
    """One lossy way through the search, with the error it makes."""

    def __init__(self, picture: Picture, reduce: Callable[[float], Frames], method: str) -> None:
        self.picture, self.reduce, self.method = picture, reduce, method
        self.level = _level(picture, method)
        self.encodes = 0
        self.knob, self.content = 0.0, b""

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def is_without_doubt(self) -> bool:
        """A palette that had to lose colours to fit, or levels so fine that nobody sees them."""
        return self.knob > 0 if self.method == "palette" else self.knob <= 2 * STEP_WITHOUT_DOUBT

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
            found = finest_that_fits(self._quick, int(budget / share), knob)
            content = optimised(found.best.content, self.level)
            self._take(found, content, budget)
            fits = len(content) <= budget
            if found.best.x == (knob.finest if fits else knob.coarsest):
                break
            if fits and len(content) >= 0.88 * budget:
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


def _level(picture: Picture, method: str) -> int:
    pixels = sum(frame.width * frame.height for frame in picture.frames)
    return 2 if method == "palette" and pixels <= LARGEST_AT_LEVEL_2 else 1


def _by_levels(picture: Picture, budget: int) -> Way:
    frames = picture.frames
    knob = Knob(start=12, finest=2, coarsest=2 * COARSEST_STEP, slope=SLOPE_OF_STEP, whole=True)
    way = Way(
        picture, lambda x: tuple(colour.with_levels(each, int(x)) for each in frames), "quality"
    )
    return way.search(budget, knob)


def _by_palette(picture: Picture, budget: int) -> Way:
    frames = picture.frames
    knob = Knob(start=0.0, finest=0.0, coarsest=palette.COARSEST, slope=SLOPE_OF_COLOURS)
    way = Way(picture, lambda x: palette.reduced(frames, x), "palette")
    return way.search(budget, knob)


def _exact(picture: Picture, budget: int) -> bytes | None:
    """The picture without loss, or None where that has no hope to fit."""
    content = plain(picture, picture.frames)
    return optimised(content, _level(picture, "palette")) if len(content) <= HOPE * budget else None


def plain(picture: Picture, frames: Frames, compress_level: int = 6) -> bytes:
    if picture.animated:
        return apng.joined(replace(picture, frames=frames), compress_level)
    return encoded(frames[0], "PNG", compress_level=compress_level, **picture.dress())


def optimised(content: bytes, level: int, *, as_it_is: bool = False) -> bytes:
    """The same picture in fewer bytes; ``as_it_is`` keeps its mode and depth."""
    width, height = struct.unpack(">II", content[16:24])  # of IHDR, which comes first
    if width * height <= LARGEST_IN_PROCESS:
        return oxipng_process.optimised(content, level, as_it_is=as_it_is)
    command = [sys.executable, "-I", oxipng_process.__file__, str(level), str(as_it_is)]
    made = subprocess.run(command, input=content, capture_output=True, check=False)  # noqa: S603
    return made.stdout if made.returncode == 0 and made.stdout else content
