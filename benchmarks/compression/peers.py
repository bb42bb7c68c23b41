"""The peers' results at equal bytes: their finest setting whose file is no larger than ours.

Pillow is always there; pngquant and cwebp count where they are installed, jpegli where the package
pyjpegli is, and sharp where `npm install --prefix benchmarks/.peers sharp` has put it.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import oxipng
from PIL import Image

from benchmarks.compression.cpu import timed
from benchmarks.compression.similarity import number_of_frames, shown

HERE = Path(__file__).parent
NODE_MODULES = HERE.parent / ".peers" / "node_modules"
SHARP: dict[str, dict[str, dict[str, Any]]] = {
    "JPEG": {"sharp": {"format": "jpeg"}, "sharp (mozjpeg)": {"format": "jpeg", "mozjpeg": True}},
    "WEBP": {"sharp": {"format": "webp"}},
    "PNG": {"sharp": {"format": "png", "palette": True, "compressionLevel": 9}},
}


class Result(NamedTuple):
    """``seconds`` are the CPU time of this encode alone, without the search for its setting."""

    content: bytes
    seconds: float


def peers_of(original: bytes, size: int) -> dict[str, Result]:
    """The results of those that are there and know the format, for stills."""
    if number_of_frames(original) > 1:
        return {}
    file_format = Image.open(io.BytesIO(original)).format or ""
    found = {"Pillow's save": pillow(original, size)}
    if file_format == "JPEG" and importlib.util.find_spec("pyjpegli"):
        found["jpegli"] = finest(lambda quality: jpegli(original, quality), 1, 100, size)
    if file_format == "PNG" and shutil.which("pngquant"):
        found["pngquant + oxipng"] = pngquant(original, size)
    if file_format == "WEBP" and shutil.which("cwebp"):
        found["cwebp"] = finest(lambda quality: cwebp(original, quality), 0, 100, size)
    if (NODE_MODULES / "sharp").exists():
        ways = SHARP.get(file_format, {})
        found |= {name: sharp(original, way, size) for name, way in ways.items()}
    return {name: result for name, result in found.items() if result}


def finest(encode: Callable[[int], bytes | None], low: int, high: int, size: int) -> Result | None:
    """The result at the highest setting that is no larger than ``size``."""
    best = None
    while low <= high:
        setting = (low + high) // 2
        seconds, content = timed(partial(encode, setting), runs=1)
        if content is not None and len(content) <= size:
            low, best = setting + 1, Result(content, seconds)
        else:
            high = setting - 1
    return best


def pillow(original: bytes, size: int) -> Result | None:
    """Pillow's `save`, for lossy formats.

    It gets the orientation and the profile too, which `save(quality=…)` alone would lose.
    """
    image = Image.open(io.BytesIO(original))
    if image.format == "PNG":
        return None
    exif = Image.Exif()
    exif[0x112] = image.getexif().get(0x112, 1)
    how = {"icc_profile": image.info.get("icc_profile") or b"", "exif": exif.tobytes()}
    return finest(lambda quality: naive(original, quality, **how), 1, 100, size)


def naive(original: bytes, quality: int, **how: Any) -> bytes | None:
    """What most services do: open and `save(quality=…)` in the same format."""
    image = Image.open(io.BytesIO(original))
    file = io.BytesIO()
    try:
        image.save(file, "JPEG" if image.format == "MPO" else image.format, quality=quality, **how)
    except (OSError, ValueError):
        return None
    return file.getvalue()


def jpegli(original: bytes, quality: int) -> bytes:
    image = shown(original)
    encode = importlib.import_module("pyjpegli").encode
    return bytes(encode(image.tobytes(), image.width, image.height, quality))


def pngquant(original: bytes, size: int) -> Result | None:
    """oxipng alone where that fits, else after pngquant with as many colours as fit."""
    seconds, packed = timed(lambda: pack(original), runs=1)
    if packed and len(packed) <= size:
        return Result(packed, seconds)
    return finest(lambda colours: pack(run("pngquant", original, str(colours), "-")), 2, 256, size)


def pack(content: bytes | None) -> bytes | None:
    if content is None:
        return None
    try:
        return oxipng.optimize_from_memory(content, level=2, strip=oxipng.StripChunks.safe())
    except oxipng.PngError:
        return None


def cwebp(original: bytes, quality: int) -> bytes | None:
    how = ("-quiet", "-metadata", "icc", "-q", str(quality), "-o", "-", "--", "-")
    return run("cwebp", original, *how)


def run(program: str, original: bytes, *arguments: str) -> bytes | None:
    """What a program writes to its standard output, None where it fails."""
    command = [program, *arguments]
    done = subprocess.run(command, input=original, capture_output=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 and done.stdout else None


def sharp(original: bytes, way: dict[str, Any], size: int) -> Result | None:
    """It searches in one process of Node, which takes longer to start than to encode."""
    command = ["node", str(HERE / "sharp.js"), str(NODE_MODULES), json.dumps(way), str(size)]
    done = subprocess.run(command, input=original, capture_output=True, check=False)  # noqa: S603
    return Result(done.stdout, float(done.stderr)) if done.stdout else None
