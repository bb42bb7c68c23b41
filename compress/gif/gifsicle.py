"""gifsicle, which is GPL and so stays a program of its own: optional, and run where it is found."""

from __future__ import annotations

import functools
import shutil
import subprocess

from compress.gif.blocks import count_frames

# It needs a second a megabyte. A file on which it hangs must not hold up the worker.
MAX_SECONDS = 60


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
    try:
        made = subprocess.run(  # noqa: S603 - our own arguments; the image goes in as stdin
            command, input=original, capture_output=True, timeout=MAX_SECONDS, check=True
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return b""
    return made if count_frames(made, frame_count + 1) == frame_count else b""
