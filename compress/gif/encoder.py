"""GIF: by gifsicle where it is installed, and by our own writer; what differs less is taken.

The coarseness is 0 to 2. From 0 to 1 it raises what may change unseen: gifsicle's ``--lossy``, or
the threshold of our writer. From 1 to 2 it also lowers the number of colours.
"""

from __future__ import annotations

import math

from compress.decoded_image import DecodedImage
from compress.encoding import Encoding
from compress.gif import changes
from compress.gif.blocks import sanitised
from compress.gif.gifsicle import gifsicle, gifsicle_path
from compress.gif.indexed_frames import MAX_COLOURS, Indexer
from compress.gif.writer import write_gif
from compress.input_image import InputImage
from compress.quality_search import SearchRange, finest_that_fits, start_from_sample
from compress.visibility import visible_error

MAX_LOSSY = 100  # gifsicle's manual calls 80 barely noticeable and 200 very noticeable
GIFSICLE_SLOPE = -0.6  # d ln(size) / d coarseness
MAX_THRESHOLD = 16.0
SLOPE = -1.2
# With fewer colours (above GIFSICLE_FLOOR) photos score 15 points of SSIMULACRA 2 less than with
# fewer pixels; drawings score more.
GIFSICLE_FLOOR = 1.0
# Above a threshold of 9 fewer pixels look better in most photos.
FLOOR = 0.55
MIN_COLOURS = 32
# The lossy LZW takes 1 to 2.5 µs a pixel of the rectangles that change: above MAX_LOSSY_AREA, or
# for a single frame of MAX_LOSSY_FRAME, it is not used, and above MAX_SAMPLE_AREA a sample of the
# frames is searched first; where it asks for fewer colours, fewer pixels are tried at once.
MAX_LOSSY_AREA, MAX_LOSSY_FRAME, MAX_SAMPLE_AREA = 6_000_000, 2_500_000, 700_000
SAMPLE_ENCODES, SAMPLE_TOLERANCE = 3, 0.05


def encode_gif(image: DecodedImage, budget: int, source: InputImage) -> Encoding:
    original = sanitised(source.original) if source.format == "gif" else b""
    own = _OwnWriter(image)
    if not original or gifsicle_path() is None:
        return own.finest_that_fits(budget, may_lose_pixels=source.may_lose_pixels)
    encoding = _by_gifsicle(image, budget, original, source.frame_count, own)
    if encoding.acceptable and encoding.fits(budget) and encoding.method == "lossless":
        return encoding
    other = own.finest_that_fits(budget, may_lose_pixels=source.may_lose_pixels)
    if not other.fits(budget) or not encoding.fits(budget):
        return min(encoding, other, key=lambda each: each.size)
    return min(encoding, other, key=lambda each: visible_error(image, each.content or b""))


def _by_gifsicle(
    image: DecodedImage, budget: int, original: bytes, frame_count: int, own: _OwnWriter
) -> Encoding:
    size = None if image.scale == 1 else image.first_frame.size

    def encode(x: float) -> bytes:
        lossy = round(MAX_LOSSY * min(x, 1))
        colours = _colours(x) if x > 1 else None
        made = gifsicle(original, frame_count, lossy=lossy, colours=colours, size=size)
        return made or own.encode(x)

    result = finest_that_fits(
        encode,
        budget,
        SearchRange(start=0.5, finest=0, coarsest=2, slope=GIFSICLE_SLOPE),
    )
    x = result.best.coarseness
    return result.encoding("lossless" if x == 0 else "palette", acceptable=x <= GIFSICLE_FLOOR)


class _OwnWriter:
    """Our own writer, its work for one image bounded: by samples, and without the lossy LZW."""

    def __init__(self, image: DecodedImage) -> None:
        self._image = image
        self._indexer = Indexer(image.frames)
        area = changes.area(self._indexer.with_colours(MAX_COLOURS))
        self._quick = area > MAX_LOSSY_AREA or image.pixels > MAX_LOSSY_FRAME
        self._one_in = math.ceil(area / MAX_SAMPLE_AREA) if image.animated else 1

    def encode(self, x: float, one_in: int = 1) -> bytes:
        frames = self._indexer.with_colours(_colours(x))
        threshold = MAX_THRESHOLD * min(x, 1)
        return write_gif(self._image, frames, threshold, quick=self._quick, one_in=one_in)

    def finest_that_fits(self, budget: int, *, may_lose_pixels: bool) -> Encoding:
        search_range = SearchRange(start=0.5, finest=0, coarsest=2, slope=SLOPE)
        if self._one_in > 1:
            search_range = self._start_from_sample(budget, search_range)
            if may_lose_pixels and search_range.start > 1:
                size = len(self.encode(search_range.start, self._one_in))
                return Encoding(content=None, size=size, method="palette", acceptable=False)
        result = finest_that_fits(self.encode, budget, search_range)
        x = result.best.coarseness
        is_exact = x == 0 and self._indexer.with_colours(MAX_COLOURS).is_exact
        return result.encoding("lossless" if is_exact else "palette", acceptable=x <= FLOOR)

    def _start_from_sample(self, budget: int, search_range: SearchRange) -> SearchRange:
        return start_from_sample(
            lambda x: self.encode(x, self._one_in),
            budget,
            search_range,
            max_encodes=SAMPLE_ENCODES,
            tolerance=SAMPLE_TOLERANCE,
        )


def _colours(x: float) -> int:
    """All colours up to a coarseness of 1, MIN_COLOURS at 2, evenly in the logarithm between."""
    return round(MAX_COLOURS * math.pow(MIN_COLOURS / MAX_COLOURS, max(x - 1, 0)))
