"""gifsicle, which is GPL and so stays a program of its own: optional, and run where it is found."""

from __future__ import annotations

import functools
import shutil

from compress import program
from compress.gif.blocks import count_frames


@functools.cache
def gifsicle_path() -> str | None:
    """The path of gifsicle, if it is installed."""
    return shutil.which("gifsicle")


def gifsicle(
    original: bytes,
    frame_count: int,
    *,
    lossy: int,
    colours: int | None = None,
    size: tuple[int, int] | None = None,
) -> bytes:
    """What gifsicle makes of the original; empty where it fails or loses a frame."""
    command = [gifsicle_path() or "", "-O3", "-Okeep-empty", "--no-warnings"]
    command += ["--no-comments", "--no-names", "--no-extensions", f"--lossy={lossy}"]
    if colours:
        command.append(f"--colors={colours}")
    if size:
        command.append(f"--resize={size[0]}x{size[1]}")
    made = program.run(command, original)
    return made if count_frames(made, frame_count + 1) == frame_count else b""
