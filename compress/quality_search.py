"""The search all formats share: the finest encoding that fits into a number of bytes.

A format names its one knob so that a larger value is coarser; the logarithm of the size then
falls about linearly over it, which is why a secant in log(size) lands in one to three encodes.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

from PIL import Image

# A result between this share of the budget and all of it ends the search, and the next try aims at
# the middle: at 50 % of the input that is (45, 50], aimed at 47.5 %.
GOOD_ENOUGH = 0.9
# Encoders hold the interpreter's lock while they write into memory of Python's. Up to this many
# pixels that is under 5 ms, and a real file would cost a tenth of the encode.
LARGEST_IN_MEMORY = 600_000


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The best a format found for one picture at one size.

    ``content`` is None when a sample already told that nothing fits; ``size`` is measured or,
    then, predicted. ``acceptable`` is false below the format's floor, where fewer pixels may be
    the better way.
    """

    content: bytes | None
    size: int
    method: str
    quality: int | None = None
    encodes: int = 1
    acceptable: bool = True

    def fits(self, budget: int) -> bool:
        return self.content is not None and self.size <= budget


@dataclass(frozen=True, kw_only=True)
class Knob:
    """The range of a format's knob; ``slope`` is how log(size) changes over one unit of it.

    What fits and is larger than the share ``good_enough`` of the budget ends a search.
    """

    start: float
    finest: float
    coarsest: float
    slope: float
    whole: bool = False
    good_enough: float = GOOD_ENOUGH

    def clamp(self, x: float) -> float:
        x = round(x) if self.whole else x
        return min(max(x, self.finest), self.coarsest)


@dataclass(frozen=True)
class Try:
    """One encode at ``x``."""

    x: float
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class Found:
    """Where the search ended: the finest try that fits, else the coarsest, and its cost."""

    best: Try
    encodes: int
    slope: float

    def around(self, knob: Knob) -> Knob:
        """The knob for another search of the same picture, started where this one ended."""
        return replace(knob, start=self.best.x, slope=self.slope)

    def attempt(
        self, method: str, quality: int | None = None, *, acceptable: bool = True
    ) -> Attempt:
        return Attempt(
            content=self.best.content,
            size=self.best.size,
            method=method,
            quality=quality and min(max(quality, 1), 100),
            encodes=self.encodes,
            acceptable=acceptable,
        )


def told(
    encode: Callable[[float], bytes], budget: int, knob: Knob, *, tries: int, near: float
) -> Knob:
    """The knob started where a part of the picture, or a quicker encode, says that it fits.

    What comes within ``near`` of the aim, in log(size), says it well enough.
    """
    done: list[Try] = []
    x = knob.clamp(knob.start)
    while len(done) < tries:
        done.append(Try(x, encode(x)))
        x = _next(done, budget, knob, last=False)
        if abs(x - done[-1].x) < abs(near / knob.slope):
            break
    return replace(knob, start=x)


def finest_that_fits(
    encode: Callable[[float], bytes], budget: int, knob: Knob, tries: int = 4
) -> Found:
    """Encode at most ``tries`` times; the last is at the coarsest when nothing fitted before."""
    done: list[Try] = []
    x = knob.clamp(knob.start)
    while True:
        done.append(Try(x, encode(x)))
        if _is_done(done, budget, knob, tries):
            break
        x = _next(done, budget, knob, last=len(done) == tries - 1)
    fitting = [each for each in done if each.size <= budget]
    best = max(fitting, key=lambda each: each.size) if fitting else min(done, key=lambda t: t.size)
    return Found(best, len(done), _slope(done, knob))


def _is_done(done: list[Try], budget: int, knob: Knob, tries: int) -> bool:
    last = done[-1]
    if last.size <= budget:
        good = last.size >= knob.good_enough * budget or last.x <= knob.finest
    else:
        good = last.x >= knob.coarsest
    return good or len(done) == tries or _next(done, budget, knob, last=False) == last.x


def _next(done: list[Try], budget: int, knob: Knob, *, last: bool) -> float:
    """The knob's next value: a secant through the last two tries, inside what brackets the aim."""
    too_large = [each.x for each in done if each.size > budget]
    fitting = [each.x for each in done if each.size <= budget]
    if last and not fitting:
        return knob.coarsest
    low = max(too_large, default=knob.finest)
    high = min(fitting, default=knob.coarsest)
    aim = (1 + knob.good_enough) / 2 * max(budget, 1)
    step = math.log(aim / max(done[-1].size, 1)) / _slope(done, knob)
    x = knob.clamp(done[-1].x + step)
    passed = x <= low or (x >= high and done[-1].size > budget)
    if too_large and fitting and passed:
        x = knob.clamp((low + high) / 2)
    return x


def _slope(done: list[Try], knob: Knob) -> float:
    """d log(size) / dx of the last two tries, held within a factor of three of the expected."""
    if len(done) < 2 or done[-1].x == done[-2].x:
        return knob.slope
    measured = math.log(done[-1].size / done[-2].size) / (done[-1].x - done[-2].x)
    return min(max(measured, 3 * knob.slope), knob.slope / 3)


def encoded(image: Image.Image, pillow_format: str, **parameters: Any) -> bytes:
    """The picture as a file's bytes.

    A real file for a large one, not a BytesIO: Pillow then lets go of the GIL while it encodes.
    """
    small = image.width * image.height <= LARGEST_IN_MEMORY
    with io.BytesIO() if small else scratch_file() as file:
        image.save(file, pillow_format, **parameters)
        file.seek(0)
        return file.read()


def scratch_file() -> IO[bytes]:
    """A file in memory where the system has them, else a temporary one without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("picture"), "w+b")
    return tempfile.TemporaryFile()
