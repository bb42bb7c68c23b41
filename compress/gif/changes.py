"""What has to be written of each frame: the rectangle in which it differs from what is shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from compress.colour_table import numpy
from compress.gif.indexed_frames import IndexedFrames
from compress.gif.tolerance import Tolerances

KEEP, CLEAR = 1, 2  # disposal methods (section 23): leave a frame, or clear its rectangle

# (sub-blocks, symbols) of the pixels of a rectangle: from what they should be and what is shown
Pack = Callable[[Any, Any, Tolerances], tuple[bytes, bytes]]


class Part(NamedTuple):
    """One frame as it is written.

    ``corner`` and ``size`` are of its rectangle, ``content`` is its LZW in sub-blocks. The
    transparent symbol counts where ``has_transparent``.
    """

    corner: tuple[int, int]
    size: tuple[int, int]
    disposal: int
    has_transparent: bool
    content: bytes


def parts(
    frames: IndexedFrames, threshold: float, pack: Pack, *, one_in: int = 1
) -> Iterator[Part]:
    """One for each frame; with ``one_in`` above 1 only some are packed, and stand for others."""
    tolerances = Tolerances(frames, threshold)
    shown = numpy().full_like(frames.indices[0], frames.transparent)
    for number, target in enumerate(frames.indices):
        if number == 0 or (number - 1) % one_in == 0:
            part, shown = _part(frames, number, shown, tolerances, pack)
        else:
            shown = target
        yield part


def _part(
    frames: IndexedFrames, number: int, shown: Any, tolerances: Tolerances, pack: Pack
) -> tuple[Part, Any]:
    """The frame, and what is shown after it."""
    np = numpy()
    target, nothing = frames.indices[number], frames.transparent
    gone = _gone(frames, number)
    top, bottom, left, right = _rectangle(target, shown, gone, tolerances, first=number == 0)
    inside = (slice(top, bottom), slice(left, right))
    content, symbols = pack(target[inside], shown[inside], tolerances)
    drawn = np.frombuffer(symbols, np.uint8).reshape(bottom - top, right - left)
    leaves, clears = drawn == nothing, bool(gone.any())
    shown = shown.copy()
    shown[inside] = nothing if clears else np.where(leaves, shown[inside], drawn)
    part = Part(
        corner=(left, top),
        size=(right - left, bottom - top),
        disposal=CLEAR if clears else KEEP,
        has_transparent=frames.has_transparency or bool(leaves.any()),
        content=content,
    )
    return part, shown


def area(frames: IndexedFrames) -> int:
    """The pixels of all rectangles that change at all."""
    total = frames.indices[0].size
    for before, target in itertools.pairwise(frames.indices):
        top, bottom, left, right = _bounds(before != target)
        total += (bottom - top) * (right - left)
    return int(total)


def _gone(frames: IndexedFrames, number: int) -> Any:
    """The pixels that the next frame shows transparent, so this one has to be cleared there."""
    target = frames.indices[number]
    if number + 1 == len(frames.indices):
        return numpy().zeros(target.shape, bool)
    after = frames.indices[number + 1]
    return (target != frames.transparent) & (after == frames.transparent)


def _rectangle(
    target: Any, shown: Any, gone: Any, tolerances: Tolerances, *, first: bool
) -> tuple[int, int, int, int]:
    """(top, bottom, left, right), of one pixel where nothing changes; the first frame is whole."""
    if first:
        return 0, target.shape[0], 0, target.shape[1]
    changes = target != shown
    top, bottom, left, right = _bounds(changes)
    inside = (slice(top, bottom), slice(left, right))
    changes[inside] &= ~tolerances.may_stay(target[inside], shown[inside])
    return _bounds(changes | gone)


def _bounds(mask: Any) -> tuple[int, int, int, int]:
    np = numpy()
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 1, 0, 1
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
