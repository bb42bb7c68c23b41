"""The registry of formats: what each one can do, and the function that encodes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compress.avif import encode_avif, remove_avif_metadata
from compress.bmp import remove_bmp_metadata
from compress.decoded_image import DecodedImage
from compress.encoding import Encoding
from compress.gif.blocks import remove_gif_metadata
from compress.gif.encoder import encode_gif
from compress.ico import encode_ico, pack_ico
from compress.icon_entries import remove_ico_metadata
from compress.input_image import InputImage
from compress.jpeg import encode_jpeg, remove_jpeg_metadata
from compress.png.chunks import remove_png_metadata
from compress.png.encoder import encode_png, pack_png
from compress.tiff import encode_tiff, pack_tiff
from compress.tiff_tags import remove_tiff_metadata
from compress.webp import encode_webp, pack_webp, remove_webp_metadata


@dataclass(frozen=True)
class Format:
    """One format.

    ``encode(image, budget, source)`` gives the finest encoding of at most ``budget`` bytes; where
    there is none, the smallest. It keeps the dimensions of ``image``; from the ``source`` it may
    learn how the input was encoded.
    ``remove_metadata(original, exif)`` gives the file with ``exif`` as its only metadata and its
    pixels untouched; empty where that is not possible.
    ``pack(image, source)`` gives the image without any loss, as small as it gets; empty where that
    is not possible.
    """

    extension: str
    encode: Callable[[DecodedImage, int, InputImage], Encoding]
    remove_metadata: Callable[[bytes, bytes], bytes]
    animates: bool = False
    pack: Callable[[DecodedImage, InputImage], bytes] | None = None


FORMATS = {
    "jpeg": Format("jpg", encode_jpeg, remove_jpeg_metadata),
    "png": Format("png", encode_png, remove_png_metadata, animates=True, pack=pack_png),
    "webp": Format("webp", encode_webp, remove_webp_metadata, animates=True, pack=pack_webp),
    "avif": Format("avif", encode_avif, remove_avif_metadata, animates=True),
    "gif": Format("gif", encode_gif, remove_gif_metadata, animates=True),
    "tiff": Format("tif", encode_tiff, remove_tiff_metadata, pack=pack_tiff),
    "ico": Format("ico", encode_ico, remove_ico_metadata, pack=pack_ico),
    # Only ever returned as it came: see output_format.
    "bmp": Format("bmp", encode_png, remove_bmp_metadata),
}
COMPATIBLE = ("jpeg", "png", "gif")  # what every shop and every program takes


def output_format(asked: str, input_format: str, *, suits_jpeg: bool) -> str:
    """The format to write, where ``asked`` may be "keep" or "compatible"; a BMP has no compression
    to speak of. ``suits_jpeg``: it is one picture without transparency.
    """
    if asked == "compatible" and input_format not in COMPATIBLE:
        return "jpeg" if suits_jpeg else "png"
    if asked not in ("keep", "compatible"):
        return asked
    return "png" if input_format == "bmp" else input_format
