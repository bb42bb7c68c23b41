"""Quality pays first, pixels second: down a ladder of sizes until the picture fits well."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from compress import colour
from compress.decoded_image import Picture
from compress.quality_search import Attempt

# A picture is made smaller in steps of a quarter or more, and never so far that nothing is left.
STEP = 0.75
SMALLEST_SIDE = 16

Shrink = Callable[[Picture], Attempt]


@dataclass
class Climb:
    """What was met on the way down, largest picture first, and the encodes it cost."""

    met: list[tuple[Attempt, Picture]] = field(default_factory=list)
    encodes: int = 0

    def add(self, attempt: Attempt, picture: Picture) -> None:
        self.met.append((attempt, picture))
        self.encodes += attempt.encodes


def descend(climb: Climb, full_size: Picture, shrink: Shrink, budget: int) -> None:
    """Try smaller and smaller pictures until one fits without going below its format's floor."""
    factor = 1.0
    while max(full_size.image.size) * factor >= SMALLEST_SIDE or factor == 1:
        picture = full_size if factor == 1 else full_size.scaled(factor)
        attempt = shrink(picture)
        climb.add(attempt, picture)
        if attempt.fits(budget) and attempt.acceptable:
            break
        factor *= _step(budget, attempt)


def _step(budget: int, attempt: Attempt) -> float:
    """How much smaller to try next: bytes go about with the area."""
    return min(STEP, max(math.sqrt(budget / max(attempt.size, 1)), 0.1))


def best(climb: Climb, full_size: Picture, budget: int) -> tuple[Attempt, Picture]:
    """Of those that fit the one closest to the original; else the smallest of all.

    The choice is between the full size below its floor and fewer pixels above it: line art keeps
    its pixels, a photo its quality. Nothing is compared where only one fits.
    """
    fitting = [each for each in climb.met if each[0].fits(budget)]
    if not fitting:
        encoded = [each for each in climb.met if each[0].content is not None]
        return min(encoded, key=lambda each: each[0].size)
    if len(fitting) == 1:
        return fitting[0]
    return min(fitting, key=lambda each: _error(full_size, each[0]))


def _error(full_size: Picture, attempt: Attempt) -> float:
    """The squared error as displayed, of the first frame: brought back to the original's size."""
    before = colour.presentable(full_size.image)
    after = colour.presentable(Image.open(io.BytesIO(attempt.content or b"")))
    after = after.resize(before.size, Image.Resampling.LANCZOS)
    return colour.squared_error(before, after)
