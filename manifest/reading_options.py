"""How a user asks for a table to be read; kept with the request, as the table is read again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """The columns, where their names aren't known ones; the rest is as in docs/tables.md.

    An entry of ``url_columns`` is a column's name, or several by commas. ``is_workbook``: a CSV of
    the ``sheet`` was kept in its place. ``is_earlier``: the request was accepted when fewer columns
    were known; those it has must stay the same.
    """

    name_column: str | None = None
    url_columns: tuple[str, ...] = ()
    base_url: str | None = None
    skips_problems: bool = False
    sheet: str | None = None
    serial_column: str | None = None
    is_workbook: bool = False
    is_earlier: bool = False

    def as_json(self) -> str:
        """All that isn't the default, for the database."""
        chosen = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(chosen, ensure_ascii=False)

    @classmethod
    def stored(cls, reading: str | None, url_column: str | None) -> Self:
        """Those of a request: before schema version 0010 only its ``url_column`` was kept."""
        if reading is None:
            return cls(url_columns=(url_column,) if url_column else (), is_earlier=True)
        chosen = json.loads(reading)
        return cls(**{**chosen, "url_columns": tuple(chosen.get("url_columns", ()))})
