"""One lossy way to a smaller PNG: searched with quick encodes, then packed well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from PIL import Image

from compress import colour
from compress.decoded_image import Picture
from compress.png.packing import Outlook, packed, quick
from compress.quality_search import Attempt, Knob, Try, finest_that_fits

Frames = tuple[Image.Image, ...]

MOST_PACKS = 3
# What fits, but in less than this share of the budget, is searched again with what its packing
# told; a larger one has to be worth another packing.
GOOD_ENOUGH, ENOUGH = 0.9, 1.03
CLOSE = 1.05  # times the budget may be foretold, and still fit
HOPELESS = 1.25  # times the budget: nothing is packed to learn that it does not fit
NEAR = 0.65  # of a value: a favoured one below it is worth a try
FAR = 2.5  # times the budget: so much is not saved between eight colours and two
LARGE_ENOUGH = 160  # pixels: ten times the side at which a picture is not made smaller any more


class Way:
    """The finest value of a knob that fits, and the error that it makes.

    ``reduce`` gives the frames at a value of the knob; the search is on the ``outlook``'s part.
    ``below_floor`` may give values beyond the knob's, at which fewer pixels may be better;
    ``favoured`` are those that pack better than others near them.
    """

    def __init__(
        self,
        picture: Picture,
        reduce: Callable[[Frames, float], Frames],
        method: str,
        knob: Knob,
        outlook: Outlook,
        budget: int,
        below_floor: Callable[[], Iterable[float]] = tuple,
        favoured: tuple[float, ...] = (),
    ) -> None:
        self.picture, self.reduce, self.method, self.knob = picture, reduce, method, knob
        self.outlook, self.share, self.budget = outlook, outlook.share, budget
        self.floor, self.below_floor, self.favoured = knob.coarsest, below_floor, favoured
        self.quick: dict[float, bytes] = {}  # tried so far
        self.packed: dict[float, bytes] = {}
        self.search()

    def search(self) -> None:
        self.found = finest_that_fits(self.encode, int(self.budget / self.share), self.knob)
        for x in self.favoured:
            if NEAR * self.x < x < self.x and len(self.encode(x)) * self.share <= self.budget:
                self.found = replace(self.found, best=Try(x, self.encode(x)))
        for x in self.below_floor():
            if self._is_close() or self.foretold > FAR * self.budget:
                break
            if x > self.x:
                self.found = replace(self.found, best=Try(x, self.encode(x)))

    @property
    def x(self) -> float:
        return self.found.best.x

    @property
    def foretold(self) -> float:
        """The size in bytes of what was found, packed well."""
        return self.found.best.size * self.share

    @property
    def error(self) -> float:
        frames = self.picture.frames
        pairs = zip(frames, self.reduce(frames, self.x), strict=True)
        return sum(colour.squared_error(before, after) for before, after in pairs)

    def attempt(self) -> Attempt:
        """Packed well, and again where that tells of something finer, or did not fit."""
        if self.foretold > HOPELESS * self.budget and max(self.picture.image.size) >= LARGE_ENOUGH:
            return Attempt(content=None, size=round(self.foretold), method=self.method, encodes=0)
        while self._is_worth_packing():
            content = packed(
                self.picture, self.reduce(self.picture.frames, self.x), flat=self.outlook.flat
            )
            self.packed[self.x] = content
            self.share = len(content) / self.found.best.size
            if not GOOD_ENOUGH * self.budget <= len(content) <= self.budget:
                self.knob = replace(self.knob, start=min(self.x, self.floor))
                self.search()
        fitting = [x for x, content in self.packed.items() if len(content) <= self.budget]
        best = min(fitting) if fitting else min(self.packed, key=lambda x: len(self.packed[x]))
        return Attempt(
            content=self.packed[best],
            size=len(self.packed[best]),
            method=self.method,
            encodes=len(self.packed),
            acceptable=best <= self.floor,
        )

    def _is_worth_packing(self) -> bool:
        """Nothing fits yet, or this is foretold to be finer by enough."""
        if self.x in self.packed or len(self.packed) == MOST_PACKS:
            return False
        fitting = [len(each) for each in self.packed.values() if len(each) <= self.budget]
        return not fitting or (len(fitting) == 1 and self.foretold > ENOUGH * fitting[0])

    def _is_close(self) -> bool:
        return self.foretold <= (1 if self.packed else CLOSE) * self.budget

    def encode(self, x: float) -> bytes:
        """Quickly, of the outlook's part."""
        if x not in self.quick:
            reduced = self.reduce(self.outlook.part, x)
            self.quick[x] = quick(self.picture, reduced, flat=self.outlook.flat)
        return self.quick[x]
