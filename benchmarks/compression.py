"""Compression against `save(quality=…)` over a folder of images.

    python benchmarks/compression.py FOLDER [--reduce-by 50] [--page sheets] [--sheets 24]

A file named ``class__name.ext`` counts for its class, any other for its format. For each: ours,
Pillow's `save(quality=50)`, and Pillow's `save` at the quality that comes closest to our bytes
from below. Prints a table by class; CPU is given as a ratio to `open` + `save(quality=50)` of the
same file in the same run. With ``--page``, writes sheets of crops, worst first, and a page to look
at them: the original, Pillow at equal bytes, ours, and what ours changed.

Quality is SSIMULACRA 2 where the package `ssimulacra2` is installed, else PSNR in dB; both are of
a crop of 0.4 megapixels at most, as displayed, in sRGB, over grey.
"""

from __future__ import annotations

import argparse
import importlib
import io
import statistics
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from compress import Compressed, Options, Unreadable, compress

compute_ssimulacra2: Callable[[io.BytesIO, io.BytesIO], float] | None
try:
    compute_ssimulacra2 = importlib.import_module("ssimulacra2").compute_ssimulacra2
except ImportError:
    compute_ssimulacra2 = None

CROP_PIXELS = 400_000
Result = TypeVar("Result")

SRGB = ImageCms.createProfile("sRGB")
LOSSY = {"JPEG", "MPO", "WEBP", "AVIF"}
KEPT_EXIF = {0x112, 0x13B, 0x8298}  # orientation, artist, copyright
SMALL = 4096  # bytes: below, the contract promises less


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file's figures; sizes in bytes, times in CPU seconds, None where it does not apply."""

    path: Path
    group: str
    original: bytes
    ours: Compressed
    seconds: float
    naive_seconds: float
    naive_size: int
    quality: float
    peer: bytes | None
    peer_quality: float | None
    lost: str

    @property
    def ratio(self) -> float:
        return len(self.ours.content) / len(self.original)

    @property
    def gain(self) -> float | None:
        return None if self.peer_quality is None else self.quality - self.peer_quality


def measure(path: Path, options: Options) -> Row | None:
    original = path.read_bytes()
    try:
        seconds, ours = timed(lambda: compress(original, options))
    except Unreadable as error:
        print(f"{path.name}: {error.code}: {error}")
        return None
    naive_seconds, naive_size = timed_naive(original)
    peer = at_equal_bytes(original, len(ours.content)) if ours.scale == 1 else None
    return Row(
        path=path,
        group=path.name.split("__")[0] if "__" in path.name else ours.format,
        original=original,
        ours=ours,
        seconds=seconds,
        naive_seconds=naive_seconds,
        naive_size=naive_size,
        quality=score(original, ours.content),
        peer=peer,
        peer_quality=score(original, peer) if peer else None,
        lost=lost(original, ours),
    )


def in_range(row: Row) -> bool:
    """Whether the output is in (40, 50] % of the input, or smaller only because it is as fine."""
    return 0.4 < row.ratio <= 0.5 or row.ours.method == "lossless" or as_fine(row)


def as_fine(row: Row) -> bool:
    """Whether ours is at the encoder's best quality or has tables as fine as a JPEG input's."""
    files = (row.original, row.ours.content)
    tables = [getattr(Image.open(io.BytesIO(each)), "quantization", {}) for each in files]
    if not all(tables):
        return row.ours.quality == 100
    before, after = (statistics.geometric_mean(table[0]) for table in tables)
    return after <= before


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """The least CPU time of up to three runs, stopped after a second."""
    spent: list[float] = []
    while len(spent) < 3 and sum(spent) < 1:
        started = time.process_time()
        result = work()
        spent.append(time.process_time() - started)
    return min(spent), result


def timed_naive(original: bytes) -> tuple[float, int]:
    return timed(lambda: len(naive(original, 50) or original))


def naive(original: bytes, quality: int, **how: Any) -> bytes | None:
    """What most services do: open and `save(quality=…)` in the same format."""
    image = Image.open(io.BytesIO(original))
    file = io.BytesIO()
    try:
        image.save(file, "JPEG" if image.format == "MPO" else image.format, quality=quality, **how)
    except (OSError, ValueError):
        return None
    return file.getvalue()


def save_options(image: Image.Image) -> dict[str, Any]:
    """What Pillow's `save` needs to keep the look of the image: profile and orientation."""
    exif = Image.Exif()
    if (orientation := image.getexif().get(0x112, 1)) != 1:
        exif[0x112] = orientation
    return {"icc_profile": image.info.get("icc_profile") or b"", "exif": exif.tobytes()}


def at_equal_bytes(original: bytes, size: int) -> bytes | None:
    """Pillow's `save` at the highest quality that is no larger than ``size``, for lossy stills.

    It gets the orientation and the profile too, which `save(quality=…)` alone would lose.
    """
    image = Image.open(io.BytesIO(original))
    if image.format not in LOSSY or (image.format != "MPO" and getattr(image, "n_frames", 1) > 1):
        return None
    options = save_options(image)
    low, high, best = 1, 100, None
    while low <= high:
        quality = (low + high) // 2
        content = naive(original, quality, **options)
        if content is not None and len(content) <= size:
            low, best = quality + 1, content
        else:
            high = quality - 1
    return best


def score(original: bytes, content: bytes) -> float:
    before, after = shown(original), shown(content)
    if before.size != after.size:
        after = after.resize(before.size, Image.Resampling.LANCZOS)
    box = centre(before.size)
    return similarity(before.crop(box), after.crop(box))


def similarity(before: Image.Image, after: Image.Image) -> float:
    if before.tobytes() == after.tobytes():
        return 100.0
    if not compute_ssimulacra2 or min(before.size) < 8:
        error = np.mean((np.asarray(before, float) - np.asarray(after, float)) ** 2)
        return float(10 * np.log10(255**2 / max(error, 1e-9)))
    files = [io.BytesIO(), io.BytesIO()]
    for image, file in zip((before, after), files, strict=True):
        image.save(file, "PNG", compress_level=1)
    return float(compute_ssimulacra2(*files))


def shown(content: bytes) -> Image.Image:
    """The first frame as a browser shows it, in sRGB over grey."""
    opened = Image.open(io.BytesIO(content))
    opened.load()
    profile = opened.info.get("icc_profile")
    image: Image.Image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = Image.alpha_composite(
            Image.new("RGBA", image.size, (128, 128, 128)), image.convert("RGBA")
        )
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return in_srgb(image, profile).convert("RGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError):
        return image


def centre(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = (min(side, int(CROP_PIXELS**0.5)) for side in size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def lost(original: bytes, ours: Compressed) -> str:
    """What of the contract the output lacks, in words; empty when nothing."""
    before, after = (Image.open(io.BytesIO(each)) for each in (original, ours.content))
    exif = after.getexif()
    found = {
        "GPS": 0x8825 in exif,
        "other EXIF": after.format != "TIFF" and bool(set(exif) - KEPT_EXIF),
        "XMP": "xmp" in after.info or "XML:com.adobe.xmp" in after.info,
        "comment": bool(after.info.get("comment")),
        "alpha": bool(transparent(before) and not after.has_transparency_data),
        "orientation": displayed(before) != displayed(after) and ours.scale == 1,
        "frames or timing": before.format != "MPO" and timing(before) != timing(after),
    }
    return ", ".join(name for name, is_lost in found.items() if is_lost)


def transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] != 255


def displayed(image: Image.Image) -> tuple[int, int]:
    return ImageOps.exif_transpose(image).size


def timing(image: Image.Image) -> list[int]:
    durations = []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        image.load()
        durations.append(round(image.info.get("duration") or 0))
    return durations


def table(rows: list[Row]) -> str:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    lines = [
        "| class | files | ≤ target | in (40, 50] or as fine | mean ratio | `save(50)` ≤ 50 % "
        "| quality | over `save` at equal bytes | encodes | CPU over naive |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [line(name, groups[name]) for name in sorted(groups)])


def line(name: str, rows: list[Row]) -> str:
    gains = [row.gain for row in rows if row.gain is not None]
    cells = [
        name,
        str(len(rows)),
        share(row.ours.target_met for row in rows),
        share(in_range(row) for row in rows),
        f"{mean(row.ratio for row in rows):.3f}",
        share(row.naive_size * 2 <= len(row.original) for row in rows),
        f"{mean(row.quality for row in rows):.1f}",
        f"{mean(gains):+.1f} ({len(gains)})" if gains else "-",
        f"{mean(row.ours.encodes for row in rows):.2f}",
        f"{sum(r.seconds for r in rows) / sum(r.naive_seconds for r in rows):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def share(flags: Iterable[bool]) -> str:
    return f"{100 * mean(flags):.0f} %"


def mean(values: Iterable[float]) -> float:
    return statistics.fmean(list(values))


def write_page(rows: list[Row], folder: Path, sheets: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["<!doctype html><meta charset='utf-8'><title>Worst first</title>"]
    parts.append("<p>Original, Pillow at equal bytes, ours, and four times what ours changed.</p>")
    for number, row in enumerate(sorted(rows, key=lambda each: each.quality)[:sheets]):
        name = f"{number:03d}.png"
        sheet(row).save(folder / name)
        parts.append(f"<figure><img src='{name}'><figcaption>{caption(row)}</figcaption></figure>")
    (folder / "index.html").write_text("\n".join(parts), encoding="utf-8")


def caption(row: Row) -> str:
    ours = row.ours
    gain = "" if row.gain is None else f", {row.gain:+.1f} over Pillow"
    return (
        f"{row.path.name}: {len(row.original):,} to {len(ours.content):,} bytes "
        f"({row.ratio:.0%}), {ours.method} {ours.quality or ''}, scale {ours.scale}, "
        f"quality {row.quality:.1f}{gain}"
    )


def sheet(row: Row, side: int = 360) -> Image.Image:
    """Crops of the place that ours changed most, side by side."""
    before = shown(row.original)
    after = shown(row.ours.content).resize(before.size, Image.Resampling.LANCZOS)
    peer = shown(row.peer).resize(before.size) if row.peer else before
    change = ImageChops.difference(before, after)
    box = busiest(change, side)
    loud = change.crop(box).point(lambda value: min(value * 4, 255))
    crops = [*(image.crop(box) for image in (before, peer, after)), loud]
    page = Image.new("RGB", (4 * side + 15, side + 20), "white")
    for number, crop in enumerate(crops):
        page.paste(enlarged(crop, side), (number * (side + 5), 20))
    ImageDraw.Draw(page).text((2, 4), caption(row), fill="black")
    return page


def busiest(change: Image.Image, side: int) -> tuple[int, int, int, int]:
    small = change.convert("L").resize((8, 8), Image.Resampling.BOX)
    place = max(range(64), key=small.tobytes().__getitem__)
    left = min(place % 8 * change.width // 8, max(change.width - side, 0))
    top = min(place // 8 * change.height // 8, max(change.height - side, 0))
    return left, top, min(left + side, change.width), min(top + side, change.height)


def enlarged(crop: Image.Image, side: int) -> Image.Image:
    factor = max(side // max(crop.size), 1)
    return crop.resize((crop.width * factor, crop.height * factor), Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="images, also in folders below")
    parser.add_argument("--reduce-by", type=int, default=50, help="percent, default 50")
    parser.add_argument("--page", type=Path, help="folder for sheets of the worst crops")
    parser.add_argument("--sheets", type=int, default=24, help="how many, default 24")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    files = sorted(path for path in given.folder.rglob("*.*") if path.suffix != ".tsv")
    options = Options(reduce_by=given.reduce_by)
    rows = [row for path in files if (row := measure(path, options))]
    print(table(rows))
    for row in rows:
        if row.lost or (not row.ours.target_met and len(row.original) > SMALL):
            print(
                f"{row.path.name}: {row.ratio:.3f} {row.ours.method}, lost: {row.lost or 'nothing'}"
            )
    if given.page:
        write_page(rows, given.page, given.sheets)


if __name__ == "__main__":
    main()
