"""What is installed: pinned with hashes, made from the short lists, and of known licences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def asked_for(name: str) -> dict[str, str]:
    """The versions of a short list, by package."""
    text = (ROOT / name).read_text()
    found = re.findall(r"^([a-zA-Z0-9_.-]+)(?:\[\w+\])?==([\w.]+)", text, re.MULTILINE)
    more = asked_for("requirements.txt") if "-r requirements.txt" in text else {}
    return more | {package.lower(): version for package, version in found}


def locked(name: str) -> dict[str, str]:
    """The versions of a lock, by package; each has hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    pairs = (re.match(r"([a-z0-9_.-]+)==([\w.]+)", entry) for entry in entries)
    return {pair[1]: pair[2] for pair in pairs if pair}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_a_lock_has_what_its_list_asks_for(name: str) -> None:
    lock = locked(f"{name}.lock")

    assert asked_for(f"{name}.txt").items() <= lock.items()


def test_what_runs_in_production_is_the_same_in_development() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_no_lock_names_a_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / name).read_text()


def test_the_licence_of_every_package_is_listed() -> None:
    listed = re.findall(
        r"^\| ([a-z0-9_.-]+) \| (\d[\w.]*) \| \S.*\|$",
        (ROOT / "docs" / "licences.md").read_text(),
        re.MULTILINE,
    )

    assert dict(listed) == locked("requirements.lock")
