"""The search for one lossy PNG: with quick encodes of a sample, then packed well.

``search`` finds the finest reduction that is predicted to fit; ``pack`` makes the PNG of it, and
searches once more where the prediction was wrong.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from compress import colour, time_limit
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding
from compress.png.estimate import Estimate
from compress.png.packing import Frames, pack_quickly, pack_well
from compress.quality_search import Candidate, SearchRange, finest_that_fits

MAX_PACKED = 4
# A packed PNG in this share of the budget ends the search; of steps, the next of which may be much
# finer, in a larger share. Below it, something finer may fit; it is packed when it is predicted to
# be larger by the factor FINER, and a finer step always.
GOOD_ENOUGH, GOOD_ENOUGH_STEP, FINER = 0.9, 0.99, 1.03
# Above this multiple of the budget a predicted size is hopeless, and nothing is packed.
HOPELESS = 1.25
# An image with shorter sides is packed even then, because few smaller sizes are left to try.
MIN_HOPELESS_SIDE = 160  # pixels
# A favoured value is worth a try down to this share of what was found.
MIN_FAVOURED = 0.65


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """A way to lose precision: fewer levels in each channel, or fewer colours.

    ``reduce`` gives the frames at a coarseness. ``favoured`` values pack better than their
    neighbours. Where there are ``steps``, finest first, only they are tried, by bisection: the size
    is almost the same over many numbers of colours, so that a secant would jump to the coarsest.
    """

    method: str
    reduce: Callable[[Frames, float], Frames]
    search_range: SearchRange
    favoured: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()


@dataclass(kw_only=True)
class LossySearch:
    """Where a search stands; ``budget`` is in bytes.

    ``best`` is the finest reduction predicted to fit, as encoded quickly. ``well_per_quick`` starts
    as estimated and is measured with each packing. ``quick`` and ``packed`` are the encodes so far,
    by coarseness.
    """

    image: DecodedImage
    reduction: Reduction
    estimate: Estimate
    budget: int
    well_per_quick: float
    best: Candidate = field(init=False)
    quick: dict[float, bytes] = field(default_factory=dict)
    packed: dict[float, bytes] = field(default_factory=dict)

    @property
    def coarseness(self) -> float:
        return self.best.coarseness

    @property
    def predicted_size(self) -> float:
        """The bytes of the best, packed well."""
        return self.best.size * self.well_per_quick

    @property
    def predicted_to_fit(self) -> bool:
        return self.predicted_size <= self.budget

    @property
    def error(self) -> float:
        """The squared error of the best, summed over all frames."""
        frames = self.image.frames
        pairs = zip(frames, self.reduction.reduce(frames, self.coarseness), strict=True)
        return sum(colour.squared_error(before, after) for before, after in pairs)

    def encode(self, coarseness: float) -> bytes:
        """A quick encode of the sample, made once for each coarseness."""
        if coarseness not in self.quick:
            frames = self.reduction.reduce(self.estimate.sample, coarseness)
            self.quick[coarseness] = pack_quickly(self.image, frames, flat=self.estimate.flat)
        return self.quick[coarseness]


def search(
    image: DecodedImage, reduction: Reduction, estimate: Estimate, budget: int
) -> LossySearch:
    """The finest reduction that is predicted to fit, or the smallest; nothing is packed yet."""
    state = LossySearch(
        image=image,
        reduction=reduction,
        estimate=estimate,
        budget=budget,
        well_per_quick=estimate.well_per_quick,
    )
    _find_best(state, reduction.search_range)
    return state


def _find_best(state: LossySearch, search_range: SearchRange) -> None:
    """Set ``best`` to the finest that is predicted to fit, or to the coarsest."""
    if state.reduction.steps:
        state.best = _bisect(state)
        return
    sample_budget = int(state.budget / state.well_per_quick)
    state.best = finest_that_fits(state.encode, sample_budget, search_range).best
    for coarseness in state.reduction.favoured:
        if MIN_FAVOURED * state.coarseness < coarseness < state.coarseness:
            candidate = Candidate(coarseness, state.encode(coarseness))
            if candidate.size * state.well_per_quick <= state.budget:
                state.best = candidate


def _bisect(state: LossySearch) -> Candidate:
    """The finest step that is predicted to fit, or the last; what was packed counts as packed."""
    steps = state.reduction.steps

    def fits(step: float) -> bool:
        packed = state.packed.get(step)
        size = len(packed) if packed else len(state.encode(step)) * state.well_per_quick
        return size <= state.budget

    found = min(bisect.bisect_left(steps, True, key=fits), len(steps) - 1)
    return Candidate(steps[found], state.encode(steps[found]))


def pack(state: LossySearch) -> Encoding:
    """The best packed well; and once more where something finer is predicted, or it did not fit.

    Without content where it is hopeless.
    """
    if _is_hopeless(state):
        size, method = round(state.predicted_size), state.reduction.method
        return Encoding(content=None, size=size, method=method, encodes=0)
    while _is_worth_packing(state):
        content = _pack_best(state)
        good_enough = GOOD_ENOUGH_STEP if state.reduction.steps else GOOD_ENOUGH
        if not good_enough * state.budget <= len(content) <= state.budget:
            floor = state.reduction.search_range.coarsest
            start = min(state.coarseness, floor)
            _find_best(state, replace(state.reduction.search_range, start=start))
    return _finest_packed(state)


def _is_hopeless(state: LossySearch) -> bool:
    is_large = max(state.image.first_frame.size) >= MIN_HOPELESS_SIDE
    return is_large and state.predicted_size > HOPELESS * state.budget


def _is_worth_packing(state: LossySearch) -> bool:
    """Whether nothing fits yet, or one does and the best is predicted to be finer by enough.

    Of steps each that is predicted to be the best, up to MAX_PACKED.
    """
    if state.coarseness in state.packed or len(state.packed) == MAX_PACKED:
        return False
    if state.packed and time_limit.is_over():
        return False
    if state.reduction.steps:
        return True
    fitting = [len(each) for each in state.packed.values() if len(each) <= state.budget]
    return not fitting or (len(fitting) == 1 and state.predicted_size > FINER * fitting[0])


def _pack_best(state: LossySearch) -> bytes:
    """The best packed well, which also measures ``well_per_quick``."""
    frames = state.reduction.reduce(state.image.frames, state.coarseness)
    content = pack_well(state.image, frames, flat=state.estimate.flat)
    state.packed[state.coarseness] = content
    state.well_per_quick = len(content) / state.best.size
    return content


def _finest_packed(state: LossySearch) -> Encoding:
    """The finest packed PNG that fits, or the smallest where none does."""
    packed = state.packed
    fitting = [x for x, content in packed.items() if len(content) <= state.budget]
    best = min(fitting) if fitting else min(packed, key=lambda x: len(packed[x]))
    return Encoding(
        content=packed[best],
        size=len(packed[best]),
        method=state.reduction.method,
        encodes=len(packed),
        acceptable=best <= state.reduction.search_range.coarsest,
    )
