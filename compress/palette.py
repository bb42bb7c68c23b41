"""Fewer colours: find a palette for an image, and map its pixels to it.

The coarseness is the number of halvings from 256 colours: 0 is 256 colours, 5 is 8.

A palette is found like this: boxes of colours are split where they differ most (Heckbert's median
cut, 1982, by the variance of a box instead of its number of pixels: Wan, Wong and Prusinkiewicz,
1990), then each entry moves to the mean of the colours that are nearest to it (k-means, Lloyd
1982). Distances are those of ``colour_table.look``, so alpha is a part of each colour.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PIL import Image

from compress.colour_table import ColourTable, colour_table, look, nearest, numpy

if TYPE_CHECKING:
    from compress.colour_table import Colours, Floats, Integers

Frames = tuple[Image.Image, ...]

# An opaque image with more colours than this is a photo, and is dithered.
MAX_GRAPHIC_COLOURS = 1 << 14
MIN_DITHERED = 32  # with fewer colours its mean takes on a tint
# A colour of this share of the visible pixels is seen, and keeps its exact value, so that white
# stays white and a logo its red; but at most half of the entries are given away like this.
SEEN_SHARE = 0.005
# A colour counts with its number of pixels to this power: at 1 small details would lose their
# colours beside a large background.
WEIGHT = 0.6
ROUNDS = 4  # of k-means; further ones change the error by less than 1 %
OPAQUE_ALPHA = 255
FLOOR = 5.0  # eight colours, for formats without a rule of their own
COLOURS = (
    *(256, 224, 192, 160, 128, 112, 96, 80, 64, 56, 48, 40, 32, 28, 24, 20),
    *(16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2),
)  # fmt: skip


def is_graphic(image: Image.Image) -> bool:
    """Whether the image has few colours for its size, as a drawing or a screenshot has."""
    pixels = image.width * image.height
    few = min(MAX_GRAPHIC_COLOURS, max(pixels // 4, 256))
    return image.mode in ("RGB", "RGBA") and image.getcolors(few) is not None


def coarseness_of(colours: int) -> float:
    return 8 - math.log2(colours)


class Palettes:
    """The palettes of the same frames, of as many or as few colours as asked for."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.dithers = frames[0].mode == "RGB" and not is_graphic(frames[0])

    @functools.cached_property
    def table(self) -> ColourTable:
        return colour_table(self.frames)

    @property
    def coarsenesses(self) -> tuple[float, ...]:
        """Those worth a try: fewer colours than there are, down to two."""
        least = MIN_DITHERED if self.dithers else 2
        usable = (each for each in COLOURS if least <= each < len(self.table.counts))
        return tuple(coarseness_of(each) for each in usable) or (coarseness_of(2),)

    def reduce(self, frames: Frames, halvings: float) -> Frames:
        """These frames, or a part of them, in mode P with a palette of 2^(8 - halvings) colours."""
        entries = self.entries(round(2 ** (8 - halvings)))
        if self.dithers:
            return tuple(_dithered(frame, entries) for frame in frames)
        table = self.table if frames is self.frames else colour_table(frames)
        of_pixels = _nearest(table, entries).astype("u1")[table.of_pixels]
        return tuple(_paletted(frames, of_pixels, entries))

    @functools.cached_property
    def _splits(self) -> tuple[Integers, Integers]:
        return _split(self.table, max(COLOURS))

    @functools.cache  # noqa: B019 - goes with the object, which lives for one compression
    def entries(self, colours: int) -> Colours:
        """A palette of at most so many colours."""
        return _entries(self.table, self._splits, colours)


def to_palette(frames: Frames, halvings: float) -> Frames:
    return Palettes(frames).reduce(frames, halvings)


def _dithered(photo: Image.Image, entries: Colours) -> Image.Image:
    palette = Image.new("P", (1, 1))
    palette.putpalette(entries[:, :3].tobytes())
    return photo.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _paletted(frames: Frames, of_pixels: Any, entries: Colours) -> Iterator[Image.Image]:
    at = 0
    for frame in frames:
        pixels = frame.width * frame.height
        made = Image.frombytes("P", frame.size, of_pixels[at : at + pixels].tobytes())
        made.putpalette(entries.tobytes(), "RGBA")
        at += pixels
        yield made


def _nearest(table: ColourTable, entries: Colours) -> Integers:
    """The number of the entry for each colour of the table; an opaque one for what is opaque."""
    np = numpy()
    found = nearest(table.look, look(entries))
    opaque = table.colours[:, 3] == OPAQUE_ALPHA
    lost = opaque & (entries[found, 3] < OPAQUE_ALPHA)
    opaque_entries = np.flatnonzero(entries[:, 3] == OPAQUE_ALPHA)
    if lost.any() and len(opaque_entries):
        found[lost] = opaque_entries[nearest(table.look[lost], look(entries[opaque_entries]))]
    return found


def _weights(table: ColourTable) -> Any:
    return table.counts**WEIGHT


def _split(table: ColourTable, most: int) -> tuple[Integers, Integers]:
    """(order, starts): the colours sorted into boxes, and where each further box begins.

    The first k starts are the boxes of a palette of k colours.
    """
    np = numpy()
    points, weights = table.look, _weights(table)
    order = np.arange(len(points))
    boxes = [(0, len(points))]
    spreads = [_spread(points, weights)]
    parents = [0]
    cuts: list[tuple[int, int]] = []
    while len(boxes) < most:
        widest = max(range(len(boxes)), key=lambda each: spreads[each][0])
        if spreads[widest][0] <= 0:
            break
        start, end = boxes[widest]
        part = order[start:end]
        along = points[part] @ spreads[widest][1]
        sorted_part = part[np.argsort(along, kind="stable")]
        order[start:end] = sorted_part
        middle = start + _cut(np.sort(along), weights[sorted_part])
        for box, number in (((start, middle), widest), ((middle, end), len(boxes))):
            inside = order[box[0] : box[1]]
            spread = _spread(points[inside], weights[inside])
            if number == widest:
                boxes[widest], spreads[widest] = box, spread
            else:
                boxes.append(box)
                spreads.append(spread)
        cuts.append((widest, middle))
        parents.append(widest)
    return order, np.array([0, *(middle for _, middle in cuts)])


def _spread(points: Floats, weights: Any) -> tuple[float, Any]:
    """The weighted squared error along the direction in which the points differ most; it too."""
    np = numpy()
    if len(points) < 2:
        return 0.0, None
    moved = points - np.average(points, axis=0, weights=weights)
    values, vectors = np.linalg.eigh((moved * weights[:, None]).T @ moved)
    return float(values[-1]), vectors[:, -1].astype(np.float32)


def _cut(along: Any, weights: Any) -> int:
    """Where to cut sorted values in two so that the squared error of both becomes least (Otsu)."""
    np = numpy()
    left_weight = np.cumsum(weights)[:-1]
    left_sum = np.cumsum(weights * along)[:-1]
    all_weight, all_sum = weights.sum(), (weights * along).sum()
    between = left_sum**2 / left_weight + (all_sum - left_sum) ** 2 / (all_weight - left_weight)
    return int(between.argmax()) + 1


def _entries(table: ColourTable, splits: tuple[Integers, Integers], colours: int) -> Colours:
    """The palette, transparent entries first, as tRNS wants them (PNG, 11.3.1.1)."""
    np = numpy()
    fixed = _seen(table)[: max(colours // 2, 1)]
    rest = np.setdiff1d(np.arange(len(table.counts)), fixed)
    entries = table.colours[fixed]
    if len(rest):
        entries = _with_means(table, splits, entries, colours)
    entries = np.unique(entries, axis=0)
    return entries[np.lexsort((entries[:, 1], entries[:, 3]))]  # type: ignore[no-any-return]


def _seen(table: ColourTable) -> Integers:
    """The numbers of the colours that are seen, the most frequent first; transparency before."""
    np = numpy()
    shares = np.where(table.colours[:, 3] == 0, 1, table.shares)
    order = np.argsort(-shares, kind="stable")
    return order[shares[order] >= SEEN_SHARE]  # type: ignore[no-any-return]


def _with_means(
    table: ColourTable, splits: tuple[Integers, Integers], exact: Colours, colours: int
) -> Colours:
    """The exact entries, and means of the other colours, so many in all."""
    np = numpy()
    order, starts = splits
    weights = _weights(table)
    bounds = np.append(np.sort(starts[: max(colours - len(exact), 1)]), len(order))
    group = np.empty(len(order), np.int64)
    group[order] = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    means = _means(table, weights, group, len(bounds) - 1)
    for _ in range(ROUNDS):
        entries = np.concatenate([exact, means])
        group = nearest(table.look, look(entries)) - len(exact)
        means = _means(table, weights, group, len(means))
    return np.concatenate([exact, means])  # type: ignore[no-any-return]


def _means(table: ColourTable, weights: Any, group: Any, number: int) -> Colours:
    """The mean colour of each group that has any, weighted by alpha too; negative groups aside.

    One with anything opaque is opaque, or the page behind a picture would shine through it.
    """
    np = numpy()
    inside = group >= 0
    group, weights, colours = group[inside], weights[inside], table.colours[inside]
    visible = weights * colours[:, 3]
    total = np.bincount(group, visible, number)
    sums = [np.bincount(group, visible * channel, number) for channel in colours.T[:3]]
    alpha = np.bincount(group, visible, number) / np.maximum(
        np.bincount(group, weights, number), 1e-9
    )
    alpha[np.bincount(group, colours[:, 3] == OPAQUE_ALPHA, number) > 0] = OPAQUE_ALPHA
    means = np.stack([each / np.maximum(total, 1e-9) for each in sums] + [alpha], axis=1)
    return np.rint(means[total > 0]).astype(np.uint8)  # type: ignore[no-any-return]
