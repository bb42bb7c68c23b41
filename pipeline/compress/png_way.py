"""One lossy way to a smaller PNG: searched with quick encodes, then packed well."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from PIL import Image

from pipeline.compress import colour
from pipeline.compress.picture import Picture
from pipeline.compress.png_pack import Outlook, packed, quick
from pipeline.compress.search import Attempt, Knob, finest_that_fits

Frames = tuple[Image.Image, ...]

MOST_PACKS = 3
HOPELESS = 1.25  # times the budget: nothing is packed to learn that it does not fit
LARGE_ENOUGH = 160  # pixels: ten times the side at which a picture is not made smaller any more
GOOD_ENOUGH = 0.88  # of the budget: less is searched again with what the first packing told


class Way:
    """The finest value of a knob that fits, and the error that it makes.

    ``reduce`` gives the frames at a value of the knob; the search is on the ``outlook``'s part.
    ``no_doubt`` tells of a value whether another way need not be looked at. ``below_floor`` may
    lead the knob beyond its coarsest value, where fewer pixels may be better.
    """

    def __init__(
        self,
        picture: Picture,
        reduce: Callable[[Frames, float], Frames],
        method: str,
        knob: Knob,
        outlook: Outlook,
        no_doubt: Callable[[float], bool],
    ) -> None:
        self.picture, self.reduce, self.method, self.knob = picture, reduce, method, knob
        self.outlook, self.share, self.no_doubt = outlook, outlook.share, no_doubt
        self.floor = knob.coarsest
        self.below_floor: Callable[[], float] = lambda: self.floor
        self._encoded = functools.cache(self._quick)

    def search(self, budget: int) -> Way:
        self.found = finest_that_fits(self._encoded, int(budget / self.share), self.knob)
        if not self.may_fit(budget) and (coarsest := self.below_floor()) > self.knob.coarsest:
            self.knob = replace(self.knob, start=coarsest, coarsest=coarsest)
            self.found = finest_that_fits(self._encoded, int(budget / self.share), self.knob)
        return self

    def may_fit(self, budget: int, margin: float = 1) -> bool:
        """Whether the finest that was found is up to ``margin`` times the budget."""
        return self.found.best.size * self.share <= margin * budget

    def is_without_doubt(self, budget: int) -> bool:
        return self.may_fit(budget) and self.no_doubt(self.found.best.x)

    @property
    def error(self) -> float:
        frames = self.picture.frames
        pairs = zip(frames, self.reduce(frames, self.found.best.x), strict=True)
        return sum(colour.squared_error(before, after) for before, after in pairs)

    def pack(self, budget: int) -> Attempt:
        """Packed well; searched again with the share that this told, where that is far off."""
        if self._is_hopeless(budget):
            size = round(self.found.best.size * self.share)
            return Attempt(content=None, size=size, method=self.method, encodes=0)
        made: dict[float, bytes] = {}
        while len(made) < MOST_PACKS and self.found.best.x not in made:
            reduced = self.reduce(self.picture.frames, self.found.best.x)
            content = packed(self.picture, reduced, flat=self.outlook.flat)
            refined = any(len(each) <= budget for each in made.values())
            made[self.found.best.x] = content
            if refined or GOOD_ENOUGH * budget <= len(content) <= budget:
                break
            self.share = len(content) / self.found.best.size
            self.knob = replace(self.knob, start=self.found.best.x)
            self.search(budget)
        fitting = [x for x, content in made.items() if len(content) <= budget]
        best = min(fitting) if fitting else min(made, key=lambda x: len(made[x]))
        return Attempt(
            content=made[best],
            size=len(made[best]),
            method=self.method,
            encodes=len(made),
            acceptable=best <= self.floor,
        )

    def _is_hopeless(self, budget: int) -> bool:
        """Far too large at the coarsest, and large enough to be made smaller for certain."""
        large = max(self.picture.image.size) >= LARGE_ENOUGH
        return large and not self.may_fit(budget, HOPELESS)

    def _quick(self, x: float) -> bytes:
        return quick(self.picture, self.reduce(self.outlook.part, x), flat=self.outlook.flat)
