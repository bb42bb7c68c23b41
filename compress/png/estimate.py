"""Estimate how large a PNG will be when it is packed well, from quick encodes of a sample."""

from __future__ import annotations

from dataclasses import dataclass

from compress.decoded_image import DecodedImage
from compress.png.packing import Frames, pack_quickly
from compress.sampling import sample_strips

# Bytes when packed well for each byte of a quick encode: of flat colours, and of photos by mode.
WELL_PER_QUICK_FLAT = 0.95
WELL_PER_QUICK_PHOTO = {"L": 0.77, "RGB": 0.84, "RGBA": 0.84, "I;16": 0.84}
# Filters have to leave less than this share, because levels and palettes will make any image
# flatter than it is now.
WORTH_FILTERING = 0.9
MAX_FLAT_SEARCHED_WHOLE = 2_000_000  # pixels
STRIP_ROWS = 16
WORTH_A_SAMPLE = 600_000  # pixels


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What quick encodes predict of an image.

    ``flat``: its rows pack better unfiltered than filtered, as those of a drawing do. ``size``: the
    bytes it takes when it is packed well, without loss. ``sample``: what a search need encode,
    strips of a large still or all frames. ``well_per_quick``: the bytes of the whole image, packed
    well, for each byte of a quick encode of the sample.
    """

    flat: bool
    size: float
    sample: Frames
    well_per_quick: float


def estimate(image: DecodedImage) -> Estimate:
    sample, share = _sample(image)
    flat, photo = (len(pack_quickly(image, sample, flat=each)) for each in (True, False))
    per_quick = WELL_PER_QUICK_PHOTO[sample[0].mode]
    if photo * per_quick < flat * WELL_PER_QUICK_FLAT * WORTH_FILTERING:
        return Estimate(
            flat=False,
            size=photo * per_quick / share,
            sample=sample,
            well_per_quick=per_quick / share,
        )
    # Flat colours repeat over the whole image, so a part predicts too little of it.
    whole = flat if share == 1 else len(pack_quickly(image, image.frames, flat=True))
    if image.pixels <= MAX_FLAT_SEARCHED_WHOLE:
        sample, flat = image.frames, whole
    return Estimate(
        flat=True,
        size=whole * WELL_PER_QUICK_FLAT,
        sample=sample,
        well_per_quick=whole / flat * WELL_PER_QUICK_FLAT,
    )


def _sample(image: DecodedImage) -> tuple[Frames, float]:
    """The frames to encode quickly, and their share of the whole image."""
    frame = image.first_frame
    is_small = image.pixels <= WORTH_A_SAMPLE
    if image.animated or is_small or frame.mode not in ("L", "RGB", "RGBA"):
        return image.frames, 1.0
    strips, share = sample_strips(frame, STRIP_ROWS)
    return (strips,), share
