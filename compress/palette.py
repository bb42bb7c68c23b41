"""Fewer colours: find a palette for an image, and decide whether to dither.

The coarseness is the number of halvings from 256 colours: 0 is 256 colours, 5 is 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageChops

Frames = tuple[Image.Image, ...]
ColourCounts = list[tuple[int, Any]]  # (pixels, colour), as Pillow's ``getcolors`` gives them

# Median cut and k-means sort every distinct colour, so they are for graphics of up to this many. A
# photo gets a dithered palette by octree: 79 points of SSIMULACRA 2 in 70 ms a megapixel, in place
# of 80 points in 4,700 ms.
MAX_GRAPHIC_COLOURS = 1 << 14
# A colour of this share of the pixels is a background, on which the eye sees the slightest tint.
BACKGROUND_SHARE = 0.02
# Below 8 colours (FLOOR) fewer pixels may look better, and a yellow arrow on a screenshot became
# grey with 4. So these numbers are tried only where no visible colour becomes another.
FLOOR = 5.0
COLOURS_BELOW_FLOOR = (6, 5, 4, 3, 2)
# A colour of this share of the pixels is visible, and becomes another one when a channel moves by
# this much, of 255. The colours that smooth the edges of lines move by less.
VISIBLE_SHARE, ANOTHER_COLOUR = 0.0005, 110


def is_graphic(image: Image.Image) -> bool:
    """Whether a good palette can be found: few colours, and no alpha channel.

    For images with alpha Pillow only has a coarse method.
    """
    return image.mode == "RGB" and _colour_counts(image) is not None


def coarseness_below_floor(image: Image.Image) -> Iterator[float]:
    """The coarseness of fewer and fewer colours, as long as each visible colour stays itself."""
    counts = _colour_counts(image.convert("RGB"))
    for colours in COLOURS_BELOW_FLOOR:
        if counts is None or not _keeps_visible_colours(counts, colours):
            break
        yield 8 - math.log2(colours)


def to_palette(frames: Frames, halvings: float) -> Frames:
    """The frames in mode P with one palette of 2^(8 - halvings) colours: an APNG has only one."""
    colours = round(2 ** (8 - halvings))
    tall = frames[0] if len(frames) == 1 else _stacked(frames)
    if tall.mode == "RGBA":
        paletted = tall.quantize(colours, method=Image.Quantize.FASTOCTREE)
    else:
        paletted = _quantise(tall.convert("RGB"), colours)
    width, height = frames[0].size
    tops = range(0, paletted.height, height)
    return tuple(paletted.crop((0, top, width, top + height)) for top in tops)


def _quantise(image: Image.Image, colours: int) -> Image.Image:
    counts = _colour_counts(image)
    if counts is None:
        palette = image.quantize(colours, method=Image.Quantize.FASTOCTREE)
        return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    palette = _graphic_palette(counts, colours)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _colour_counts(image: Image.Image) -> ColourCounts | None:
    """The colours of a graphic and how often each is used; None for a photo."""
    pixels = image.width * image.height
    return image.getcolors(min(MAX_GRAPHIC_COLOURS, max(pixels // 4, 256)))


def _keeps_visible_colours(counts: ColourCounts, colours: int) -> bool:
    visible = VISIBLE_SHARE * sum(count for count, _ in counts)
    pixels = b"".join(bytes(colour) for count, colour in counts if count >= visible)
    before = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    palette = _graphic_palette(counts, colours)
    after = before.quantize(palette=palette, dither=Image.Dither.NONE)
    moved = ImageChops.difference(before, after.convert("RGB"))
    return max(moved.tobytes()) < ANOTHER_COLOUR


def _graphic_palette(counts: ColourCounts, colours: int) -> Image.Image:
    """Backgrounds exactly as they are, or white would turn pink; other colours by median cut."""
    background = BACKGROUND_SHARE * sum(count for count, _ in counts)
    counts = sorted(counts, reverse=True)
    exact = [colour for count, colour in counts if count >= background][: colours // 4]
    others = counts[len(exact) :]
    entries = [value for colour in exact for value in colour]
    if others:
        mixed = _swatches(others).quantize(
            colours - len(exact), method=Image.Quantize.MEDIANCUT, kmeans=1
        )
        entries += mixed.getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(entries[: 3 * colours])
    return palette


def _swatches(counts: ColourCounts) -> Image.Image:
    """An image with each colour as many times as the square root of its count.

    It is quick to sort, and a small coloured detail keeps its colour beside a large background.
    """
    pixels = b"".join(bytes(colour) * math.isqrt(count) for count, colour in counts)
    return Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)


def _stacked(frames: Frames) -> Image.Image:
    """All frames in one image, from top to bottom."""
    width, height = frames[0].size
    tall = Image.new(frames[0].mode, (width, height * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame, (0, number * height))
    return tall
