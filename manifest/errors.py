"""An upload that is no usable CSV: every problem with its place, code and words.

The codes, one for each kind of problem, are for programs and stay as they are:

- of the file: ``not_a_csv``, ``too_many_rows``, ``too_many_images``, ``empty_file``,
  ``wrong_encoding``, ``no_rows``, ``no_urls``, ``too_many_blank_lines``,
  ``formulas_without_values``, ``other_sheets``
- of the header: ``missing_column``, ``unknown_url_column``, ``unknown_name_column``,
  ``unknown_serial_column``, ``too_many_columns``
- of a row: ``unbalanced_quotes``, ``row_too_long``, ``too_many_cells``, ``too_many_urls``
- of a cell: ``nul_byte``, ``too_long``
- of a URL: ``not_http``, ``bad_character``, ``no_host``, ``bad_host``, ``bad_port``,
  ``url_has_credentials``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_PROBLEMS = 100
# Which option of the upload would help.
SKIP_HINT = "on_error=skip leaves rows with a problem out of the job."
BASE_URL_HINT = "base_url=https://… joins file names and paths to that address."
URL_COLUMN_HINT = "url_column=… names the column with image URLs."


@dataclass(frozen=True, slots=True)
class CsvProblem:
    """One thing that is wrong, and where.

    ``row`` counts the data rows from 1 and is 0 for the header, None for the whole file; ``line``
    is the line of the file in which the row begins. ``hint`` says which option would help.
    """

    code: str
    message: str
    row: int | None = None
    line: int | None = None
    column: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else "header" if self.row == 0 else ""
        line = f"line {self.line}" if self.line else ""
        column = f"column “{self.column}”" if self.column else ""
        place = ", ".join(filter(None, (row, line, column)))
        return f"{place}: {self.message}" if place else self.message


class InvalidCsv(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The CSV can't be accepted; ``problems`` says why, in up to 100 entries.

    ``code`` names the kind of refusal. Where a column is missing, ``columns_found`` are those of
    the file and ``columns_known`` the names that would be recognised, by their role.
    ``sheets`` are those of the workbook, where it was one.
    """

    def __init__(
        self,
        problems: Sequence[CsvProblem],
        *,
        code: str = "invalid_csv",
        columns_found: Sequence[str] = (),
        columns_known: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__(_summary(self.problems))
        self.code = code
        self.columns_found = columns_found
        self.columns_known = columns_known
        self.sheets: Sequence[str] = ()

    def add(self, problems: Iterable[CsvProblem]) -> None:
        """More of the whole file, as far as the limit allows."""
        self.problems = (*self.problems, *problems)[:MAX_PROBLEMS]


def _summary(problems: Sequence[CsvProblem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    many = f"{MAX_PROBLEMS} or more" if len(problems) == MAX_PROBLEMS else f"{len(problems)}"
    return f"The CSV has {many} problems. The first: {problems[0]}"
