"""The rule that beats the number of bytes: what a lossy result has to keep, or it is not stored.

The bounds come from pictures that people called damaged: a logo whose red became its purple, a
button that lost its transparency. A photo is not looked at here, and costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageStat

from compress import colour
from compress.colour_table import ColourTable, colour_table, look, numpy

if TYPE_CHECKING:
    from compress.colour_table import Floats

MAX_FLAT_COLOURS = 256
MAX_COLOURS_WITH_RARE, MAX_RARE_SHARE = 1 << 12, 0.005
# The mean change of alpha, of 255.
MAX_ALPHA_CHANGE = 4.0
# A colour of this share of the visible pixels is seen. It may move by MAX_MOVE (a difference of
# CIE76, of which 2.3 is just noticeable), and two that differ by more than that may not become one.
SEEN_SHARE, MAX_MOVE = 0.005, 12.0
MERGED = 0.5  # of the difference that there was
# The root of the mean squared difference of all pixels: above it, an icon looks worn at its edges.
MAX_MEAN_MOVE = 3.0
# What is lost of the structure of lightness (the contrast and structure terms of SSIM: Wang, Bovik,
# Sheikh and Simoncelli, 2004) at a quarter of the width, in windows of eight pixels. It stands for
# a SSIMULACRA 2 of 70: of 100 palettes it refuses the five below that, and none of the others.
MAX_STRUCTURE_LOST, STRUCTURE_SCALE, WINDOW = 0.0045, 4, 8
STRUCTURE_CONSTANT = 9.0  # differences of lightness below its root, three, hardly count


def is_flat(frame: Image.Image, few: int = MAX_FLAT_COLOURS) -> bool:
    """Whether a frame in a basic mode has so few colours that each of them matters.

    Rare ones, as of soft edges, may come on top of the ``few``.
    """
    counted = colour.without_hidden_colours(frame).getcolors(MAX_COLOURS_WITH_RARE)
    if counted is None or len(counted) <= few:
        return counted is not None
    counts = sorted((count for count, _ in counted), reverse=True)
    return sum(counts[few:]) <= MAX_RARE_SHARE * sum(counts)


def is_damaged(before: Image.Image, after: Image.Image, *, flat: bool, keeps_pixels: bool) -> bool:
    """Whether ``after`` lacks something that is seen in ``before``.

    Both are in a basic mode; ``flat`` is that of ``before``. One that ``keeps_pixels`` must also
    not change too much as a whole.
    """
    if after.size != before.size:
        after = after.resize(before.size, Image.Resampling.BOX)
    if _alpha_changes(before, after):
        return True
    if not flat:
        return False
    return _colours_change(before, after) or (keeps_pixels and _looks_change(before, after))


def _alpha_changes(before: Image.Image, after: Image.Image) -> bool:
    if before.mode != "RGBA":
        return False
    alphas = (image.convert("RGBA").getchannel("A") for image in (before, after))
    return ImageStat.Stat(ImageChops.difference(*alphas)).mean[0] > MAX_ALPHA_CHANGE


def _colours_change(before: Image.Image, after: Image.Image) -> bool:
    """Whether a seen colour moved too far, or two became one."""
    np = numpy()
    table = colour_table((before,))
    pixels = np.frombuffer(after.convert("RGBA").tobytes(), "u1").reshape(-1, 4)
    moved_to = look(_means(table, pixels))
    seen = table.shares >= SEEN_SHARE
    moves = _distances(table.look[seen], moved_to[seen])
    return bool(moves.max(initial=0) > MAX_MOVE) or _merge(table.look[seen], moved_to[seen])


def _looks_change(before: Image.Image, after: Image.Image) -> bool:
    """Whether the image as a whole moved too far, or lost too much of its structure."""
    return (
        mean_move(before, after) > MAX_MEAN_MOVE
        or structure_lost(before, after) > MAX_STRUCTURE_LOST
    )


def mean_move(before: Image.Image, after: Image.Image) -> float:
    """The root of the mean squared difference of all pixels in ``look``, of pairs of colours."""
    np = numpy()
    pair = [np.frombuffer(each.convert("RGBA").tobytes(), "<u4") for each in (before, after)]
    pairs, counts = np.unique(pair[0].astype("u8") << 32 | pair[1], return_counts=True)
    ends = [pairs >> 32, pairs & 0xFFFFFFFF]
    looks = [look(np.ascontiguousarray(each, "<u4").view("u1").reshape(-1, 4)) for each in ends]
    squared = ((looks[0] - looks[1]) ** 2).sum(axis=1)
    mean = float((squared * counts).sum() / counts.sum())
    return mean**0.5  # type: ignore[no-any-return]


def structure_lost(before: Image.Image, after: Image.Image) -> float:
    """From 0, where all shades and edges are as they were, to 1."""
    first, second = _lightness(before), _lightness(after)
    first_mean, second_mean = _window_means(first), _window_means(second)
    covariance = _window_means(first * second) - first_mean * second_mean
    variances = [_window_means(first**2) - first_mean**2, _window_means(second**2) - second_mean**2]
    kept = (2 * covariance + STRUCTURE_CONSTANT) / (sum(variances) + STRUCTURE_CONSTANT)
    return float(1 - kept.mean())


def _lightness(image: Image.Image) -> Any:
    """Rows of L*, at a quarter of the width and height."""
    small = image.convert("RGBA").reduce(STRUCTURE_SCALE)
    pixels = numpy().frombuffer(small.tobytes(), "u1").reshape(-1, 4)
    return look(pixels)[:, 0].reshape(small.height, small.width)


def _window_means(values: Any) -> Any:
    """The means of windows side by side; what is left at the edges joins none, unless it is all."""
    height, width = (side // WINDOW * WINDOW for side in values.shape)
    if not height or not width:
        return values.mean(keepdims=True)
    windows = values[:height, :width].reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW)
    return windows.mean(axis=(1, 3))


def _means(table: ColourTable, pixels: Any) -> Any:
    """The mean of the pixels that had each colour of the table."""
    np = numpy()
    number = len(table.counts)
    sums = [np.bincount(table.of_pixels, channel, number) for channel in pixels.T]
    return np.rint(np.stack(sums, axis=1) / table.counts[:, None]).astype("u1")


def _merge(before: Floats, after: Floats) -> bool:
    """Whether two colours that differed clearly are now much closer to each other."""
    pairs = zip(before, after, strict=True)
    for number, (was, became) in enumerate(pairs):
        apart = _distances(before[number + 1 :], was)
        now = _distances(after[number + 1 :], became)
        if ((apart > MAX_MOVE) & (now < MERGED * apart)).any():
            return True
    return False


def _distances(first: Floats, second: Floats) -> Any:
    return ((first - second) ** 2).sum(axis=-1) ** 0.5
