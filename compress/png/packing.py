"""Frames as a PNG or an APNG without ancillary chunks: quickly, to predict its size, or well."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from compress.decoded_image import DecodedImage
from compress.png.apng import write_apng
from compress.png.optimiser import Effort, final_effort, optimise, quick_effort
from compress.png.uncompressed import bit_depth

Frames = tuple[Image.Image, ...]


def pack_quickly(image: DecodedImage, frames: Frames, *, flat: bool) -> bytes:
    return _pack(image, frames, quick_effort(flat=flat))


def pack_well(image: DecodedImage, frames: Frames, *, flat: bool) -> bytes:
    return _pack(image, frames, final_effort(frames[0], flat=flat))


def _pack(image: DecodedImage, frames: Frames, effort: Effort) -> bytes:
    """The ``frames`` with the timing and the profile of ``image``."""
    if len(frames) > 1:
        depth = max(bit_depth(frame) for frame in frames)
        return write_apng(
            replace(image, frames=frames),
            lambda frame: optimise(frame, effort, depth=depth, reduce_mode=False, allow_grey=False),
        )
    allow_grey = not image.profile  # a profile for colours does not describe greys
    return optimise(frames[0], effort, reduce_mode=True, allow_grey=allow_grey)
