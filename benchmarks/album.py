"""The images that the benchmarks work on: mosaics with real detail, the same in every run."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from pathlib import Path

from PIL import Image

MIN_SIDE = 200  # pixels, of a photo that pieces are cut from
PIECE = 320  # pixels; larger than the blocks of any codec, smaller than most sources
PHOTO_PIXELS = range(2_000_000, 12_500_000)


@dataclass(frozen=True)
class Album:
    """Images made from the photos of a folder, as JPEG with 4:2:0 subsampling.

    A mosaic consists of pieces of these photos, each mirrored or turned.
    """

    folder: Path

    def photos(self, number: int) -> list[bytes]:
        """Photos of 2 to 12 megapixels: those of the folder unchanged, then mosaics."""
        return [*self._own_photos(), *islice(self._mosaics(), number)][:number]

    def thumbnails(self, number: int) -> list[bytes]:
        """Images of 20 to 50 KB, as shops show them in lists."""
        return list(islice(self._within((300, 800), (80, 90), range(20_000, 50_000)), number))

    def small_ones(self, number: int) -> list[bytes]:
        """Images of 4 to 6 KB, about 100 pixels a side: their pixels cost next to nothing."""
        return list(islice(self._within((90, 130), (80, 90), range(4_000, 6_000)), number))

    def _own_photos(self) -> list[bytes]:
        paths = sorted(self.folder.glob("*.jp*g"))
        return [path.read_bytes() for path in paths if _pixels(path) in PHOTO_PIXELS]

    def _mosaics(self) -> Iterator[bytes]:
        for number in count():
            megapixels = 2 + 10 * (number * 0.618 % 1)  # spread evenly, however many are taken
            short = round((megapixels * 1e6 * 3 / 4) ** 0.5)
            sides = (short, short * 4 // 3)
            size = sides if number % 3 == 0 else sides[::-1]
            yield self._mosaic(random.Random(number), size, 90 + number % 6)  # noqa: S311

    def _within(
        self, sides: tuple[int, int], qualities: tuple[int, int], sizes: range
    ) -> Iterator[bytes]:
        """Mosaics of random sides (pixels) and qualities, with a number of bytes in ``sizes``."""
        for number in count():
            rng = random.Random(number)  # noqa: S311
            size = (rng.randint(*sides), rng.randint(*sides))
            content = self._mosaic(rng, size, rng.randint(*qualities))
            if len(content) in sizes:
                yield content

    def _mosaic(self, rng: random.Random, size: tuple[int, int], quality: int) -> bytes:
        mosaic = Image.new("RGB", size)
        for left in range(0, size[0], PIECE):
            for top in range(0, size[1], PIECE):
                mosaic.paste(_cut(rng, rng.choice(_sources(self.folder))), (left, top))
        file = io.BytesIO()
        mosaic.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        return file.getvalue()


def _cut(rng: random.Random, source: Image.Image) -> Image.Image:
    left = rng.randint(0, source.width - PIECE)
    top = rng.randint(0, source.height - PIECE)
    piece = source.crop((left, top, left + PIECE, top + PIECE))
    return piece.transpose(rng.choice(list(Image.Transpose)))


@cache
def _sources(folder: Path) -> list[Image.Image]:
    """The photos of a folder; one that is smaller than a piece is enlarged to a piece's size.

    Raises SystemExit when the folder has no useful photo.
    """
    photos = [Image.open(path) for path in sorted(folder.glob("*.jp*g"))]
    found = [_at_least_a_piece(photo.convert("RGB")) for photo in photos if _is_useful(photo)]
    if not found:
        raise SystemExit(f"There is no JPEG photo of {MIN_SIDE} pixels or more in {folder}.")
    return found


def _is_useful(photo: Image.Image) -> bool:
    return min(photo.size) >= MIN_SIDE


def _at_least_a_piece(photo: Image.Image) -> Image.Image:
    factor = max(1, PIECE / min(photo.size))
    return photo.resize((round(photo.width * factor), round(photo.height * factor)))


def _pixels(path: Path) -> int:
    with Image.open(path) as photo:
        return photo.width * photo.height
