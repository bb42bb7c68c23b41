"""The frames of a GIF with one palette for all of them, and the search for that palette."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from compress import colour
from compress.colour_table import look, nearest, numpy
from compress.palette import Palettes

if TYPE_CHECKING:
    from compress.colour_table import Colours

MAX_COLOURS = 255  # and the transparent symbol
MIN_OPAQUE = 128  # alpha, of 255: a pixel of a GIF is either opaque or transparent
MAX_PALETTE_PIXELS = 500_000  # of all frames together, from which a palette is made
FAR = 1e9  # the distance between any colour and none


class IndexedFrames:
    """``indices`` are an array a frame: the numbers of the palette's entries, or ``transparent``.

    ``is_exact``: no colour differs from what it was. ``distances`` are those between all symbols,
    in CIE76; ``lightness`` is the L* of each.
    """

    def __init__(self, palette: Colours, indices: Sequence[Any], *, is_exact: bool) -> None:
        np = numpy()
        self.palette, self.indices, self.is_exact = palette, indices, is_exact
        self.transparent = len(palette)
        points = look(palette)
        self.lightness = np.append(points[:, 0], np.float32(0))
        self.distances = np.full((len(palette) + 1,) * 2, FAR, np.float32)
        differences = points[:, None] - points
        self.distances[:-1, :-1] = (differences**2).sum(axis=2) ** 0.5
        self.distances[-1, -1] = 0

    @property
    def bits(self) -> int:
        """Of a symbol; LZW's variant needs at least two."""
        return max(len(self.palette).bit_length(), 2)

    @functools.cached_property
    def has_transparency(self) -> bool:
        """Whether any frame has. Pillow then has to read it from the first one already."""
        return any(bool((each == self.transparent).any()) for each in self.indices)


class Indexer:
    """Palettes of as many or as few colours as asked for, for the same frames."""

    def __init__(self, frames: Sequence[Image.Image]) -> None:
        basic = colour.to_common_mode([colour.to_basic_mode(frame) for frame in frames])
        self._frames = tuple(each.convert("RGB") if each.mode == "L" else each for each in basic)

    @functools.cache  # noqa: B019 - goes with the object, which lives for one compression
    def with_colours(self, number: int) -> IndexedFrames:
        """At most ``number`` colours, which may be up to MAX_COLOURS."""
        np = numpy()
        colours = _unpacked(self._colours)
        is_exact = len(colours) <= number
        palette = colours if is_exact else self._palettes.entries(number)
        palette = palette[palette[:, 3] > 0]
        entry_of = np.zeros(1 << 24, np.uint8)
        entry_of[self._colours] = nearest(look(colours), look(palette))
        indices = [_indices(frame, entry_of, len(palette)) for frame in self._frames]
        return IndexedFrames(palette, indices, is_exact=is_exact)

    @functools.cached_property
    def _colours(self) -> Any:
        """The different colours of all frames, as numbers; at least one."""
        np = numpy()
        is_used = np.zeros(1 << 24, bool)
        for frame in self._frames:
            is_used[_packed(frame)[_is_opaque(frame)]] = True
        return np.flatnonzero(is_used) if is_used.any() else np.zeros(1, np.int64)

    @functools.cached_property
    def _palettes(self) -> Palettes:
        return Palettes((_sample(self._frames),))


def _indices(frame: Image.Image, entry_of: Any, transparent: int) -> Any:
    indices = entry_of[_packed(frame)]
    indices[~_is_opaque(frame)] = transparent
    return indices.reshape(frame.height, frame.width)


def _is_opaque(frame: Image.Image) -> Any:
    np = numpy()
    if frame.mode != "RGBA":
        return np.ones(frame.width * frame.height, bool)
    return np.frombuffer(frame.getchannel("A").tobytes(), np.uint8) >= MIN_OPAQUE


def _packed(frame: Image.Image) -> Any:
    """Each pixel as a number, without its alpha."""
    np = numpy()
    return np.frombuffer(frame.convert("RGBA").tobytes(), "<u4") & 0xFFFFFF


def _unpacked(colours: Any) -> Colours:
    opaque = colours.astype("<u4") | 0xFF000000
    return opaque.view("u1").reshape(-1, 4)  # type: ignore[no-any-return]


def _sample(frames: Sequence[Image.Image]) -> Image.Image:
    """An even selection of the pixels of all frames, one below the other."""
    width, height = frames[0].size
    factor = max(width * height * len(frames) / MAX_PALETTE_PIXELS, 1) ** 0.5
    size = (max(int(width / factor), 1), max(int(height / factor), 1))
    tall = Image.new(frames[0].mode, (size[0], size[1] * len(frames)))
    for number, frame in enumerate(frames):
        part = frame.resize(size, Image.Resampling.NEAREST)
        if part.mode == "RGBA":
            threshold = [0] * MIN_OPAQUE + [255] * (256 - MIN_OPAQUE)
            part.putalpha(part.getchannel("A").point(threshold))
        tall.paste(part, (0, number * size[1]))
    return tall
