"""Convert a decoded image to what an output format can hold: modes, orientation, colour profile."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from compress import colour
from compress.decoded_image import DecodedImage

# How to turn the pixels for each value of EXIF's orientation tag, 274.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A colour profile that takes more than this share of the budget is applied and left out.
MAX_PROFILE_SHARE = 0.15


def to_format(image: DecodedImage, format: str, *, animates: bool) -> DecodedImage:
    """The image as another format can hold it; only the first frame unless the format animates.

    The orientation is applied, because viewers of the new format may not know the tag; CMYK
    becomes RGB, and in a JPEG transparent pixels become white.
    """
    image = _upright(image)
    frames = image.frames if animates and image.animated else image.frames[:1]
    if any(frame.mode == "CMYK" for frame in frames) and image.profile:
        frames = tuple(colour.to_srgb(frame, image.profile) for frame in frames)
        image = replace(image, profile=b"")
    frames = colour.to_common_mode(colour.to_basic_mode(frame) for frame in frames)
    if format == "jpeg":
        frames = tuple(colour.flatten_on_white(frame) for frame in frames)
    durations = image.durations if len(frames) > 1 else ()
    return replace(image, frames=frames, durations=durations)


def apply_costly_profile(image: DecodedImage, budget: int) -> DecodedImage:
    """In sRGB without a profile, where the profile is too large or not one for these pixels."""
    profile = image.profile
    matches = all(colour.profile_matches(profile, frame.mode) for frame in image.frames)
    if not profile or (matches and len(profile) <= MAX_PROFILE_SHARE * budget):
        return image
    frames = tuple(colour.to_srgb(frame, profile) for frame in image.frames)
    return replace(image, frames=frames, profile=b"")


def _upright(image: DecodedImage) -> DecodedImage:
    """The orientation applied to the pixels."""
    if image.orientation == 1:
        return image
    method = TRANSPOSITIONS[image.orientation]
    frames = tuple(frame.transpose(method) for frame in image.frames)
    return replace(image, frames=frames, orientation=1)
