"""Fewer colours: which palette, and whether to dither."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageChops

Frames = tuple[Image.Image, ...]
Counted = list[tuple[int, Any]]  # (pixels, colour), as `getcolors` gives them

# Median cut and k-means sort every distinct colour, so they are for graphics; a photo takes the
# octree, dithered (79 points of SSIMULACRA 2 at 70 ms a megapixel, against 80 at 4,700).
MANY_COLOURS = 1 << 14
# A colour of this share of the pixels is a ground, on which the eye sees the slightest tint.
COMMON = 0.02
# The knob counts halvings from 256 colours. Below 8 colours fewer pixels may look better, and
# with 4, a yellow arrow on a screenshot was grey: so few only where no colour is lost.
FLOOR = 5.0
FEWER_COLOURS = (6, 5, 4, 3, 2)
# A colour of this share of the pixels is seen, and this far off in a channel it is another one;
# what smooths the edge of a line moves less.
SEEN, ANOTHER = 0.0005, 110


def is_graphic(image: Image.Image) -> bool:
    """Whether a good palette can be had: few colours, and no alpha, for which Pillow only has a
    coarse method.
    """
    return image.mode == "RGB" and counted(image) is not None


def below_floor(image: Image.Image) -> Iterator[float]:
    """Values of the knob for even fewer colours, while each is still the colour it was."""
    found = counted(image.convert("RGB"))
    for colours in FEWER_COLOURS:
        if found is None or not _keep_each(found, colours):
            break
        yield 8 - math.log2(colours)


def _keep_each(found: Counted, colours: int) -> bool:
    seen = SEEN * sum(count for count, _ in found)
    pixels = b"".join(bytes(colour) for count, colour in found if count >= seen)
    before = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    after = before.quantize(palette=_palette_of(found, colours), dither=Image.Dither.NONE)
    moved = ImageChops.difference(before, after.convert("RGB"))
    return max(moved.tobytes()) < ANOTHER


def counted(image: Image.Image) -> Counted | None:
    """The colours of a graphic, how often each; None for a photo."""
    return image.getcolors(min(MANY_COLOURS, max(image.width * image.height // 4, 256)))


def reduced(frames: Frames, x: float) -> Frames:
    """All frames in one palette of 2 ** (8 - x) colours, because an APNG has a single one."""
    colours = round(2 ** (8 - x))
    tall = frames[0] if len(frames) == 1 else _stacked(frames)
    if tall.mode == "RGBA":
        paletted = tall.quantize(colours, method=Image.Quantize.FASTOCTREE)
    else:
        paletted = _opaque_with_palette(tall.convert("RGB"), colours)
    width, height = frames[0].size
    tops = range(0, paletted.height, height)
    return tuple(paletted.crop((0, top, width, top + height)) for top in tops)


def _opaque_with_palette(image: Image.Image, colours: int) -> Image.Image:
    found = counted(image)
    if found is None:
        palette = image.quantize(colours, method=Image.Quantize.FASTOCTREE)
        return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    palette = _palette_of(found, colours)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _palette_of(found: Counted, colours: int) -> Image.Image:
    """Grounds as they are, or white would turn pink; the other colours by median cut."""
    ground = COMMON * sum(count for count, _ in found)
    found = sorted(found, reverse=True)
    exact = [colour for count, colour in found if count >= ground][: colours // 4]
    others = found[len(exact) :]
    entries = [value for colour in exact for value in colour]
    if others:
        mixed = _swatches(others).quantize(
            colours - len(exact), method=Image.Quantize.MEDIANCUT, kmeans=1
        )
        entries += mixed.getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(entries[: 3 * colours])
    return palette


def _swatches(found: Counted) -> Image.Image:
    """Each colour as many times as the root of its count: quick to sort, and a small coloured
    detail keeps its colour against a large ground.
    """
    pixels = b"".join(bytes(colour) * math.isqrt(count) for count, colour in found)
    return Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)


def _stacked(frames: Frames) -> Image.Image:
    width, height = frames[0].size
    tall = Image.new(frames[0].mode, (width, height * len(frames)))
    for number, frame in enumerate(frames):
        tall.paste(frame, (0, number * height))
    return tall
