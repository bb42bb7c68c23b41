"""An image with an unusual colour profile looks the same afterwards, in every format."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageCms, ImageStat

from compress import Options, compress
from tests.unit.compress_samples import drawing, fading_photo, opened, photo, saved

Column = tuple[float, float, float]

# Means of a channel, of 255. Linear light has few values for dark shades, and each that a PNG
# loses of them is seen.
SLIGHT, SLIGHT_IN_LINEAR_LIGHT = 2.5, 5

# The XYZ of red, green and blue, adapted to D50 as ICC.1:2022 wants it, and the gamma.
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SPACES: dict[str, tuple[tuple[Column, Column, Column], float]] = {
    "P3": (P3, 2.2),
    "Adobe RGB": (ADOBE, 563 / 256),
    "linear": (P3, 1.0),
    "red and blue swapped": ((P3[2], P3[1], P3[0]), 2.2),
}
KEEPING = {
    "JPEG": {"quality": 92},
    "PNG": {},
    "WEBP": {"quality": 92},
    "AVIF": {"quality": 92},
    "TIFF": {},
}


def profile(name: str, padding: int = 0) -> bytes:
    """A matrix profile, ICC.1:2022 sections 7.2, 8.3 and 10: all that a browser needs."""
    columns, gamma = SPACES[name]
    xyz = [b"XYZ " + bytes(4) + fixed(*column) for column in ((0.9642, 1, 0.8249), *columns)]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"text" + bytes(4) + b"none" + bytes(padding)
    names = (b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"cprt")
    table, values = b"", b""
    for tag, value in zip(names, [*xyz, curve, curve, curve, text], strict=True):
        table += tag + struct.pack(">2I", 132 + 12 * len(names) + len(values), len(value))
        values += value
    body = struct.pack(">I", len(names)) + table + values
    head = struct.pack(">I4xI", 128 + len(body), 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249) + bytes(48) + body


def slight(name: str) -> float:
    return SLIGHT_IN_LINEAR_LIGHT if name == "linear" else SLIGHT


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def on_screen(content: bytes) -> Image.Image:
    """In sRGB, over grey."""
    image = opened(content)
    icc = image.info.get("icc_profile")
    shown = image.convert("RGBA")
    if icc:
        known = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        srgb = ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(shown, known, srgb) or shown
    ground = Image.new("RGBA", shown.size, (128, 128, 128, 255))
    return Image.alpha_composite(ground, shown).convert("RGB")


def tint(one: bytes, other: bytes) -> float:
    """By how much the mean of a channel moved, of 255."""
    before, after = (ImageStat.Stat(on_screen(each)).mean for each in (one, other))
    return max(abs(before[band] - after[band]) for band in range(3))


@pytest.mark.parametrize("name", SPACES)
def test_without_its_profile_the_photo_would_look_different(name: str) -> None:
    original = saved(photo((400, 300)), "PNG", icc_profile=profile(name))
    assert tint(original, saved(photo((400, 300)), "PNG")) > 2 * slight(name)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("format", KEEPING)
def test_a_photo_keeps_its_look(format: str, name: str) -> None:
    original = saved(photo((400, 300)), format, icc_profile=profile(name), **KEEPING[format])
    done = compress(original)
    assert done.target_met
    assert tint(original, done.content) < slight(name)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("format", KEEPING)
def test_a_profile_too_large_to_keep_is_applied(format: str, name: str) -> None:
    original = saved(
        photo((400, 300)), format, icc_profile=profile(name, 90_000), **KEEPING[format]
    )
    done = compress(original, Options(reduce_by=90))
    assert "icc_profile" not in opened(done.content).info
    assert tint(original, done.content) < slight(name)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    "image",
    [drawing(), photo((400, 300)).quantize(200), fading_photo((400, 300))],
    ids=["few", "P", "RGBA"],
)
def test_every_kind_of_png_keeps_its_look(image: Image.Image, name: str) -> None:
    original = saved(image, "PNG", icc_profile=profile(name))
    assert tint(original, compress(original).content) < slight(name)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_another_format_shows_the_same_colours(format: str, target: str, name: str) -> None:
    original = saved(photo((400, 300)), format, icc_profile=profile(name))
    assert tint(original, compress(original, Options(format=target)).content) < slight(name)
