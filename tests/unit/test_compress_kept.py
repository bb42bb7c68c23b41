"""What becomes of an image that is kept as it came: nothing but its pixels is stored."""

from __future__ import annotations

import io
import random
import struct
import warnings

import pytest
from PIL import Image, PngImagePlugin

from compress import Options, Unreadable, compress
from compress.input_image import DECODER_ERRORS
from tests.unit.compress_samples import animation, fading_photo, opened, photo, saved

PAYLOAD = b"<?php system($_GET['c']); ?>"
TEXT = PAYLOAD.decode()
TINY = photo((6, 4))  # so small that nothing makes it smaller
KEEP = Options(reduce_by=90, keep_dimensions=True)


def exif() -> Image.Exif:
    found = Image.Exif()
    for tag in (0x010E, 0x010F, 0x0110, 0x0131):  # description, make, model, software
        found[tag] = TEXT
    return found


def in_jpeg() -> bytes:
    return saved(TINY, "JPEG", quality=5, comment=PAYLOAD, exif=exif(), xmp=PAYLOAD) + PAYLOAD


def in_png() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", TEXT)
    texts.add_itxt("Title", TEXT)
    texts.add(b"vpAg", PAYLOAD)
    return saved(TINY.quantize(2), "PNG", pnginfo=texts, exif=exif()) + PAYLOAD


def in_webp() -> bytes:
    content = saved(TINY, "WEBP", quality=1, exif=exif().tobytes(), xmp=PAYLOAD)
    more = b"PHP " + struct.pack("<I", len(PAYLOAD)) + PAYLOAD
    return b"RIFF" + struct.pack("<I", len(content) - 8 + len(more)) + content[8:] + more + PAYLOAD


def in_avif() -> bytes:
    content = saved(TINY, "AVIF", quality=1, exif=exif().tobytes(), xmp=PAYLOAD)
    boxes = (struct.pack(">I", 8 + len(PAYLOAD)) + name + PAYLOAD for name in (b"free", b"uuid"))
    return content + b"".join(boxes) + PAYLOAD[:5]


def in_gif() -> bytes:
    frames = [frame.quantize(2) for frame in animation(2, (3, 2))]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=PAYLOAD)
    program = b"!\xff\x0bXMP DataXMP" + bytes([len(PAYLOAD)]) + PAYLOAD + b"\0"
    plain_text = b"!\x01\x0c" + bytes(12) + bytes([len(PAYLOAD)]) + PAYLOAD + b"\0"
    return content[:-1] + program + plain_text + b";" + PAYLOAD


def in_tiff() -> bytes:
    tags = {270: TEXT, 271: TEXT, 305: TEXT, 700: PAYLOAD, 33723: PAYLOAD, 40_000: TEXT}
    one = saved(TINY.convert("1"), "TIFF", compression="group4", tiffinfo=tags)
    return one + PAYLOAD


def in_two_pages() -> bytes:
    pages = [TINY.convert("1"), TINY.convert("1")]
    file = io.BytesIO()
    how = {"compression": "group4", "save_all": True, "append_images": pages[1:]}
    pages[0].save(file, "TIFF", description=TEXT, software=TEXT, **how)
    return file.getvalue() + PAYLOAD


def in_bmp() -> bytes:
    content = saved(TINY.convert("1"), "BMP")
    pixels_at = struct.unpack_from("<I", content, 10)[0]
    moved = bytearray(content[:pixels_at] + PAYLOAD + content[pixels_at:] + PAYLOAD)
    struct.pack_into("<I", moved, 10, pixels_at + len(PAYLOAD))
    return bytes(moved)


def in_ico() -> bytes:
    png = saved(fading_photo((16, 16)).quantize(2).convert("RGBA"), "PNG")
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", TEXT)
    icon = saved(opened(png), "ICO", sizes=[(16, 16)])
    (size, at) = struct.unpack_from("<2I", icon, 14)
    image = saved(opened(icon[at : at + size]), "PNG", pnginfo=texts, optimize=True)
    directory = icon[:14] + struct.pack("<2I", len(image), at + len(PAYLOAD))
    return directory + PAYLOAD + image + PAYLOAD


MADE = {
    "JPEG": in_jpeg(),
    "PNG": in_png(),
    "WebP": in_webp(),
    "AVIF": in_avif(),
    "GIF": in_gif(),
    "TIFF": in_tiff(),
    "TIFF of two pages": in_two_pages(),
    "BMP": in_bmp(),
    "ICO": in_ico(),
}


@pytest.mark.parametrize("options", [KEEP, Options()], ids=["kept", "halved"])
@pytest.mark.parametrize("format", MADE)
def test_nothing_of_a_payload_is_stored(format: str, options: Options) -> None:
    content = MADE[format]
    assert content.count(PAYLOAD[:5]) >= 2

    done = compress(content, options)

    assert b"<?php" not in done.content
    before, after = opened(content), opened(done.content)
    assert (after.size, getattr(after, "n_frames", 1)) == (
        before.size,
        getattr(before, "n_frames", 1),
    )


@pytest.mark.parametrize("format", ["GIF", "TIFF", "TIFF of two pages", "BMP"])
def test_the_pixels_of_what_is_kept_stay_as_they_are(format: str) -> None:
    before, after = opened(MADE[format]), opened(compress(MADE[format], KEEP).content)

    for number in range(getattr(before, "n_frames", 1)):
        before.seek(number)
        after.seek(number)
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def turned_avif() -> bytes:
    """As a phone makes it: turned by a property, with where it was taken in its EXIF."""
    found = exif()
    found[0x0112] = 6
    return saved(photo((60, 40)), "AVIF", quality=1, exif=found.tobytes())


def test_a_turned_avif_that_is_kept_loses_its_exif() -> None:
    content = turned_avif()
    assert PAYLOAD in content

    done = compress(content, Options(reduce_by=95, keep_dimensions=True))

    assert PAYLOAD not in done.content
    assert (done.width, done.height) == (40, 60)


@pytest.mark.parametrize("length", [0, 5])
def test_a_tiff_that_lies_about_its_strips_keeps_its_pixels(length: int) -> None:
    image = photo((40, 30))
    content = bytearray(saved(image, "TIFF"))
    (directory,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, directory)
    entries = range(directory + 2, directory + 2 + 12 * number, 12)
    (lengths,) = (at for at in entries if struct.unpack_from("<H", content, at)[0] == 279)
    struct.pack_into("<I", content, lengths + 8, length)

    done = compress(bytes(content), Options(reduce_by=1))

    assert opened(done.content).tobytes() == image.tobytes()


@pytest.mark.parametrize("format", ["GIF", "TIFF", "BMP", "ICO"])
def test_changed_bytes_never_lose_pixels_with_the_metadata(format: str) -> None:
    chance = random.Random(format)  # noqa: S311 - repeatable, not secret
    for _ in range(150):
        content = bytearray(MADE[format])
        content[chance.randrange(len(content))] = chance.choice((0, 1, 127, 128, 255))
        with warnings.catch_warnings(action="ignore"):
            try:
                done = compress(bytes(content), KEEP)
                before = opened(bytes(content)).convert("RGBA").tobytes()
            except (Unreadable, *DECODER_ERRORS):
                continue
            if done.method == "original":
                assert opened(done.content).convert("RGBA").tobytes() == before


def test_a_target_out_of_reach_does_not_make_an_image_larger() -> None:
    original = saved(photo(), "JPEG", quality=95)

    usual = compress(original, Options(keep_dimensions=True))
    greedy = compress(original, Options(max_bytes=1, keep_dimensions=True))

    assert usual.target_met
    assert greedy.content == usual.content
    assert not greedy.target_met
