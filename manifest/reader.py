"""An uploaded CSV → its rows, or every problem in it with its row and column.

The format is RFC 4180's, read as kindly as real files need; columns are found by name. Reading
streams, and reading again gives the same rows.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from manifest import url_cells
from manifest.columns import Roles, key, roles
from manifest.dialect import BLANKS, Dialect, OverLimit, Record, detect, records
from manifest.errors import MAX_PROBLEMS, CsvProblem, InvalidCsv
from manifest.url_cells import is_longer

# What the tables hold, in UTF-16 code units, as NVARCHAR counts.
MAX_SERIAL_NUMBER = 400
MAX_PRODUCT_NAME = 2000
MAX_URLS_OF_A_ROW = 1000
SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class Row(NamedTuple):  # A frozen dataclass takes four times as long to make.
    """A product: ``number`` counts the data rows from 1, ``cells`` are as many as the columns.

    ``urls`` are in the order of the columns, then of the cell; ``cells`` are as they came.
    """

    number: int
    serial_number: str
    product_name: str
    urls: tuple[str, ...]
    cells: tuple[str, ...]


class Manifest:
    """The rows of a file, made by open_manifest().

    Iterating raises InvalidCsv at the file's end, with up to 100 problems, if there was one; from
    the first problem on no more rows come. A caller that stores rows must be ready to undo.
    """

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        columns: Sequence[str],
        roles: Roles,
        *,
        max_rows: int,
        max_images: int,
    ) -> None:
        self.columns = tuple(columns)
        self._path = path
        self._dialect = dialect
        self._roles = roles
        self._first, *self._others = roles.urls
        self._max_rows, self._max_images = max_rows, max_images

    @property
    def delimiter(self) -> str:
        """What separates the cells."""
        return self._dialect.delimiter

    @property
    def from_excel(self) -> bool:
        """Whether the file began with a byte order mark or was not UTF-8."""
        return self._dialect.has_bom or self._dialect.encoding != "utf-8"

    def __iter__(self) -> Iterator[Row]:
        problems: list[CsvProblem] = []
        number = images = 0
        for number, (line, record) in enumerate(self._data(), start=1):
            if number > self._max_rows:
                raise _too_many("rows", self._max_rows, problems, number, line)
            row = self._read(number, line, record)
            if isinstance(row, list):
                problems += row
                if len(problems) >= MAX_PROBLEMS:
                    break
            elif not problems:
                images += len(row.urls)
                if images > self._max_images:
                    raise _too_many("images", self._max_images, problems, number, line)
                yield row
        if problems := problems or _problems_of_the_whole(number, images):
            raise InvalidCsv(problems)

    def _data(self) -> Iterator[tuple[int, Record]]:
        """The records after the header."""
        return islice(records(self._path, self._dialect), 1, None)

    def _read(self, number: int, line: int, record: Record) -> Row | list[CsvProblem]:
        if isinstance(record, csv.Error):
            return [_broken(record, number, line)]
        cells = record if len(record) == len(self.columns) else self._fitted(record)
        if cells is None:
            return [CsvProblem("too_many_cells", self._too_many_cells(record), number, line)]
        serial = "" if self._roles.serial is None else cells[self._roles.serial]
        name = cells[self._roles.name]
        found, are_good = self._urls(cells)
        serial_number = serial if serial and not serial.isspace() else str(number)
        row = Row(number, serial_number, name, tuple(found), tuple(cells))
        if are_good and len(name) + len(serial) < MAX_SERIAL_NUMBER // 2:
            return row
        return self._problems(row, line) or row

    def _fitted(self, cells: list[str]) -> list[str] | None:
        """As many cells as there are columns: rows may be short, and URLs may not be quoted."""
        width = len(self.columns)
        kept, extra = cells[:width] + [""] * (width - len(cells)), cells[width:]
        if not "".join(extra).strip(BLANKS):
            return kept
        spilled = [cell for cell in cells[width - 1 :] if cell.strip(BLANKS)]
        if self._roles.urls[-1] != width - 1 or not all(map(url_cells.begins_as_one, spilled)):
            return None
        return [*kept[:-1], ",".join(spilled)]

    def _too_many_cells(self, cells: list[str]) -> str:
        delimiter = SEPARATOR_NAMES[self._dialect.delimiter]
        return (
            f"The row has {len(cells)} cells, but the header has {len(self.columns)}. "
            f"A cell with a {delimiter} in it needs quotes around it."
        )

    def _urls(self, cells: list[str]) -> tuple[list[str], bool]:
        """A row's URLs, and whether they need no closer look."""
        found, are_good = url_cells.read(cells[self._first])
        for index in self._others:
            more, more_are_good = url_cells.read(cells[index])
            found += more
            are_good = are_good and more_are_good
        return found, are_good and len(found) <= MAX_URLS_OF_A_ROW and not self._dialect.has_nul

    def _problems(self, row: Row, line: int) -> list[CsvProblem]:
        found: list[CsvProblem] = []
        if is_longer(row.serial_number, MAX_SERIAL_NUMBER):
            found.append(self._too_long(row, line, self._roles.serial or 0, MAX_SERIAL_NUMBER))
        if is_longer(row.product_name, MAX_PRODUCT_NAME):
            found.append(self._too_long(row, line, self._roles.name, MAX_PRODUCT_NAME))
        if len(row.urls) > MAX_URLS_OF_A_ROW:
            message = f"{len(row.urls)} URLs are too many; a row may have {MAX_URLS_OF_A_ROW}."
            found.append(CsvProblem("too_many_urls", message, row.number, line))
        found += islice(self._problems_of_urls(row, line), MAX_PROBLEMS)
        return found + _nul_bytes(self.columns, row, line)

    def _too_long(self, row: Row, line: int, index: int, limit: int) -> CsvProblem:
        message = f"This is longer than {limit} characters."
        return CsvProblem("too_long", message, row.number, line, self.columns[index])

    def _problems_of_urls(self, row: Row, line: int) -> Iterator[CsvProblem]:
        for index in self._roles.urls:
            for url in url_cells.split(row.cells[index]):
                if reason := url_cells.reason_against(url):
                    code, what = reason
                    message = f"“{url_cells.shown(url)}” {what}"
                    yield CsvProblem(code, message, row.number, line, self.columns[index])


def open_manifest(
    path: Path,
    *,
    url_columns: Sequence[str] = (),
    max_rows: int = sys.maxsize,
    max_images: int = sys.maxsize,
) -> Manifest:
    """A file whose header is understood; its rows are not looked at yet.

    ``url_columns`` name the columns with URLs in place of the names known. Raises InvalidCsv if the
    file is not text, is empty, or lacks a column.
    """
    dialect = detect(path)
    line, record = next(records(path, dialect), (0, []))
    if isinstance(record, csv.Error):
        raise InvalidCsv([_broken(record, 0, line)])
    columns = _without_trailing_blanks(record)
    if not columns:
        message = "The file is empty: it has no header and no rows."
        raise InvalidCsv([CsvProblem("empty_file", message)])
    wanted = [name for name in url_columns if key(name)]
    found = roles(columns, wanted, line)
    return Manifest(path, dialect, columns, found, max_rows=max_rows, max_images=max_images)


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    """Excel leaves columns without a name at the end."""
    named = [index for index, cell in enumerate(cells, start=1) if cell.strip(BLANKS)]
    return cells[: named[-1]] if named else []


def _broken(error: csv.Error, row: int, line: int) -> CsvProblem:
    if isinstance(error, OverLimit):
        return CsvProblem(error.code, str(error), row, line)
    message = "A quote in this row is not closed, or not doubled within a quoted cell."
    return CsvProblem("unbalanced_quotes", message, row, line)


def _nul_bytes(columns: Sequence[str], row: Row, line: int) -> list[CsvProblem]:
    return [
        CsvProblem("nul_byte", "There is a NUL byte in this cell.", row.number, line, column)
        for column, cell in zip(columns, row.cells, strict=True)
        if "\0" in cell
    ]


def _too_many(
    what: str, most: int, problems: list[CsvProblem], number: int, line: int
) -> InvalidCsv:
    code = f"too_many_{what}"
    problem = CsvProblem(code, f"The CSV has more than {most:,} {what}.", number, line)
    return InvalidCsv([*problems, problem], code=code)


def _problems_of_the_whole(rows: int, images: int) -> list[CsvProblem]:
    if not rows:
        return [CsvProblem("no_rows", "The file has a header, but no rows.")]
    return [] if images else [CsvProblem("no_urls", "No row of the file has an image URL.")]
