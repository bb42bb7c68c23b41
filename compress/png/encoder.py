"""PNG: lossless where that is enough, else fewer levels a channel or fewer colours.

Of the two lossy ways the one with the smaller error wins: levels for photos (8 to 27 points of
SSIMULACRA 2 over a dithered palette at half the bytes), a palette for graphics.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

from PIL import Image

from compress import colour, palette
from compress.decoded_image import Picture
from compress.input_image import Source
from compress.png import chunks, row_filters
from compress.png.lossy_search import Way
from compress.png.packing import SHARE_OF_FLAT, Outlook, outlook, packed
from compress.quality_search import Attempt, Knob

Frames = tuple[Image.Image, ...]

# Up to so many times the budget the encode is made: so far off can be its estimate, without loss
# (of a small picture, which is quickly tried with more filters, farther) and with.
HOPE, HOPE_OF_SMALL, MARGIN = 1.1, 1.35, 1.15

# Steps between levels: up to the first the error is so small that no palette is looked for;
# beyond the second even a photo shows bands.
STEP_WITHOUT_DOUBT, COARSEST_STEP = 8, 16
# Half steps that divide 256: PNG's filters count modulo 256, and then stay on the levels.
FAVOURED = (16, 8, 4)
# d log(size) over half a step at about six, and over half as many colours; from the corpus.
SLOPE_OF_STEP, SLOPE_OF_COLOURS = -0.04, -0.2
# Where to start: a lossless encode of up to FULL times the budget fits with 256 colours; each
# doubling beyond takes about GUESS halvings of them.
FULL, GUESS = 2.2, 2.7


def shrink(picture: Picture, budget: int, source: Source) -> Attempt:
    extra = chunks.dress(**picture.dress())
    if source.format == "png":
        extra += chunks.colour_space(source.original, with_profile=bool(picture.profile))
    attempt = _shrink(picture, max(budget - len(extra), 1))
    content = attempt.content and chunks.with_chunks(attempt.content, extra)
    return replace(attempt, content=content, size=attempt.size + len(extra))


def _shrink(picture: Picture, budget: int) -> Attempt:
    frames = colour.same_mode(colour.presentable(frame) for frame in picture.frames)
    plain = replace(picture, frames=tuple(colour.without_hidden(frame) for frame in frames))
    told = outlook(plain)
    exact = _exact(picture, told, budget)
    if exact and len(exact) <= budget:
        return Attempt(content=exact, size=len(exact), method="lossless")
    return _best(_ways(plain, told, budget))


def _exact(picture: Picture, told: Outlook, budget: int) -> bytes:
    """The picture without loss; nothing where that has no hope to fit."""
    image = picture.image
    hope = HOPE_OF_SMALL if image.width * image.height <= row_filters.SMALL else HOPE
    if picture.animated or image.mode == "I;16" or told.size <= hope * budget:
        frames = tuple(_without_loss(frame) for frame in picture.frames)
        return packed(picture, frames, flat=told.flat)
    return b""


def _without_loss(frame: Image.Image) -> Image.Image:
    """In one of the modes that can be packed, with the very same pixels."""
    if frame.mode == "P":
        frame = frame.copy()
        frame.apply_transparency()
    return frame if frame.mode in ("P", "I;16") else colour.presentable(frame)


def _ways(picture: Picture, told: Outlook, budget: int) -> list[Way]:
    """The lossy ways that are worth a comparison."""
    image = picture.image
    if palette.is_graphic(image) or (image.mode == "L" and told.flat):
        way = _by_palette(picture, told, budget)
        # If it loses colours to fit, levels lose more; if it fits, they may use the rest.
        few = way.x > 0 or image.getcolors(256) is not None
        return [way] if few else [way, _by_levels(picture, told, budget)]
    way = _by_levels(picture, told, budget)
    fine = way.x <= 2 * STEP_WITHOUT_DOUBT and way.foretold <= budget
    # Of many greys, a palette is the same as levels.
    return [way] if fine or image.mode == "L" else [way, _by_palette(picture, told, budget)]


def _best(ways: list[Way]) -> Attempt:
    """The way with the smallest error, as quick encodes tell it; as a rule only it is packed."""
    if len(ways) > 1:
        ways.sort(key=lambda way: (way.foretold > MARGIN * way.budget, way.error))
    attempts = [ways[0].attempt()]
    for way in ways[1:]:
        if not attempts[-1].fits(way.budget):
            attempts.append(way.attempt())
    best = min(attempts, key=lambda attempt: (not attempt.fits(ways[0].budget), attempt.size))
    return replace(best, encodes=sum(attempt.encodes for attempt in attempts))


def _by_levels(picture: Picture, told: Outlook, budget: int) -> Way:
    knob = Knob(start=12, finest=2, coarsest=2 * COARSEST_STEP, slope=SLOPE_OF_STEP, whole=True)
    return Way(picture, _with_levels, "quality", knob, told, budget, favoured=FAVOURED)


def _with_levels(frames: Frames, x: float) -> Frames:
    return tuple(colour.with_levels(frame, int(x)) for frame in frames)


def _by_palette(picture: Picture, told: Outlook, budget: int) -> Way:
    counted = None if picture.animated else picture.image.getcolors(256)
    finest = math.log2(256 / len(counted)) if counted else 0.0
    floor = max(palette.FLOOR, finest)
    start = min(max(GUESS * math.log2(told.size / (FULL * budget)), finest), floor)
    told = told if told.flat else replace(told, flat=True, part=picture.frames, share=SHARE_OF_FLAT)
    knob = Knob(start=start, finest=finest, coarsest=floor, slope=SLOPE_OF_COLOURS)
    below = functools.partial(palette.below_floor, picture.image)
    return Way(picture, palette.reduced, "palette", knob, told, budget, below)
