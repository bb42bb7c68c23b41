"""Modes, colour profiles and backgrounds: which pixels stand for what the eye saw."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image, ImageChops, ImageCms, ImageStat

SRGB = ImageCms.createProfile("sRGB")

# The profile header's "data colour space" (ICC.1:2022, 7.2.6) against Pillow's modes.
PROFILE_SPACES = {
    b"RGB ": ("RGB", "RGBA", "P", "PA"),
    b"GRAY": ("1", "L", "LA", "I;16"),
    b"CMYK": ("CMYK",),
}


def presentable(image: Image.Image) -> Image.Image:
    """The image in L, RGB or RGBA with eight bits a channel, without metadata.

    Always a new image, so that a seek cannot change it.
    """
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return bare(image.convert("L"))
    if image.mode.startswith("I;16"):
        return bare(image.convert("I").point(lambda value: value / 256).convert("L"))
    if image.mode in ("I", "F"):
        return bare(image.point(lambda value: value / 256).convert("L"))
    if image.has_transparency_data:
        return without_needless_alpha(bare(image.convert("RGBA")))
    return bare(image.convert("RGB"))


def bare(image: Image.Image) -> Image.Image:
    """The same image object, without its metadata."""
    image.info = {}
    return image


def without_needless_alpha(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    return image


def without_hidden(image: Image.Image) -> Image.Image:
    """No colours under fully transparent pixels: nobody sees them, and they cost bytes."""
    return image.convert("RGBa").convert("RGBA") if image.mode == "RGBA" else image


def same_mode(frames: Iterable[Image.Image]) -> tuple[Image.Image, ...]:
    """All frames in the richest of their modes: encoders of animations want one."""
    frames = list(frames)
    modes = {frame.mode for frame in frames}
    mode = next(mode for mode in ("RGBA", "RGB", "L") if mode in modes)
    return tuple(frame if frame.mode == mode else frame.convert(mode) for frame in frames)


def with_levels(image: Image.Image, half_steps: int) -> Image.Image:
    """Each channel in multiples of a whole step, which PNG's filters then tell in few values.

    An odd number of half steps gives green, which the eye sees best, the finer of two. Black and
    white stay exact, and so does what is fully opaque or transparent.
    """
    finer, coarser = (_levels(half_steps // 2), _levels((half_steps + 1) // 2))
    tables = {"L": finer, "RGB": coarser + finer + coarser}
    tables["RGBA"] = tables["RGB"] + finer
    return image.point(tables[image.mode])


def _levels(step: int) -> list[int]:
    return [255 if value == 255 else min(round(value / step) * step, 255) for value in range(256)]


def squared_error(before: Image.Image, after: Image.Image) -> float:
    """Over all pixels and channels; what differs under transparency counts as it shows."""
    pair = [image.convert(before.mode) for image in (before, after)]
    if before.mode == "RGBA":
        pair = [image.convert("RGBa") for image in pair]
    bands = zip(*(image.split() for image in pair), strict=True)
    return sum(ImageStat.Stat(ImageChops.difference(*band)).sum2[0] for band in bands)


def on_white(image: Image.Image) -> Image.Image:
    """Transparent pixels over white, the ground of a shop's page, for a format without alpha."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def belongs(profile: bytes, mode: str) -> bool:
    """Whether pixels of this mode may carry the profile."""
    return mode in PROFILE_SPACES.get(profile[16:20], ())


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The pixels as sRGB, so that the profile can go; unchanged where the profile is broken."""
    if image.mode in ("1", "P", "PA", "LA"):
        image = presentable(image)
    grey = image.mode == "L"
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            SRGB,
            outputMode="RGB" if image.mode == "CMYK" or grey else image.mode,
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    return bare(converted) if converted else image
