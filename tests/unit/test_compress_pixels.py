"""No file, whatever it says of itself, makes Pillow decode more pixels than are allowed."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFile, TiffImagePlugin

from compress import Unreadable, compress
from tests.unit.compress_samples import opened, saved, saved_animation
from tests.unit.hostile_files import MAKERS, damaged

LIMIT = 10_000
HUGE = (4_000, 4_000)
FILES = 150  # of each format, and as many with changed bytes
CODES = {"empty_image", "not_an_image", "broken_image", "image_too_large"}
METHODS = {"lossless", "quality", "palette", "downscale", "original"}


class Decoded:
    """Counts the pixels that Pillow's decoders are given to fill from one file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pixels, self._content = 0, b""
        self._images: list[Image.Image] = []
        monkeypatch.setattr(Image, "open", self._remembered(Image.open))
        for owner, name in (
            (ImageFile.ImageFile, "load"),
            (TiffImagePlugin.TiffImageFile, "_load_libtiff"),
        ):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def outcome(self, content: bytes) -> tuple[str, int]:
        """How it ended, and the pixels that were decoded of it."""
        self._pixels, self._content = 0, content
        self._images.clear()
        try:
            done = compress(content, max_pixels=LIMIT)
        except Unreadable as refused:
            return refused.code, self._pixels
        pixels, self._content = self._pixels, b""
        assert len(done.content) <= len(content)
        with warnings.catch_warnings(action="ignore"):  # of oddities that were in the input
            opened(done.content).load()
        return done.method, pixels

    def _remembered(self, open: Any) -> Any:
        def remembered(file: Any, *rest: Any, **options: Any) -> Any:
            image = open(file, *rest, **options)
            if file.getvalue() == self._content:
                self._images.append(image)
            return image

        return remembered

    def _counted(self, load: Any) -> Any:
        def counted(image: ImageFile.ImageFile) -> Any:
            is_input = any(image is each for each in self._images)
            if is_input or getattr(image.fp, "getvalue", bytes)() == self._content:
                for each in image.tile:
                    left, top, right, bottom = each[1] or (0, 0, 0, 0)
                    self._pixels += (right - left) * (bottom - top)
            return load(image)

        return counted


def files(name: str) -> Iterator[bytes]:
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    for _ in range(FILES):
        content = MAKERS[name](chance)
        yield content
        yield damaged(content, chance)


@pytest.mark.parametrize("name", MAKERS)
def test_no_more_pixels_are_decoded_than_are_allowed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = Decoded(monkeypatch)
    ends = [decoded.outcome(content) for content in files(name)]
    over = sum(pixels > LIMIT for _, pixels in ends)
    images = sum(end in METHODS for end, _ in ends)
    print(f"{name}: {over} of {len(ends)} files over the limit, {images} were images")  # noqa: T201
    assert over == 0
    assert {end for end, _ in ends} <= CODES | METHODS
    assert images > 10 or name == "cur"  # which is refused whatever it holds


def lying_icon() -> bytes:
    """Entries of 16 pixels a side, says the directory, that all share one large PNG."""
    content, number = saved(Image.new("RGB", HUGE), "PNG"), 29
    entries = b"".join(
        struct.pack("<4B2H2I", 16, 16 + each, 0, 0, 1, 32, len(content), 6 + 16 * number)
        for each in range(number)
    )
    return struct.pack("<3H", 0, 1, number) + entries + content


def lying_gif() -> bytes:
    small, large = (Image.new("P", size).tobytes("gif", "P", 8, 0) for size in ((9, 9), HUGE))
    frames = b"".join(
        b"," + struct.pack("<4HB", 0, 0, *size, 0) + b"\x08" + pixels + b"\0"
        for size, pixels in (((9, 9), small), (HUGE, large))
    )
    return b"GIF89a" + struct.pack("<2H3B", 9, 9, 0x80, 0, 0) + bytes(6) + frames + b";"


def lying_tiff() -> bytes:
    """A page of 16 x 16 in one tile of thousands."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 322: HUGE[0], 323: HUGE[1], 324: 0, 325: 0}
    data = zlib.compress(bytes(HUGE[0] * HUGE[1]))
    tags |= {324: 8 + 2 + 12 * len(tags) + 4, 325: len(data)}
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + data


def lying_avif(*, frames: int = 1) -> bytes:
    """Every size that its boxes say is 16 x 16; libavif scales what it has decoded to that."""
    images = [Image.new("RGB", HUGE)] * frames
    content = saved_animation("AVIF", images, [50] * frames, speed=10)
    for letters, factor in ((">2I", 1), (">2I", 1 << 16), (">2H", 1)):
        true, small = (
            struct.pack(letters, *(side * factor for side in s)) for s in (HUGE, (16, 16))
        )
        content = content.replace(true, small)
    return content


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lying_icon, {"image_too_large"}),
        (lying_gif, {"broken_image", "image_too_large"}),
        (lying_tiff, {"image_too_large"}),
        (lying_avif, {"image_too_large"}),
        (partial(lying_avif, frames=2), {"image_too_large"}),
    ],
    ids=["ico", "gif", "tiff", "avif", "avif animation"],
)
def test_a_bomb_is_refused_before_it_takes_memory(
    make: Callable[[], bytes], codes: set[str]
) -> None:
    """What a decoder takes for itself counts here, too: each would take 16 MiB and more."""
    program = (
        "import resource, sys\n"
        "from compress import Unreadable, compress\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "content = sys.stdin.buffer.read()\n"
        "before = used()\n"
        "try: print(compress(content, max_pixels=10_000).method)\n"
        "except Unreadable as refused: print(refused.code)\n"
        "print(used() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=make(),
        capture_output=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=True,
    )
    code, kilobytes = done.stdout.split()
    assert code.decode() in codes
    assert int(kilobytes) < 8_000
