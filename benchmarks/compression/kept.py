"""What of a picture's metadata, transparency, orientation and timing must stay or must go."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from tests.unit.compress_samples import timing

KEPT_EXIF = {0x112, 0x13B, 0x8298}  # orientation, artist, copyright


def broken_promises(original: bytes, content: bytes, scale: float) -> str:
    """What is missing or left of the contract, in words; empty when nothing."""
    before, after = (Image.open(io.BytesIO(each)) for each in (original, content))
    exif = after.getexif()
    found = {
        "GPS left": 0x8825 in exif,
        "EXIF left": after.format != "TIFF" and bool(set(exif) - KEPT_EXIF),
        "XMP left": "xmp" in after.info or "XML:com.adobe.xmp" in after.info,
        "comment left": bool(after.info.get("comment")),
        "transparency lost": transparent(before) and not after.has_transparency_data,
        "orientation lost": displayed(before) != displayed(after) and scale == 1,
        "timing changed": before.format != "MPO" and timing(original) != timing(content),
    }
    return ", ".join(promise for promise, is_broken in found.items() if is_broken)


def transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] != 255


def displayed(image: Image.Image) -> tuple[int, int]:
    return ImageOps.exif_transpose(image).size
