"""Files that are broken, cut off or lie are refused, or come out as a faithful image."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image

from compress import Unreadable, compress
from tests.unit.compress_samples import (
    animation,
    difference,
    fading_photo,
    opened,
    photo,
    saved,
    saved_animation,
    timing,
)

SIZE = (24, 18)
CODES = {"empty_image", "not_an_image", "broken_image", "image_too_large"}
METHODS = {"lossless", "quality", "palette", "downscale", "original"}
SMALL = {
    "jpeg": saved(photo(SIZE), "JPEG", quality=90),
    "jpeg_progressive": saved(photo(SIZE), "JPEG", progressive=True),
    "jpeg_cmyk": saved(photo(SIZE).convert("CMYK"), "JPEG"),
    "png": saved(photo(SIZE), "PNG"),
    "png_palette": saved(photo(SIZE).quantize(16), "PNG"),
    "png_16_bit": saved(photo(SIZE).convert("I;16"), "PNG"),
    "apng": saved_animation("PNG", animation(3, SIZE), [40, 80, 120]),
    "webp": saved(fading_photo(SIZE), "WEBP"),
    "webp_lossless": saved(photo(SIZE), "WEBP", lossless=True),
    "webp_animation": saved_animation("WEBP", animation(3, SIZE), [40, 80, 120]),
    "gif": saved_animation("GIF", animation(3, SIZE), [40, 80, 120]),
    "avif": saved(photo(SIZE), "AVIF"),
    "tiff": saved(photo(SIZE), "TIFF", compression="tiff_lzw"),
    "tiff_jpeg": saved(photo(SIZE), "TIFF", compression="jpeg"),
    "bmp": saved(photo(SIZE), "BMP"),
    "ico": saved(fading_photo((32, 32)), "ICO", sizes=[(16, 16), (32, 32)]),
}
MUTATIONS = 200


def outcome(content: bytes) -> str:
    """How it ended; anything but a refusal or an image no larger than the input is an error."""
    try:
        done = compress(content, max_pixels=100_000)
    except Unreadable as refused:
        return refused.code
    assert len(done.content) <= len(content)
    with warnings.catch_warnings(action="ignore"):  # of oddities that were in the input
        opened(done.content).load()
    return done.method


@pytest.mark.parametrize("name", SMALL)
def test_a_file_cut_off_anywhere_is_refused_or_still_an_image(name: str) -> None:
    content = SMALL[name]
    ends = {outcome(content[:length]) for length in range(0, len(content), 10)}
    assert ends <= CODES | METHODS
    assert ends & CODES


@pytest.mark.parametrize("name", SMALL)
def test_changed_bytes_are_refused_or_still_an_image(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    ends = {outcome(changed(SMALL[name], chance)) for _ in range(MUTATIONS)}
    assert ends <= CODES | METHODS
    assert len(ends) > 1


def changed(content: bytes, chance: random.Random) -> bytes:
    """The content with up to eight bytes replaced, dropped or doubled."""
    mutated = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(mutated))
        length = chance.choice((0, 1, 1, 1, 4))
        mutated[at : at + 1] = bytes(chance.choices((0, 1, 127, 128, 255, at % 256), k=length))
    return bytes(mutated)


@pytest.mark.parametrize(
    "magic",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\xff\xff\0\0WEBPVP8 ",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"BM",
        b"\0\0\1\0\1\0",
        b"\0\0\0\x1cftypavif",
    ],
)
def test_noise_behind_a_right_magic_number_is_refused(magic: bytes) -> None:
    noise = random.Random(magic).randbytes(2000)  # noqa: S311 - repeatable, not secret
    with pytest.raises(Unreadable):
        compress(magic + noise)


def png_of(width: int, height: int, rows: bytes, frames: int = 0) -> bytes:
    """A PNG that claims a size, with whatever rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    control = chunk(b"acTL", struct.pack(">2I", frames, 0)) if frames else b""
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + control + data + chunk(b"IEND", b"")


def test_a_header_that_claims_a_wall_of_pixels_is_refused() -> None:
    with pytest.raises(Unreadable) as refused:
        compress(png_of(60_000, 60_000, b"\0"))
    assert refused.value.code == "image_too_large"


def test_a_header_that_claims_millions_of_frames_is_refused() -> None:
    with pytest.raises(Unreadable) as refused:
        compress(png_of(4, 4, bytes(52), frames=5_000_000))
    assert refused.value.code == "image_too_large"


def test_a_gif_of_countless_empty_frames_is_refused_quickly() -> None:
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    with pytest.raises(Unreadable) as refused:
        compress(b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + frame * 200_000 + b";")
    assert refused.value.code == "image_too_large"


def test_an_image_that_needs_more_memory_than_there_is_is_refused() -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from compress import Unreadable, compress\n"
        "content = sys.stdin.buffer.read()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\n"
        "try: compress(content)\n"
        "except Unreadable as refused: print(refused.code)\n"
    )
    flat = saved(Image.new("RGB", (8_000, 8_000)), "PNG")
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=flat,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=True,
    )
    assert done.stdout == b"image_too_large\n"


def test_a_turned_avif_animation_comes_out_upright() -> None:
    """libavif crashes where it has to write one, which would end the worker."""
    straight = saved_animation("AVIF", animation(3, (200, 150)), [40, 80, 120])
    track = straight.index(b"stsd")
    colour = straight.index(b"colr", track) - 4
    size = int.from_bytes(straight[colour : colour + 4])
    rest = struct.pack(">I4s", size - 9, b"free") + bytes(size - 17)
    turn = struct.pack(">I4sB", 9, b"irot", 1) + rest
    turned = straight[:colour] + turn + straight[colour + size :]
    assert opened(turned).getexif()[0x112] == 8
    done = compress(turned)
    assert (done.width, done.height) == opened(done.content).size == (150, 200)
    assert timing(done.content) == [40, 80, 120]
    upright = opened(straight).transpose(Image.Transpose.ROTATE_90)
    assert difference(upright, opened(done.content)) < 20
