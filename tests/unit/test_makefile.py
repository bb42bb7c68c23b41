"""The order in which make does things, told from the commands that it would run."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands_of(target: str, venv: Path) -> list[str]:
    """What make would run for a target, with the virtualenv in this folder."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, f"VENV={venv}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_packages_are_installed_before_the_tests_needs_are_looked_for(tmp_path: Path) -> None:
    commands = commands_of("needs", tmp_path / "missing")

    installs = [line for line in commands if "pip install" in line]
    assert len(installs) == 1
    assert commands.index(installs[0]) < commands.index("sh commands/support/install_for_tests.sh")
