"""`.env` as the commands read it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import settings
from commands.support import environment
from settings import Settings

ROOT = Path(__file__).parents[2]


def read(folder: Path, text: str) -> dict[str, str]:
    file = folder / ".env"
    file.write_text(text)
    return environment.load(file)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A_NAME=value", "value"),
        ("A_NAME = value ", "value"),
        ("A_NAME='two words'", "two words"),
        ('A_NAME="two words"', "two words"),
        ("A_NAME=", ""),
        ("A_NAME=sqlite:///a.db?b=c", "sqlite:///a.db?b=c"),
        ("A_NAME=pass#word", "pass#word"),
        ("A_NAME=$HOME-${HOME}", "$HOME-${HOME}"),
    ],
)
def test_a_value_is_taken_as_it_is_written(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"# A_NAME=other\n\n{line}\n")["A_NAME"] == value


@pytest.mark.parametrize("value", ["of the environment", ""])
def test_a_variable_of_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("A_NAME", value)

    assert read(tmp_path, "A_NAME=of the file")["A_NAME"] == value


def test_a_name_without_a_value_is_left_out(tmp_path: Path) -> None:
    assert "A_NAME" not in read(tmp_path, "A_NAME\n")


def test_a_file_that_is_missing_is_an_empty_one(tmp_path: Path) -> None:
    assert environment.load(tmp_path / ".env") == read(tmp_path, "")


def test_a_copy_of_the_example_gives_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (ROOT / ".env.example").read_text()
    for field in fields(Settings):
        monkeypatch.delenv(field.name.upper(), raising=False)

    assert settings.read(read(tmp_path, example)) == Settings()
