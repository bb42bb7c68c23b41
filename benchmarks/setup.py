"""What every benchmark is given: the images, and how much to measure."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.album import Album


@dataclass(frozen=True)
class Setup:
    album: Album
    is_quick: bool

    def number(self, full: int) -> int:
        """This number of images; in a quick run a tenth of it, at least 10."""
        return max(10, full // 10) if self.is_quick else full

    @property
    def repeats(self) -> int:
        return 1 if self.is_quick else 3
