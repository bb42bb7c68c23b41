"""The hooks before a commit run the lint commands of `make lint`: all of them, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
HOOKS = [hook for repository in CONFIG["repos"] for hook in repository["hooks"]]


def lint_of_make() -> list[str]:
    """What `make check` runs before the tests."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]


def test_the_hooks_run_the_lint_of_make() -> None:
    assert len(HOOKS) == 4
    assert [hook["entry"] for hook in HOOKS] == lint_of_make()


def test_the_hooks_check_the_whole_tree_as_make_does() -> None:
    assert not any(hook["pass_filenames"] for hook in HOOKS)
