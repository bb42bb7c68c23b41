"""Bytes of unknown origin → an opened picture within the limits, or a sentence that says why not.

Everything here reads headers only; nothing is decoded before the size was checked.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from compress.gif import blocks
from compress.options import Unreadable

# Pillow's names. An allow-list, because every decoder is a way in for an attacker; an MPO comes
# through "JPEG".
ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "ICO")
FORMAT_NAMES = {name: name.lower() for name in ACCEPTED} | {"MPO": "jpeg"}

# What the decoders raise on damaged files: found by feeding them mutations of every format.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    AttributeError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)

MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM.{4}\0\0\0\0|\0\0\x01\0[^\0]\0"
    rb"|....ftypavi[fs]",
    re.DOTALL,
)
OTHER_KINDS = (
    (rb"....ftyp(?:he[iv]|m[is]f1)", "a HEIC photo, which browsers cannot show: save it as JPEG"),
    (rb"%PDF", "a PDF document, not a picture"),
    (rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg",
     "an SVG drawing, not a picture made of pixels"),
    (rb"\s*<(?:!doctype|html|head|body|\?xml|!--)", "a web page, not a picture"),
    (rb"\s*[\[{]", "text, not a picture"),
)  # fmt: skip

# No honest animation comes near it (ten minutes at 15 frames a second); without a limit, one-pixel
# frames would cost far more work than their pixels say.
LARGEST_FRAMES = 10_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """An opened picture: checked, not decoded. ``bare`` is its size in bytes without metadata."""

    original: bytes
    image: Image.Image
    format: str
    frames: int
    bare: int


def opened(original: bytes, max_pixels: int) -> Source:
    """Raises Unreadable for what is no picture, broken or larger than ``max_pixels`` in all."""
    image = _open(original)
    format = FORMAT_NAMES[image.format or ""]
    frames, pixels = _extent(original, image, format)
    if frames > LARGEST_FRAMES or pixels > max_pixels:
        raise too_large(max_pixels)
    return Source(original=original, image=image, format=format, frames=frames, bare=len(original))


def too_large(max_pixels: int) -> Unreadable:
    megapixels = f"{max_pixels / 1_000_000:g}"
    return Unreadable(
        "image_too_large",
        f"The picture has more than the {megapixels} million pixels allowed, over all its frames.",
    )


def broken() -> Unreadable:
    return Unreadable("broken_image", "The picture is cut off or damaged and cannot be read.")


def _open(original: bytes) -> Image.Image:
    if not original:
        raise Unreadable("empty_image", "The file is empty.")
    try:
        return Image.open(io.BytesIO(original), formats=ACCEPTED)
    except UnidentifiedImageError:
        raise _unidentified(original) from None


def _unidentified(original: bytes) -> Unreadable:
    head = original[:1024]
    if MAGIC.match(head):
        return broken()
    for pattern, what in OTHER_KINDS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return Unreadable("not_an_image", f"This is {what}.")
    return Unreadable(
        "not_an_image",
        "This is not a picture in JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP or ICO.",
    )


def _extent(original: bytes, image: Image.Image, format: str) -> tuple[int, int]:
    """Frames, and pixels in all of them, from the headers."""
    width, height = image.size
    if format == "jpeg":  # An MPO's further pictures are a payload that is not kept.
        return 1, width * height
    if format == "ico":
        sizes = image.info["sizes"]
        return len(sizes), sum(w * h for w, h in sizes)
    if format == "tiff":
        return _pages(image)
    if format == "gif":
        frames = blocks.count_frames(original, LARGEST_FRAMES + 1)
        return max(frames, 1), frames * width * height
    frames = getattr(image, "n_frames", 1)
    return frames, frames * width * height


def _pages(image: Image.Image) -> tuple[int, int]:
    pixels = 0
    for page in range(LARGEST_FRAMES + 1):
        try:
            image.seek(page)
        except EOFError:
            image.seek(0)
            return page, pixels
        pixels += image.width * image.height
    return LARGEST_FRAMES + 1, pixels
