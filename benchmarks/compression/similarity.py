"""How alike two files look: SSIMULACRA 2 of both as a browser shows them, in sRGB.

It is taken of the centre, 0.4 megapixels at most. A picture with alpha is shown over white and
over black, and the lower score counts; of an animation, the mean of three frames.
"""

from __future__ import annotations

import importlib
import io
import statistics

from PIL import Image, ImageCms, ImageOps

CROP_SIDE = 632  # pixels
MIN_SIDE = 8  # pixels: SSIMULACRA 2 calls anything smaller identical
SRGB = ImageCms.createProfile("sRGB")


def score(original: bytes, content: bytes) -> float:
    last = number_of_frames(original) - 1
    return statistics.fmean(
        _score(shown(original, frame), shown(content, frame))
        for frame in sorted({0, last // 2, last})
    )


def number_of_frames(content: bytes) -> int:
    """Those of an animation: the further images of an MPO are not frames."""
    image = Image.open(io.BytesIO(content))
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _score(before: Image.Image, after: Image.Image) -> float:
    after = resized(after, before.size)
    before, after = (enlarged(image.crop(centre(before.size))) for image in (before, after))
    grounds = ("white", "black") if "RGBA" in (before.mode, after.mode) else ("white",)
    return min(ssimulacra2(over(before, ground), over(after, ground)) for ground in grounds)


def ssimulacra2(before: Image.Image, after: Image.Image) -> float:
    if before.tobytes() == after.tobytes():
        return 100.0
    files = [io.BytesIO(), io.BytesIO()]
    for image, file in zip((before, after), files, strict=True):
        image.save(file, "PNG", compress_level=1)
    return float(importlib.import_module("ssimulacra2").compute_ssimulacra2(*files))


def shown(content: bytes, frame: int = 0) -> Image.Image:
    """The picture upright and in sRGB: RGBA where it has transparency, else RGB."""
    opened = Image.open(io.BytesIO(content))
    opened.seek(min(frame, number_of_frames(content) - 1))
    opened.load()
    profile = opened.info.get("icc_profile")
    image: Image.Image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        converted = in_srgb(image.convert("RGB"), profile)
        converted.putalpha(image.getchannel("A"))
        return converted
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return in_srgb(image, profile)


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return converted or image.convert("RGB")


def over(image: Image.Image, ground: str) -> Image.Image:
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB")


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def centre(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = (min(side, CROP_SIDE) for side in size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def enlarged(image: Image.Image, least: int = MIN_SIDE) -> Image.Image:
    """Repeats each pixel until the smaller side has at least that many."""
    factor = -(-least // min(image.size))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
