"""Check untrusted bytes and open them as an image, or say in a sentence why that is not possible.

Only headers are read here, so that no pixel is decoded before the size is known to be allowed.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from compress import avif_boxes
from compress.gif import blocks
from compress.icon_entries import icon_pixels
from compress.options import Unreadable

# Pillow's names of the formats it may decode: an allow-list, because each decoder is a target for
# attackers. Pillow opens an MPO (a JPEG with further images behind it) with its JPEG decoder.
ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "ICO")
FORMAT_NAMES = {name: name.lower() for name in ACCEPTED} | {"MPO": "jpeg"}

# What Pillow's decoders raise on damaged files, found by feeding them mutations of each format.
DECODER_ERRORS = (
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

# The first bytes of the accepted formats: a file that has them and cannot be opened is damaged.
ACCEPTED_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM.{4}\0\0\0\0|\0\0\x01\0[^\0]\0"
    rb"|....ftypavi[fs]",
    re.DOTALL,
)
# The start of other files that shops upload, and what to call them.
OTHER_KINDS = (
    (rb"....ftyp(?:he[iv]|m[is]f1)", "a HEIC photo, which browsers cannot show: save it as JPEG"),
    (rb"%PDF", "a PDF document, not a picture"),
    (rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg",
     "an SVG drawing, not a picture made of pixels"),
    (rb"\s*<(?:!doctype|html|head|body|\?xml|!--)", "a web page, not a picture"),
    (rb"\s*[\[{]", "text, not a picture"),
)  # fmt: skip

# Eleven minutes at 15 frames a second, more than any real animation. Frames are limited as well as
# pixels, because a frame of one pixel costs far more work than one pixel.
MAX_FRAMES = 10_000
ICON = b"\0\0\1\0"
TILE_WIDTH, TILE_LENGTH, PLANES, SEPARATE_PLANES = 322, 323, 284, 2  # tags of a TIFF, and a value


@dataclass(frozen=True, kw_only=True)
class InputImage:
    """An image that was checked and opened, but not decoded.

    ``original`` is the file as it came; ``size_without_metadata`` its size in bytes once its
    metadata is removed, or its full size until that is known. ``may_lose_pixels``: whether fewer
    pixels are allowed, where less precision does not fit or would look worse.
    """

    original: bytes
    pillow_image: Image.Image
    format: str
    frame_count: int
    size_without_metadata: int
    may_lose_pixels: bool = True

    @property
    def is_lossless(self) -> bool:
        """Whether its format kept each colour as it was drawn; so a TIFF, which is rarely lossy."""
        if self.format == "webp":
            return b"VP8L" in self.original[:64]
        return self.format not in ("jpeg", "avif")


def open_image(original: bytes, max_pixels: int) -> InputImage:
    """Raises Unreadable for what is not an image, is damaged, or has more than ``max_pixels``.

    ``max_pixels`` is for all frames together. Some damage shows as one of DECODER_ERRORS instead.
    """
    if original.startswith(ICON) and icon_pixels(original) > max_pixels:
        raise too_large(max_pixels)  # Pillow decodes the first image of an icon as it opens it
    image = _open(original)
    format = FORMAT_NAMES[image.format or ""]
    frames, pixels = _frames_and_pixels(original, image, format)
    if frames > MAX_FRAMES or pixels > max_pixels:
        raise too_large(max_pixels)
    return InputImage(
        original=original,
        pillow_image=image,
        format=format,
        frame_count=frames,
        size_without_metadata=len(original),
    )


def too_large(max_pixels: int) -> Unreadable:
    megapixels = f"{max_pixels / 1_000_000:g}"
    return Unreadable(
        "image_too_large",
        f"The picture has more than the {megapixels} million pixels allowed, over all its frames.",
    )


def damaged() -> Unreadable:
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
    if ACCEPTED_MAGIC.match(head):
        return damaged()
    for pattern, what in OTHER_KINDS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return Unreadable("not_an_image", f"This is {what}.")
    return Unreadable(
        "not_an_image",
        "This is not a picture in JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP or ICO.",
    )


def _frames_and_pixels(original: bytes, image: Image.Image, format: str) -> tuple[int, int]:
    """The number of frames, and of the pixels in all of them, from the headers."""
    width, height = image.size
    if format == "jpeg":  # Only the first image of an MPO is kept.
        return 1, width * height
    if format == "ico":
        return len(image.info["sizes"]), icon_pixels(original)
    if format == "tiff":
        return _count_pages(image)
    if format == "gif":
        frames = blocks.count_frames(original, MAX_FRAMES + 1)
        return max(frames, 1), frames * blocks.canvas_pixels(original)
    frames = getattr(image, "n_frames", 1)
    largest = avif_boxes.largest_picture(original) if format == "avif" else 0
    return frames, frames * max(width * height, largest)


def _count_pages(image: Image.Image) -> tuple[int, int]:
    """The pages of a TIFF and their pixels; each page has a size of its own."""
    pixels = 0
    for page in range(MAX_FRAMES + 1):
        try:
            image.seek(page)
        except EOFError:
            image.seek(0)
            return page, pixels
        pixels += _decoded_pixels(image)
    return MAX_FRAMES + 1, pixels


def _decoded_pixels(page: Image.Image) -> int:
    """Of a page of a TIFF: more than it shows where strips repeat, or tiles go beyond its edges."""
    tags = getattr(page, "tag_v2", {})
    boxes = (tile[1] or (0, 0, 0, 0) for tile in getattr(page, "tile", ()))
    drawn = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    if tags.get(PLANES) == SEPARATE_PLANES:
        drawn //= len(page.getbands())
    tile_width, tile_height = tags.get(TILE_WIDTH) or 1, tags.get(TILE_LENGTH) or 1
    across, down = -(-page.width // tile_width), -(-page.height // tile_height)
    return max(int(across * tile_width * down * tile_height), drawn)
