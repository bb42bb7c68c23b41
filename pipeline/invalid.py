"""The answer to an upload that is no usable CSV: every fault with its place, code and words.

The codes, one for each kind of fault, are for programs and stay as they are:

- of the file: ``not_a_csv`` (415), ``too_many_rows`` (413), ``empty_file``, ``wrong_encoding``,
  ``no_rows``, ``no_urls``, ``too_many_blank_lines``
- of the header: ``missing_column``, ``unknown_url_column``, ``too_many_columns``
- of a row: ``unbalanced_quotes``, ``row_too_long``, ``too_many_cells``, ``too_many_urls``
- of a cell: ``nul_byte``, ``too_long``
- of a URL: ``not_http``, ``bad_character``, ``no_host``, ``bad_host``, ``bad_port``,
  ``url_has_credentials``
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from problems import Problem

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where.

    ``row`` counts the data rows from 1 and is 0 for the header, None for the whole file; ``line``
    is the line of the file in which the row begins.
    """

    code: str
    message: str
    row: int | None = None
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else "header" if self.row == 0 else ""
        line = f"line {self.line}" if self.line else ""
        column = f"column “{self.column}”" if self.column else ""
        place = ", ".join(filter(None, (row, line, column)))
        return f"{place}: {self.message}" if place else self.message


class InvalidCsv(Problem):
    """The CSV can't be taken; the member ``errors`` lists its faults, 100 at most."""

    def __init__(
        self, faults: Sequence[Fault], *, status: int = 422, code: str = "invalid_csv", **extra: Any
    ) -> None:
        listed = faults[:MAX_PROBLEMS]
        super().__init__(status, code, _in_words(listed), errors=[*map(asdict, listed)], **extra)


def _in_words(faults: Sequence[Fault]) -> str:
    if len(faults) == 1:
        return str(faults[0])
    many = f"{MAX_PROBLEMS} or more" if len(faults) == MAX_PROBLEMS else f"{len(faults)}"
    return f"The CSV has {many} problems. The first: {faults[0]}"
