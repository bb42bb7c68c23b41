"""PNG: lossless where that is enough, else fewer levels a channel or fewer colours.

Of the two lossy ways the one with the smaller error wins: levels for photos (8 to 27 points of
SSIMULACRA 2 over a dithered palette at half the bytes), a palette for graphics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from pipeline.compress import colour, palette, png_chunks
from pipeline.compress.picture import Picture
from pipeline.compress.png_pack import SHARE_OF_FLAT, Outlook, outlook, packed
from pipeline.compress.png_way import Way
from pipeline.compress.search import Attempt, Knob
from pipeline.compress.source import Source

Frames = tuple[Image.Image, ...]

# Up to so many times the budget the encode is made: so far off can be its estimate, without loss
# and with.
HOPE, MARGIN = 1.1, 1.15

# Steps between levels: up to the first the error is so small that no palette is looked for;
# beyond the second even a photo shows bands.
STEP_WITHOUT_DOUBT, COARSEST_STEP = 8, 16
# d log(size) over half a step at about six, and over half as many colours; from the corpus.
SLOPE_OF_STEP, SLOPE_OF_COLOURS = -0.04, -0.2


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    extra = png_chunks.dress(**picture.dress())
    if source.format == "png":
        extra += png_chunks.colour_space(source.original, with_profile=bool(picture.profile))
    attempt = _shrink(picture, budget - len(extra))
    content = attempt.content and png_chunks.with_chunks(attempt.content, extra)
    return replace(attempt, content=content, size=attempt.size + len(extra))


def _shrink(picture: Picture, budget: int) -> Attempt:
    frames = colour.same_mode(colour.presentable(frame) for frame in picture.frames)
    plain = replace(picture, frames=tuple(colour.without_hidden(frame) for frame in frames))
    told = outlook(plain)
    if picture.animated or picture.image.mode == "I;16" or told.size <= HOPE * budget:
        exact = tuple(_without_loss(frame) for frame in picture.frames)
        content = packed(picture, exact, flat=told.flat)
        if len(content) <= budget:
            return Attempt(content=content, size=len(content), method="lossless")
    return _best(_ways(plain, told), budget)


def _without_loss(frame: Image.Image) -> Image.Image:
    """In one of the modes that can be packed, with the very same pixels."""
    if frame.mode == "P":
        frame = frame.copy()
        frame.apply_transparency()
    return frame if frame.mode in ("P", "I;16") else colour.presentable(frame)


def _ways(picture: Picture, told: Outlook) -> Iterator[Way]:
    grey = picture.image.mode == "L"
    graphic = palette.is_graphic(picture.image) and (told.flat or not grey)
    if graphic:
        yield _by_palette(picture, told)
    if not graphic or picture.image.getcolors(256) is None:  # Else a palette does it as well.
        yield _by_levels(picture, told)
    if not graphic and not grey:  # Of many greys a palette is the same as levels.
        yield _by_palette(picture, told)


def _best(ways: Iterator[Way], budget: int) -> Attempt:
    """The way with the smallest error, as quick encodes tell it; as a rule only it is packed."""
    searched: list[Way] = []
    for way in ways:
        searched.append(way.search(budget))
        if way.is_without_doubt(budget):
            break
    if len(searched) > 1:
        searched.sort(key=lambda way: (not way.may_fit(budget, MARGIN), way.error))
    attempts: list[Attempt] = []
    while searched and not (attempts and attempts[-1].fits(budget)):
        attempts.append(searched.pop(0).pack(budget))
    best = min(attempts, key=lambda attempt: (not attempt.fits(budget), attempt.size))
    return replace(best, encodes=sum(attempt.encodes for attempt in attempts))


def _by_levels(picture: Picture, told: Outlook) -> Way:
    knob = Knob(start=12, finest=2, coarsest=2 * COARSEST_STEP, slope=SLOPE_OF_STEP, whole=True)
    return Way(
        picture, _with_levels, "quality", knob, told, no_doubt=lambda x: x <= 2 * STEP_WITHOUT_DOUBT
    )


def _with_levels(frames: Frames, x: float) -> Frames:
    return tuple(colour.with_levels(frame, int(x)) for frame in frames)


def _by_palette(picture: Picture, told: Outlook) -> Way:
    """In doubt where as many colours as a palette holds fit: levels may use the rest."""
    counted = None if picture.animated else picture.image.getcolors(256)
    finest = math.log2(256 / len(counted)) if counted else 0.0
    floor = max(palette.FLOOR, finest)
    knob = Knob(start=finest, finest=finest, coarsest=floor, slope=SLOPE_OF_COLOURS)
    told = told if told.flat else replace(told, flat=True, part=picture.frames, share=SHARE_OF_FLAT)
    way = Way(picture, palette.reduced, "palette", knob, told, no_doubt=lambda x: x > 0)
    way.below_floor = lambda: max(palette.below_floor(picture.image), floor)
    return way
