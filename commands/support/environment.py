"""The variables that the commands and the programs they start work with."""

from __future__ import annotations

import os
from pathlib import Path

import dotenv

import settings
from commands.support.programs import ROOT


def load(file: Path = ROOT / ".env") -> dict[str, str]:
    """The variables of .env, overridden by those of this process.

    The file may be missing. Its values are taken as written: no ``$NAME`` in them is replaced.
    """
    values = dotenv.dotenv_values(file, interpolate=False)
    written = {name: value for name, value in values.items() if value is not None}
    return {**written, **os.environ}  # noqa: TID251 - it is passed on, not read


def database_url() -> str:
    """The database that DATABASE_URL names. Raises WrongSetting when a setting is wrong."""
    return settings.read(load()).database_url
