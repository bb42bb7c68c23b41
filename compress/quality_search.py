"""The search that all formats share: the finest encoding that fits into a number of bytes.

Each format names one parameter, its *coarseness*: a larger value loses more and takes fewer bytes.
The logarithm of the size falls about linearly with it, so a secant in ln(size) needs one to
three encodes. What the values mean is up to the format: 100 - quality, an exponent, a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from compress import time_limit
from compress.encoding import Encoding

# A result between this share of the budget and all of it ends the search, and the next candidate
# aims at the middle: with a budget of 50 % of the input that is (45, 50], aimed at 47.5 %.
GOOD_ENOUGH = 0.9
MAX_ENCODES = 4

EncodeAt = Callable[[float], bytes]


@dataclass(frozen=True, kw_only=True)
class SearchRange:
    """The coarseness values to search, and what is known of them before the first encode.

    ``slope`` is the change of ln(size) over one unit of coarseness, below 0; ``integer`` allows
    whole values only. An encoding that fits and takes more than the share ``good_enough`` of the
    budget ends the search.
    """

    start: float
    finest: float
    coarsest: float
    slope: float
    integer: bool = False
    good_enough: float = GOOD_ENOUGH

    def clamp(self, coarseness: float) -> float:
        coarseness = round(coarseness) if self.integer else coarseness
        return min(max(coarseness, self.finest), self.coarsest)

    def aim(self, budget: int) -> float:
        """The size in bytes to aim at: the middle of what is good enough."""
        return (1 + self.good_enough) / 2 * max(budget, 1)


@dataclass(frozen=True)
class Candidate:
    """One encode of the search."""

    coarseness: float
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class SearchResult:
    """The finest candidate that fits, or the smallest where none does; and how many were made."""

    best: Candidate
    encodes: int

    def encoding(
        self, method: str, quality: int | None = None, *, acceptable: bool = True
    ) -> Encoding:
        return Encoding(
            content=self.best.content,
            size=self.best.size,
            method=method,
            quality=quality and min(max(quality, 1), 100),
            encodes=self.encodes,
            acceptable=acceptable,
        )


def start_from_sample(
    encode: EncodeAt, budget: int, search_range: SearchRange, *, max_encodes: int, tolerance: float
) -> SearchRange:
    """The range with ``start`` estimated from a sample.

    ``encode`` encodes a part of the image, or all of it at a quicker setting; ``budget`` is for
    that sample. A sample within ``tolerance`` of the aim, in ln(size), ends the estimate.
    """
    tried: list[Candidate] = []
    coarseness = search_range.clamp(search_range.start)
    while len(tried) < max_encodes:
        tried.append(Candidate(coarseness, encode(coarseness)))
        coarseness = _next(tried, budget, search_range)
        is_close = abs(coarseness - tried[-1].coarseness) < abs(tolerance / search_range.slope)
        if is_close or time_limit.is_over():
            break
    return replace(search_range, start=coarseness)


def finest_that_fits(encode: EncodeAt, budget: int, search_range: SearchRange) -> SearchResult:
    """Search with at most ``MAX_ENCODES``; where nothing fits, the last one is at the coarsest."""
    tried: list[Candidate] = []
    coarseness = search_range.clamp(search_range.start)
    while True:
        tried.append(Candidate(coarseness, encode(coarseness)))
        if _is_done(tried, budget, search_range):
            return SearchResult(_best(tried, budget), len(tried))
        coarseness = _next(tried, budget, search_range)
        if len(tried) == MAX_ENCODES - 1 and all(each.size > budget for each in tried):
            coarseness = search_range.coarsest


def _best(tried: list[Candidate], budget: int) -> Candidate:
    fitting = [each for each in tried if each.size <= budget]
    if fitting:
        return max(fitting, key=lambda each: each.size)
    return min(tried, key=lambda each: each.size)


def _is_done(tried: list[Candidate], budget: int, search_range: SearchRange) -> bool:
    last = tried[-1]
    if last.size <= budget:
        close = last.size >= search_range.good_enough * budget
        good = close or last.coarseness <= search_range.finest
    else:
        good = last.coarseness >= search_range.coarsest
    is_last = len(tried) == MAX_ENCODES or time_limit.is_over()
    return good or is_last or _next(tried, budget, search_range) == last.coarseness


def _next(tried: list[Candidate], budget: int, search_range: SearchRange) -> float:
    """The next coarseness: by a secant through the last two candidates.

    Where the secant leaves the interval in which the budget is known to lie, its middle instead.
    """
    too_large = [each.coarseness for each in tried if each.size > budget]
    fitting = [each.coarseness for each in tried if each.size <= budget]
    low = max(too_large, default=search_range.finest)
    high = min(fitting, default=search_range.coarsest)
    last = tried[-1]
    step = math.log(search_range.aim(budget) / max(last.size, 1)) / _slope(tried, search_range)
    coarseness = search_range.clamp(last.coarseness + step)
    outside = coarseness <= low or (coarseness >= high and last.size > budget)
    if too_large and fitting and outside:
        return search_range.clamp((low + high) / 2)
    return coarseness


def _slope(tried: list[Candidate], search_range: SearchRange) -> float:
    """d ln(size) / d coarseness of the last two candidates, within a factor of 3 of the expected.

    The expected slope itself where there is only one candidate.
    """
    if len(tried) < 2 or tried[-1].coarseness == tried[-2].coarseness:
        return search_range.slope
    before, last = tried[-2:]
    measured = math.log(last.size / before.size) / (last.coarseness - before.coarseness)
    return min(max(measured, 3 * search_range.slope), search_range.slope / 3)
