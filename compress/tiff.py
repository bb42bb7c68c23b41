"""TIFF, with all its pages: lossless where that fits, otherwise as the pixels allow.

Graphics get a palette, photos become JPEG, 16-bit pages lose their lowest bits, and any other
mode gets fewer levels in each channel. What is a measurement keeps its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from compress import colour, palette
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding, lossless, save_to_bytes
from compress.input_image import InputImage
from compress.quality_search import SearchRange, finest_that_fits

# Tag 317, the predictor: 2 is the difference to the left neighbour (TIFF 6.0, section 14), 3 the
# same for floating point (Adobe's TIFF Technical Note 3).
PREDICTOR, HORIZONTAL, FLOATING_POINT = 317, 2, 3
DEFLATE = {"compression": "tiff_adobe_deflate"}
DEFLATE_HORIZONTAL = DEFLATE | {"tiffinfo": {PREDICTOR: HORIZONTAL}}
# How to compress without loss, by mode; DEFLATE_HORIZONTAL for the others.
LOSSLESS: dict[str, dict[str, Any]] = {
    "1": {"compression": "group4"},
    "P": DEFLATE,
    "F": DEFLATE | {"tiffinfo": {PREDICTOR: FLOATING_POINT}},
}

JPEG_MODES = {"L", "RGB", "CMYK"}
# The coarseness of each way: halvings of 256 colours; 100 - quality; bits that are cleared of 16;
# half a step between levels.
PALETTE = SearchRange(start=1, finest=0, coarsest=palette.FLOOR, slope=-0.2)
JPEG = SearchRange(start=20, finest=3, coarsest=65, slope=-0.025, integer=True)
BITS = SearchRange(start=4, finest=1, coarsest=8, slope=-0.15, integer=True)
LEVELS = SearchRange(start=12, finest=2, coarsest=32, slope=-0.04, integer=True)


def encode_tiff(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    exact = lossless(pack_tiff(image, source))
    modes = {frame.mode for frame in image.frames}
    if exact.fits(budget):
        return exact
    if all(_is_opaque_graphic(frame) for frame in image.frames):
        return _with_reduced_pages(image, budget, "palette", _to_palette, PALETTE)
    if modes <= JPEG_MODES:
        return _with_jpeg_pages(image, budget)
    if modes <= {"I;16"}:
        return _with_reduced_pages(image, budget, "quality", _clear_low_bits, BITS)
    if modes & {"I", "F"}:  # 32 bits: measurements
        return exact
    return _with_reduced_pages(image, budget, "quality", _posterise, LEVELS)


def pack_tiff(image: DecodedImage, source: InputImage) -> bytes:
    return _save_pages(image, image.frames)


def _with_jpeg_pages(image: DecodedImage, budget: int) -> Encoding:
    result = finest_that_fits(
        lambda x: _save_pages(image, image.frames, compression="jpeg", quality=100 - round(x)),
        budget,
        JPEG,
    )
    return result.encoding("quality", round(100 - result.best.coarseness))


def _with_reduced_pages(
    image: DecodedImage,
    budget: int,
    method: str,
    reduce: Callable[[Image.Image, float], Image.Image],
    search_range: SearchRange,
) -> Encoding:
    result = finest_that_fits(
        lambda x: _save_pages(image, tuple(reduce(frame, x) for frame in image.frames)),
        budget,
        search_range,
    )
    return result.encoding(method)


def _is_opaque_graphic(frame: Image.Image) -> bool:
    basic = colour.to_basic_mode(frame)
    return basic.mode == "RGB" and palette.is_graphic(basic)


def _to_palette(frame: Image.Image, halvings: float) -> Image.Image:
    return palette.to_palette((colour.to_basic_mode(frame),), halvings)[0]


def _posterise(frame: Image.Image, half_steps: float) -> Image.Image:
    return colour.posterise(colour.to_basic_mode(frame), int(half_steps))


def _clear_low_bits(frame: Image.Image, bits: float) -> Image.Image:
    """A 16-bit image with its lowest bits at zero, which deflate packs into almost nothing."""
    step = 2 ** int(bits)
    low = frame.convert("I").point(lambda value: value * (1 / step))
    return low.point(lambda value: value * step).convert("I;16")


def _save_pages(image: DecodedImage, pages: tuple[Image.Image, ...], **options: Any) -> bytes:
    """One file with these pages, the profile and, in the first page, the rights.

    Each page is lossless unless ``options`` say otherwise.
    """
    for page in pages:
        page.encoderinfo = options or LOSSLESS.get(page.mode, DEFLATE_HORIZONTAL)
    first, *others = pages
    options = first.encoderinfo  # as arguments of ``save`` they are for all pages
    rights = {name: text.encode() for name, text in image.rights._asdict().items() if text}
    first.encoderinfo = options | rights
    return save_to_bytes(
        first,
        "TIFF",
        save_all=True,
        append_images=others,
        icc_profile=image.profile,
        **options,
    )
