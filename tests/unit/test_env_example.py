"""`.env.example` shows every setting with its default, a line about it, and nothing stale."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import settings
from settings import Settings

ROOT = Path(__file__).parents[2]
LINES = (ROOT / ".env.example").read_text().splitlines()
VALUES = dict(line.split("=", 1) for line in LINES if line and not line.startswith("#"))
SETTINGS = {field.name.upper() for field in fields(Settings)}


def test_every_setting_stands_there() -> None:
    assert VALUES.keys() >= SETTINGS


def test_every_value_is_the_default() -> None:
    assert settings.read(VALUES) == Settings()


def test_a_value_stands_there_unless_the_default_is_empty() -> None:
    empty = {name for name in SETTINGS if not VALUES[name]}

    defaults = {name: getattr(Settings(), name.lower()) for name in SETTINGS}
    assert empty == {name for name, value in defaults.items() if value in ("", frozenset())} | {
        name for name, value in defaults.items() if value is False or value is None
    }


def test_nothing_else_stands_there_but_what_compose_asks_for() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()

    assert VALUES.keys() - SETTINGS <= set(re.findall(r"\$\{(\w+)", compose))


def test_a_line_above_each_says_what_it_is() -> None:
    for above, line in pairwise(LINES):
        if "=" in line and not line.startswith("#"):
            assert above.startswith("# "), f"nothing is said about {line}"
