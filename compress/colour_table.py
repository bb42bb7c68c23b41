"""The different colours of an image as arrays: how often each occurs, and how it looks.

A colour is four numbers, red, green, blue and alpha, of 0 to 255. NumPy is imported on first use:
photos never need it, and it takes 20 MB of a process.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]  # one colour a row, four columns
    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

# An image with more different colours than this, such as a cut-out photo, is seen through colours
# without their three lowest bits.
MAX_EXACT = 1 << 14
COARSE_BITS, OPAQUE = 0xF8F8F8F8, 0xFF000000
# White of D65 (CIE 15:2004), and sRGB's primaries in CIE XYZ (IEC 61966-2-1), a row a channel.
WHITE = (0.95047, 1.0, 1.08883)
RGB_TO_XYZ = ((0.4124, 0.2126, 0.0193), (0.3576, 0.7152, 0.1192), (0.1805, 0.0722, 0.9505))


@functools.cache
def numpy() -> ModuleType:
    """NumPy as a module."""
    import numpy

    return numpy


@dataclass(frozen=True, kw_only=True)
class ColourTable:
    """The colours of frames, how many pixels each has, and which of them each pixel has."""

    colours: Colours
    counts: Integers
    of_pixels: Integers

    @functools.cached_property
    def look(self) -> Floats:
        return look(self.colours)

    @property
    def shares(self) -> Any:
        """Of the pixels that are seen at all, the share of each colour."""
        np = numpy()
        seen = np.where(self.colours[:, 3] > 0, self.counts, 0)
        return seen / max(seen.sum(), 1)


def colour_table(frames: tuple[Image.Image, ...]) -> ColourTable:
    """Exact up to MAX_EXACT colours; above, each stands for its neighbours and is their mean."""
    np = numpy()
    pixels = np.concatenate([_packed(frame) for frame in frames])
    packed, counts = np.unique(pixels, return_counts=True)
    if len(packed) <= MAX_EXACT:
        found = np.searchsorted(packed, pixels)
        return ColourTable(colours=_unpacked(packed), counts=counts, of_pixels=found)
    # What is opaque stays apart from what is nearly so.
    coarse = np.where(pixels >= OPAQUE, (pixels & COARSE_BITS) | 1, pixels & COARSE_BITS)
    groups, counts = np.unique(coarse, return_counts=True)
    found = np.searchsorted(groups, coarse)
    sums = [np.bincount(found, weights=channel) for channel in _unpacked(pixels).T]
    means = np.rint(np.stack(sums, axis=1) / counts[:, None]).astype(np.uint8)
    return ColourTable(colours=means, counts=counts, of_pixels=found)


def look(colours: Colours) -> Floats:
    """How colours look, four columns: L*, a*, b* (CIE 1976) and alpha in percent.

    The first three are multiplied by alpha, so that a distance counts the less the more transparent
    a colour is. The distance of two opaque colours is CIE76's colour difference.
    """
    np = numpy()
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear[colours[:, :3]] @ np.array(RGB_TO_XYZ) / np.array(WHITE)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    alpha = colours[:, 3] / 255
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z), np.full(len(y), 100.0)], axis=1)
    return (lab * alpha[:, None]).astype(np.float32)  # type: ignore[no-any-return]


def nearest(colours: Floats, entries: Floats) -> Integers:
    """For each colour the number of the entry that looks most like it."""
    np = numpy()
    squared = (entries * entries).sum(axis=1)
    steps = range(0, len(colours), 4096)  # to keep the distances small in memory
    parts = [(squared - 2 * colours[at : at + 4096] @ entries.T).argmin(axis=1) for at in steps]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)  # type: ignore[no-any-return]


def _packed(frame: Image.Image) -> Any:
    """Each pixel as one number; what is fully transparent is 0."""
    np = numpy()
    pixels = np.frombuffer(frame.convert("RGBA").tobytes(), "<u4")
    return np.where(pixels < 1 << 24, 0, pixels) if frame.mode == "RGBA" else pixels


def _unpacked(pixels: Any) -> Colours:
    return numpy().ascontiguousarray(pixels, "<u4").view("u1").reshape(-1, 4)  # type: ignore[no-any-return]
