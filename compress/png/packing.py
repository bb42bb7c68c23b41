"""Frames → a PNG or APNG without any further chunk: quickly to learn its size, or well."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from compress import probe
from compress.decoded_image import Picture
from compress.png import apng, row_filters
from compress.png.row_filters import QUICK_FLAT, QUICK_PHOTO, Effort

Frames = tuple[Image.Image, ...]

# What packing well leaves of a quick encode: of flat colours, of photos in colour and in grey.
SHARE_OF_FLAT = 0.95
SHARE_OF_PHOTO = {"L": 0.77, "RGB": 0.84, "RGBA": 0.84, "I;16": 0.84}
# Filters have to save this much, for levels and palettes make any picture flatter.
WORTH_FILTERING = 0.9
LARGEST_WHOLE = 2_000_000  # pixels of flat colours that are searched as a whole
BLOCK = 16  # pixels: the height of the strips in a sample
WORTH_A_SAMPLE = 600_000  # pixels


@dataclass(frozen=True)
class Outlook:
    """What quick encodes tell of a picture.

    ``flat``: rows pack better as they are than filtered, as in a drawing. ``size``: about the
    bytes of packing it well. Of a large still, only a ``part`` need be encoded; each byte that
    quick encodes of it take stands for ``share`` bytes.
    """

    flat: bool
    size: float
    part: Frames
    share: float


def outlook(picture: Picture) -> Outlook:
    part, portion = _part(picture)
    flat, photo = (len(quick(picture, part, flat=each)) for each in (True, False))
    share = SHARE_OF_PHOTO[part[0].mode]
    if photo * share < flat * SHARE_OF_FLAT * WORTH_FILTERING:
        return Outlook(False, photo * share / portion, part, share / portion)
    # Flat colours repeat over the whole picture, so a part tells too little of it.
    whole = flat if portion == 1 else len(quick(picture, picture.frames, flat=True))
    if picture.image.width * picture.image.height <= LARGEST_WHOLE:
        part, flat = picture.frames, whole
    return Outlook(True, whole * SHARE_OF_FLAT, part, whole / flat * SHARE_OF_FLAT)


def _part(picture: Picture) -> tuple[Frames, float]:
    """What to encode quickly, and the share of the whole it holds."""
    image = picture.image
    is_large = image.width * image.height > WORTH_A_SAMPLE
    if picture.animated or not is_large or image.mode not in ("L", "RGB", "RGBA"):
        return picture.frames, 1.0
    strips, portion = probe.strips(image, BLOCK)
    return (strips,), portion


def quick(picture: Picture, frames: Frames, *, flat: bool) -> bytes:
    return _encoded(picture, frames, QUICK_FLAT if flat else QUICK_PHOTO)


def packed(picture: Picture, frames: Frames, *, flat: bool) -> bytes:
    return _encoded(picture, frames, row_filters.effort(frames[0], flat=flat))


def _encoded(picture: Picture, frames: Frames, how: Effort) -> bytes:
    if len(frames) > 1:
        depth = max(row_filters.depth_of(frame) for frame in frames)
        return apng.joined(
            replace(picture, frames=frames),
            lambda frame: row_filters.packed(frame, how, depth=depth, reduce=False, to_grey=False),
        )
    to_grey = not picture.profile  # A profile for colours is not one for greys.
    return row_filters.packed(frames[0], how, reduce=True, to_grey=to_grey)
