"""What a person would say of a picture before and after, by code that compression does not share.

A difference is CIE76's, Delta E in L*a*b* of sRGB under D65; 2.3 is just noticeable.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.unit.compress_samples import opened

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SEEN_SHARE = 0.005
# From linear sRGB to XYZ, each divided by that of white.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
TO_XYZ = TO_XYZ / TO_XYZ.sum(axis=1, keepdims=True)


def pixels(content: bytes) -> Pixels:
    """The pixels of a file as RGBA, one a row; 16 bits become 8."""
    image = opened(content)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.array(image) >> 8).astype("u1"))
    return np.array(image.convert("RGBA")).reshape(-1, 4)


def linear(rgb: Any) -> Floats:
    share = np.asarray(rgb, float) / 255
    made: Floats = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return made


def luminance(rgb: Any) -> Floats:
    made: Floats = linear(rgb) @ TO_XYZ[1]
    return made


def lab(rgb: Any) -> Floats:
    share = linear(rgb) @ TO_XYZ.T
    root = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def shown_on(rgba: Any, ground: int) -> Floats:
    """The colours as they appear on a page of that grey."""
    alpha = rgba[:, 3:] / 255
    made: Floats = rgba[:, :3] * alpha + ground * (1 - alpha)
    return made


class SeenColours(NamedTuple):
    """The colours that cover SEEN_SHARE of the visible pixels, and the means of what they became.

    Both as L*a*b* on a black and on a white page, side by side.
    """

    before: Floats
    after: Floats

    def moves(self) -> Floats:
        return distances(self.before, self.after)

    def merged(self) -> list[list[float]]:
        """[apart before, apart after] of each two that were clear to tell, and are no longer."""
        count = len(self.before)
        one, other = np.triu_indices(count, 1)
        was = distances(self.before[one], self.before[other])
        now = distances(self.after[one], self.after[other])
        lost = (was > 12) & (now < was / 2)
        pairs: list[list[float]] = np.stack([was[lost], now[lost]], axis=1).round(1).tolist()
        return pairs


def distances(one: Floats, other: Floats) -> Floats:
    """The larger of the differences on a black and on a white page."""
    pages = ((one - other) ** 2).reshape(len(one), 2, 3).sum(axis=2)
    made: Floats = np.sqrt(pages).max(axis=1, initial=0)
    return made


def seen_colours(before: Pixels, after: Pixels) -> SeenColours:
    colours, which, counts = _colours(before)
    visible = np.where(colours[:, 3] > 0, counts, 0)
    seen = np.flatnonzero(visible >= SEEN_SHARE * visible.sum())
    became = np.array([after[which == number].mean(axis=0) for number in seen])
    return SeenColours(_on_both_pages(colours[seen]), _on_both_pages(became))


def ground(before: Pixels, after: Pixels) -> tuple[Pixels, Pixels]:
    """The most frequent colour, by its opacity, and what its pixels became."""
    colours, which, counts = _colours(before)
    most = int((counts * colours[:, 3]).argmax())
    return colours[most], after[which == most]


def number_of_colours(rgba: Pixels) -> int:
    return len(_colours(rgba)[0])


def contrast(rgb_of_ink: Any, rgb_of_ground: Any) -> float:
    """The difference of the mean luminances."""
    return float(abs(luminance(rgb_of_ink).mean() - luminance(rgb_of_ground).mean()))


def _colours(rgba: Pixels) -> tuple[Pixels, Any, Any]:
    """The different colours, which of them each pixel has, and how many pixels each has.

    All that are fully transparent are one.
    """
    shown = np.where(rgba[:, 3:] > 0, rgba, 0).astype("u1")
    packed = np.ascontiguousarray(shown).view("<u4").ravel()
    values, which, counts = np.unique(packed, return_inverse=True, return_counts=True)
    return values.view("u1").reshape(-1, 4), which, counts


def _on_both_pages(rgba: Any) -> Floats:
    return np.concatenate([lab(shown_on(rgba, page)) for page in (0, 255)], axis=1)
