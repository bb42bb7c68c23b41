"""The figures of one compressed picture, and a file of them with which two versions compare."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SMALL = 10_240  # bytes


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A peer's result in at most our bytes; ``seconds`` are the CPU time of its last encode."""

    size: int
    score: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Sizes are in bytes, times in CPU seconds; ``naive`` is `open` + `save(quality=50)`.

    ``damage`` lists the reasons to call it damaged; ``lost`` is what of the metadata or the frames
    is not as promised.
    """

    name: str
    kind: str
    original_size: int
    size: int
    method: str
    scale: float
    encodes: int
    seconds: float
    naive_seconds: float
    score: float
    damage: list[str]
    had_code: bool
    has_code: bool
    lost: str
    peers: dict[str, Peer]

    @property
    def ratio(self) -> float:
        return self.size / self.original_size

    @property
    def at_half(self) -> bool:
        return self.size * 2 <= self.original_size

    @property
    def size_class(self) -> str:
        return "≤ 10 KB" if self.original_size <= SMALL else "larger"


def write(pictures: list[Picture], file: Path) -> None:
    lines = [json.dumps(asdict(each), ensure_ascii=False) for each in pictures]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(file: Path) -> list[Picture]:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["peers"] = {name: Peer(**peer) for name, peer in row["peers"].items()}
    return [Picture(**row) for row in rows]
