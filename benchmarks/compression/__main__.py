"""Compression over a folder of images: its quality, its damage, and what peers make of them.

    python -m benchmarks.compression FOLDER [--peers] [--json now.json] [--compare before.json]
        [--page sheets] [--sheets 24]

A file named ``class__name.ext`` counts for its class, any other for its format. Prints a table by
class and size; CPU is that of ours as a multiple of `open` + `save(quality=50)` of the same files.
``--peers`` adds what others make of the same pictures in as many bytes. ``--json`` keeps the
figures, a line a picture; ``--compare`` shows them beside those that an earlier version wrote.
``--page`` writes crops of the worst. It needs the package `ssimulacra2` and requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from benchmarks.compression import picture, tables
from benchmarks.compression.cpu import timed
from benchmarks.compression.damage import damage, read_codes
from benchmarks.compression.kept import broken_promises
from benchmarks.compression.peers import naive, peers_of
from benchmarks.compression.picture import Peer, Picture
from benchmarks.compression.sheets import write_page
from benchmarks.compression.similarity import score, shown
from compress import Unreadable, compress

NO_IMAGES = {".tsv", ".txt", ".md"}


def main() -> None:
    given = _arguments()
    warnings.simplefilter("ignore")
    before = picture.read(given.compare) if given.compare else []
    files = sorted(path for path in given.folder.rglob("*.*") if path.suffix not in NO_IMAGES)
    measured = [(path, measure(path, with_peers=given.peers)) for path in files]
    found = [(path, each) for path, each in measured if each]
    pictures = [each for _, each in found]
    if given.json:
        picture.write(pictures, given.json)
    print(tables.by_class(pictures))
    if given.peers:
        print(f"\n{tables.by_peer(pictures)}")
    if before:
        print(f"\n{tables.compared(before, pictures)}")
    for each in pictures:
        if each.lost:
            print(f"{each.name}: {each.lost}")
    if given.page:
        worst = sorted(found, key=lambda pair: pair[1].score)[: given.sheets]
        write_page(worst, given.page)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression")
    parser.add_argument("folder", type=Path, help="images, also in folders below")
    parser.add_argument("--peers", action="store_true", help="also the peers that are installed")
    parser.add_argument("--json", type=Path, help="file for the figures, a line a picture")
    parser.add_argument("--compare", type=Path, help="file that an earlier version wrote")
    parser.add_argument("--page", type=Path, help="folder for crops of the worst")
    parser.add_argument("--sheets", type=int, default=24, help="how many, default 24")
    return parser.parse_args()


def measure(path: Path, *, with_peers: bool) -> Picture | None:
    original = path.read_bytes()
    try:
        seconds, ours = timed(lambda: compress(original))
    except Unreadable as error:
        print(f"{path.name}: {error.code}: {error}")
        return None
    naive_seconds, _ = timed(lambda: naive(original, 50))
    similarity = score(original, ours.content)
    codes = read_codes(shown(original))
    return Picture(
        name=path.name,
        kind=path.name.split("__")[0] if "__" in path.name else ours.format,
        original_size=len(original),
        size=len(ours.content),
        method=ours.method,
        scale=ours.scale,
        encodes=ours.encodes,
        seconds=seconds,
        naive_seconds=naive_seconds,
        score=similarity,
        damage=damage(original, ours.content, similarity),
        had_code=bool(codes),
        has_code=bool(codes) and codes <= read_codes(shown(ours.content)),
        lost=broken_promises(original, ours.content, ours.scale),
        peers=peers(original, len(ours.content)) if with_peers else {},
    )


def peers(original: bytes, size: int) -> dict[str, Peer]:
    return {
        name: Peer(size=len(content), score=score(original, content), seconds=seconds)
        for name, (content, seconds) in peers_of(original, size).items()
    }


if __name__ == "__main__":
    main()
