"""Run a program that is given an image and gives one back, with as little as it needs."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Sequence

MAX_CPU_SECONDS, MAX_SECONDS = 60, 120  # for one image; a busy machine gives it less than a core


def run(command: Sequence[str], image: bytes) -> bytes:
    """What the program writes for this image; empty where it fails, hangs or does not start.

    It gets no environment, and ends when it has used MAX_CPU_SECONDS.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - our own arguments; the image goes in as stdin
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
    except OSError:
        return b""
    with process:
        try:
            if hasattr(resource, "prlimit"):  # on Linux
                cpu = (MAX_CPU_SECONDS, MAX_CPU_SECONDS)
                resource.prlimit(process.pid, resource.RLIMIT_CPU, cpu)
            made, _ = process.communicate(image, timeout=MAX_SECONDS)
        except (subprocess.TimeoutExpired, OSError):
            process.kill()
            return b""
    return made if process.returncode == 0 else b""
