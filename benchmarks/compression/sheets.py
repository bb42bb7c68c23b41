"""A page of the worst pictures: the original, Pillow at equal bytes, ours, what ours changed."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from benchmarks.compression.peers import pillow
from benchmarks.compression.picture import Picture
from benchmarks.compression.similarity import enlarged, over, resized, shown
from compress import compress

SIDE = 360


def write_page(worst: list[tuple[Path, Picture]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["<!doctype html><meta charset='utf-8'><title>Worst first</title>"]
    parts.append("<p>Original, Pillow at equal bytes, ours, and four times what ours changed.</p>")
    for number, (path, picture) in enumerate(worst):
        name, words = f"{number:03d}.png", caption(picture)
        sheet(path.read_bytes(), words).save(folder / name)
        parts.append(f"<figure><img src='{name}'><figcaption>{words}</figcaption></figure>")
    (folder / "index.html").write_text("\n".join(parts), encoding="utf-8")


def caption(picture: Picture) -> str:
    sizes = f"{picture.original_size:,} to {picture.size:,} bytes ({picture.ratio:.0%})"
    state = f"quality {picture.score:.1f}, {', '.join(picture.damage) or 'no damage'}"
    return f"{picture.name}: {sizes}, {picture.method}, scale {picture.scale}, {state}"


def sheet(original: bytes, words: str) -> Image.Image:
    """Crops of the place that ours changed most, side by side."""
    ours = compress(original).content
    peer = pillow(original, len(ours))
    files = (original, peer.content if peer else original, ours)
    before, *others = (over(shown(each), "white") for each in files)
    peers, after = (resized(each, before.size) for each in others)
    change = ImageChops.difference(before, after)
    box = busiest(change)
    loud = change.crop(box).point(lambda value: min(value * 4, 255))
    crops = [*(image.crop(box) for image in (before, peers, after)), loud]
    page = Image.new("RGB", (4 * SIDE + 15, SIDE + 20), "white")
    for number, crop in enumerate(crops):
        page.paste(enlarged(crop, SIDE // 2).crop((0, 0, SIDE, SIDE)), (number * (SIDE + 5), 20))
    ImageDraw.Draw(page).text((2, 4), words, fill="black")
    return page


def busiest(change: Image.Image) -> tuple[int, int, int, int]:
    small = change.convert("L").resize((8, 8), Image.Resampling.BOX)
    place = max(range(64), key=small.tobytes().__getitem__)
    left = min(place % 8 * change.width // 8, max(change.width - SIDE, 0))
    top = min(place // 8 * change.height // 8, max(change.height - SIDE, 0))
    return left, top, min(left + SIDE, change.width), min(top + SIDE, change.height)
