"""What every benchmark is given: the pictures, and how much of it all there shall be."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.pictures import Album


@dataclass(frozen=True)
class Setup:
    album: Album
    is_quick: bool

    def number(self, full: int) -> int:
        """Of images, in a quick run a tenth of them, 10 at least."""
        return max(10, full // 10) if self.is_quick else full

    @property
    def repeats(self) -> int:
        return 1 if self.is_quick else 3
