"""What may change unseen: by how much a colour may differ, and so which symbols a pixel tolerates.

A symbol is the index of a colour, or the transparent one, which leaves what is shown already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compress.colour_table import numpy
from compress.gif.lossy_lzw import REFUSED, Tolerance
from compress.visibility import MASKING, masking_levels

if TYPE_CHECKING:
    from compress.gif.indexed_frames import IndexedFrames

# Errors are counted in this many steps of what is tolerated; of what is shown already in fewer,
# because each step is one more kind of pixel.
STEPS, SHOWN_STEPS = 240, 15
# What any colour costs more than leaving what is shown, where that is tolerated: matches are longer
# if equal pixels are not written in two ways.
PREFERENCE = STEPS


class Tolerances:
    """What pixels of ``frames`` tolerate at a ``threshold``: a difference of CIE76, 0 for none."""

    def __init__(self, frames: IndexedFrames, threshold: float) -> None:
        self._distances = frames.distances
        self._lightness = frames.lightness
        self._transparent = frames.transparent
        self._limits = numpy().array(MASKING) * threshold
        self._known: dict[int, Tolerance] = {}

    def may_stay(self, target: Any, shown: Any) -> Any:
        """For each pixel whether what is ``shown`` may stay where ``target`` should be."""
        return self._errors_of_shown(target, shown, self._masking(target)) <= 1

    def of_pixels(self, target: Any, shown: Any) -> list[Tolerance]:
        np = numpy()
        masking = self._masking(target)
        error = np.minimum(self._errors_of_shown(target, shown, masking), 2)
        steps = np.where(error <= 1, np.ceil(error * SHOWN_STEPS), SHOWN_STEPS + 1)
        keys = (target.astype(np.int64) << 8 | masking) << 8 | steps.astype(np.int64)
        pixels = keys.ravel().tolist()
        for key in set(pixels) - self._known.keys():
            self._known[key] = self._tolerance(key >> 16, key >> 8 & 255, key & 255)
        known = self._known
        return [known[key] for key in pixels]

    def _masking(self, target: Any) -> Any:
        return masking_levels(self._lightness[target])

    def _errors_of_shown(self, target: Any, shown: Any, masking: Any) -> Any:
        """The difference as a multiple of what is tolerated."""
        np = numpy()
        limits = np.maximum(self._limits, 1e-6)[masking]
        return self._distances[target, shown] / limits

    def _tolerance(self, target: int, masking: int, shown_steps: int) -> Tolerance:
        np = numpy()
        relative = self._distances[target] / max(self._limits[masking], 1e-6)
        errors = np.where(relative <= 1, np.rint(np.minimum(relative, 1) * STEPS), REFUSED)
        errors[self._transparent] = REFUSED
        if shown_steps <= SHOWN_STEPS:
            errors += PREFERENCE
            errors[self._transparent] = shown_steps * STEPS // SHOWN_STEPS
        values = [int(each) for each in errors]
        starts = [(symbol, each) for symbol, each in enumerate(values) if each < REFUSED]
        return Tolerance(tuple(values), tuple(sorted(starts, key=lambda start: start[1])))
