"""However a file lies about its size, no more pixels are decoded than are allowed."""

from __future__ import annotations

import pickle
import random
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from PIL import Image

from compress import Unreadable, compress
from compress.decoded_image import decode
from compress.input_image import DECODER_ERRORS, open_image
from tests.unit.compress_samples import animation, opened, photo, saved, saved_animation

ROOT = Path(__file__).parents[2]
LIMIT = 10_000
ENDS = {"compressed", "broken_image", "image_too_large", "not_an_image"}


def patched(content: bytes, at: int, layout: str, *values: int) -> bytes:
    """The content with numbers written over what is at a place."""
    changed = bytearray(content)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


def ico(side: int, *, entries: int = 1, format: str = "PNG") -> bytes:
    """An icon whose directory says that each of its images has 16 pixels a side or so."""
    if format == "PNG":
        image = saved(Image.new("RGBA", (side, side)), "PNG")
    else:
        header = struct.pack("<I2i2H6I", 40, side, 2 * side, 1, 1, 0, 0, 0, 0, 2, 0)
        image = header + bytes(8) + bytes(2 * side * (side + 31) // 32 * 4)
    at = 6 + 16 * entries
    directory = b"".join(
        struct.pack("<4B2H2I", 16 + number % 200, 16, 0, 0, 1, 32, len(image), at)
        for number in range(entries)
    )
    return struct.pack("<3H", 0, 1, entries) + directory + image


def gif(screen: int, *places: tuple[int, int, int, int]) -> bytes:
    """A GIF of black images at these places: left, top, width and height."""
    head = b"GIF89a" + struct.pack("<2H", screen, screen) + b"\x80\0\0" + bytes(6)
    images = (b"," + struct.pack("<4H", *place) + b"\0\2\2D\1\0" for place in places)
    return head + b"".join(images) + b";"


def tiff(side: int, tile: int) -> bytes:
    """A grey TIFF of one tile that is larger than the picture."""
    data = zlib.compress(bytes(tile * tile))
    at = 8 + 2 + 11 * 12 + 4
    tags = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (277, 1), (284, 1)]
    tags += [(322, tile), (323, tile), (324, at), (325, len(data))]
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def avif(side: int, said: int) -> bytes:
    """An AVIF that says less than it holds."""
    content = saved(Image.new("RGB", (side, side), (9, 90, 200)), "AVIF", speed=10)
    return patched(content, content.index(b"ispe") + 8, ">2I", said, said)


def turned_bmp(side: int) -> bytes:
    content = saved(photo((side, side)), "BMP")
    return patched(content, 22, "<i", -side)


def mpo(side: int) -> bytes:
    pages = [photo((side, side))]
    return saved(photo((side, 10)), "MPO", save_all=True, append_images=pages)


def tiff_of_pages(side: int) -> bytes:
    pages = [photo((side, side)), photo((10, 10)), photo((side, side))]
    return saved_animation("TIFF", pages, [])


def hostile() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Files of each format, from just allowed to a hundred times too large, and what they say."""
    for side in (40, 99, 100, 101, 400, 1000):
        for format in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"):
            yield f"{format} of {side}", partial(still, format, side)
        yield f"turned BMP of {side}", partial(turned_bmp, side)
        yield f"ICO of {side}", partial(ico, side)
        yield f"bitmap ICO of {side}", partial(ico, side, format="BMP")
        yield f"AVIF of {side} that says 16", partial(avif, side, 16)
        yield f"AVIF of {side} that says more", partial(avif, side, side + 50)
        yield f"TIFF of 10 with a tile of {side}", partial(tiff, 10, side // 16 * 16)
        yield f"GIF of a frame of {side}", partial(gif, 1, (0, 0, side, side))
        yield f"GIF of 10 frames of {side}", partial(gif, side, *[(0, 0, side, side)] * 10)
        two = ((0, 0, 9, 9), (side, 0, 9, 9))
        yield f"GIF whose second frame is at {side}", partial(gif, 9, *two)
        yield f"TIFF of pages of {side}", partial(tiff_of_pages, side)
        yield f"MPO of {side}", partial(mpo, side)
        for format in ("WEBP", "PNG", "AVIF", "GIF"):
            yield f"{format} animation of {side}", partial(moving, format, side)
    yield "ICO of many entries", partial(ico, 60, entries=200)


def still(format: str, side: int) -> bytes:
    return saved(photo((side, side)), format)


def moving(format: str, side: int) -> bytes:
    return saved_animation(format, animation(4, (side, side)), [50] * 4)


FILES = dict(hostile())


@cache
def hostile_file(name: str) -> bytes:
    """It is made for the first test that asks for it: all of them take half a minute."""
    return FILES[name]()


def decoded_pixels(content: bytes) -> int:
    """The pixels in memory after decoding; 0 for what is refused before."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, LIMIT // 2  # as compress() sets it
    with warnings.catch_warnings(action="ignore"):
        try:
            frames = decode(open_image(content, LIMIT)).frames
        except (Unreadable, Image.DecompressionBombError, *DECODER_ERRORS):
            return 0
        finally:
            Image.MAX_IMAGE_PIXELS = before
    return sum(frame.width * frame.height for frame in frames)


@pytest.mark.parametrize("name", FILES)
def test_no_more_pixels_are_decoded_than_allowed(name: str) -> None:
    assert decoded_pixels(hostile_file(name)) <= LIMIT


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_compressed_or_refused_in_words(name: str) -> None:
    assert outcome(hostile_file(name)) in ENDS


def outcome(content: bytes) -> str:
    try:
        done = compress(content, max_pixels=LIMIT)
    except Unreadable as refused:
        return refused.code
    return "compressed" if len(done.content) <= len(content) else "larger"


def test_the_hostile_files_need_hardly_any_memory() -> None:
    """A decoder may hold more than it gives, so what a process takes for them is measured."""
    code = (
        "import pickle, sys\n"
        "from compress import Unreadable, compress\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "files = pickle.load(sys.stdin.buffer)\n"
        "compress(files.pop('warm'))\n"
        "before = peak()\n"
        "for content in files.values():\n"
        "    try: compress(content, max_pixels=10_000)\n"
        "    except Unreadable: pass\n"
        "print((peak() - before) // 1024)\n"
    )
    large = {
        "warm": saved(photo((100, 100)), "AVIF"),
        "avif": avif(4000, 16),
        "tiff": tiff(10, 8192),
        "ico": ico(4000),
        "gif": gif(1, (0, 0, 1, 1), (9000, 9000, 1, 1)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(large),
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) < 20  # MiB; each of these would take 16 to 192


@pytest.mark.parametrize("name", ["AVIF of 40 that says 16", "AVIF animation of 40"])
def test_changed_bytes_of_an_avif_s_boxes_are_refused_or_still_an_image(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    content = hostile_file(name)
    for _ in range(300):
        at = chance.randrange(min(len(content), 900))
        changed = patched(content, at, "B", chance.choice((0, 1, 127, 128, 255)))
        assert decoded_pixels(changed) <= LIMIT


def test_a_frame_outside_of_the_canvas_is_a_broken_gif() -> None:
    with pytest.raises(Unreadable) as refused:
        compress(gif(20, (0, 0, 20, 20), (15, 15, 10, 10)))
    assert refused.value.code == "broken_image"


def test_a_first_frame_larger_than_the_screen_makes_the_canvas() -> None:
    done = compress(patched(saved(photo((30, 20)), "GIF"), 6, "<2H", 1, 1))
    assert (done.width, done.height) == opened(done.content).size == (30, 20)


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def avif_of_empty_chunks() -> bytes:
    """Tables of samples that hold none, over all that follows."""
    runs = box(b"stsc", struct.pack(">2I3I", 0, 1, 1, 0, 1))
    sizes = box(b"stsz", struct.pack(">3I", 0, 1, 5))
    places = box(b"stco", struct.pack(">2I", 0, 100_000))
    filler = box(b"free", bytes(400_100))
    return avif(20, 20) + box(b"stbl", runs + sizes + places) * 200 + filler


def avif_of_nested_boxes() -> bytes:
    inner = box(b"free", b"") * 5_000
    for _ in range(200):
        inner = box(b"trak", inner)
    return avif(20, 20) + box(b"moov", inner)


def tiff_that_goes_in_circles() -> bytes:
    content = bytearray(saved(photo((20, 20)), "TIFF"))
    (directory,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, directory)
    struct.pack_into("<I", content, directory + 2 + 12 * number, directory)
    return bytes(content)


def icon_of_shared_bytes() -> bytes:
    return ico(90, entries=3000, format="BMP")


@pytest.mark.parametrize(
    "make",
    [avif_of_empty_chunks, avif_of_nested_boxes, tiff_that_goes_in_circles, icon_of_shared_bytes],
)
def test_what_is_made_to_be_looked_at_for_long_is_not(make: Callable[[], bytes]) -> None:
    content = make()
    before = time.process_time()

    assert outcome(content) in ENDS

    assert time.process_time() - before < 5  # seconds of CPU; minutes where it is not bounded
