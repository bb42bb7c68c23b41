"""An operator reads at the start which optional program is missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.system import System, eventually


def test_a_worker_without_gifsicle_says_so_once(
    own_system: Callable[..., System], tmp_path: Path
) -> None:
    running = own_system(PATH=str(tmp_path))
    log = running.folder / "system.log"
    eventually(lambda: " ready." in log.read_text())
    lines = [line for line in log.read_text().splitlines() if "gifsicle is not" in line]
    assert len(lines) == 1
    assert "apt-get install gifsicle" in lines[0]
