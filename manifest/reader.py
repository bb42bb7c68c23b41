"""An uploaded CSV → its rows, or every problem in it with its row and column.

The format is RFC 4180's, read as kindly as real files need; columns are found by name. Reading
streams, and reading again gives the same rows.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from manifest import url_cells
from manifest.columns import keeps_paths, refusal
from manifest.dialect import BLANKS, Lines, OverLimit, Record, records
from manifest.errors import (
    BASE_URL_HINT,
    MAX_PROBLEMS,
    SKIP_HINT,
    URL_COLUMN_HINT,
    CsvProblem,
    InvalidCsv,
)
from manifest.header import Header, broken, find_header
from manifest.reading_options import ReadingOptions
from manifest.url_cells import CellRules, is_longer

# What the tables hold, in UTF-16 code units, as NVARCHAR counts.
MAX_SERIAL_NUMBER = 400
MAX_PRODUCT_NAME = 2000
MAX_URLS_OF_A_ROW = 1000
SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class Row(NamedTuple):  # A frozen dataclass takes four times as long to make.
    """A product: ``number`` counts the data rows from 1, ``cells`` are as many as the columns.

    ``urls`` are in the order of the columns, then of the cell; ``cells`` are as they came. A row
    with ``problems`` is no part of the job, and has no URLs.
    """

    number: int
    serial_number: str
    product_name: str
    urls: tuple[str, ...]
    cells: tuple[str, ...]
    problems: tuple[CsvProblem, ...] = ()


# A data row as it stands in the file: its number, what stands before it, such as the header, and
# its text. The last one has no text, only what stands behind the rows.
RawRow = tuple[int, str, str]


class Manifest:
    """The rows of a file, made by open_manifest().

    Iterating raises InvalidCsv at the file's end, with up to 100 problems, if there was one; from
    the first problem on no more rows come. A caller that stores rows must be ready to undo. Where
    problems are skipped, all rows come, those with problems among them.

    ``preamble`` are the records before the header: remarks of the shop, as they came.
    ``url_columns`` are the indexes of the columns with URLs, and how to read their cells.
    """

    def __init__(
        self, path: Path, header: Header, options: ReadingOptions, max_rows: int, max_images: int
    ) -> None:
        self.columns, self.preamble = header.columns, header.preamble
        self._path, self._dialect = path, header.dialect
        self._header, self._options = header, options
        self._serials, self._name = header.roles.serials, header.roles.name
        self.url_columns = {
            index: CellRules(options.base_url, keeps_paths(self.columns[index]))
            for index in header.roles.urls
        }
        (self._first, self._first_rules), *self._others = self.url_columns.items()
        self._max_rows, self._max_images = max_rows, max_images

    @property
    def delimiter(self) -> str:
        """What separates the cells."""
        return self._dialect.delimiter

    @property
    def from_excel(self) -> bool:
        """Whether the file began with a byte order mark or was not UTF-8."""
        return self._dialect.has_bom or self._dialect.encoding != "utf-8"

    @property
    def has_bom(self) -> bool:
        """Whether the file began with a byte order mark."""
        return self._dialect.has_bom

    @property
    def has_whole_urls(self) -> bool:
        """Whether URLs stand in their cells as they are fetched, joined to no base URL."""
        return not self._options.base_url

    @property
    def skips_blanks(self) -> bool:
        """Whether blanks behind a delimiter do not belong to the cell."""
        return self._dialect.skips_blanks

    def __iter__(self) -> Iterator[Row]:
        skips = self._options.skips_problems
        problems: list[CsvProblem] = []
        number = images = 0
        for number, (line, record) in enumerate(self._data(), start=1):
            if number > self._max_rows:
                raise _too_many("rows", self._max_rows, problems, number, line)
            row = self._read(number, line, record)
            if row.problems:
                self._note(problems, row, record)
            if skips or not problems:
                images += len(row.urls)
                if images > self._max_images:
                    raise _too_many("images", self._max_images, problems, number, line)
                yield row
        if not images or (problems and not skips):
            raise InvalidCsv(problems or [self._problem_of_the_whole(number)])

    def _note(self, problems: list[CsvProblem], row: Row, record: Record) -> None:
        """Raises InvalidCsv where nothing behind this row could be read, or needs to be."""
        skips = self._options.skips_problems
        problems += row.problems[: MAX_PROBLEMS - len(problems)]
        if isinstance(record, OverLimit):
            raise InvalidCsv(row.problems if skips else problems)
        if len(problems) == MAX_PROBLEMS and not skips:
            raise InvalidCsv(problems)

    def _data(self, lines: Lines | None = None) -> Iterator[tuple[int, Record]]:
        """The records after the header."""
        return islice(records(self._path, self._dialect, lines), len(self.preamble) + 1, None)

    def raw_rows(self) -> Iterator[RawRow]:
        """The file's text, cut at its data rows; put together again, it is the whole of it."""
        lines = Lines(self._path, self._dialect, keeps=True)
        number, first = 0, 1
        for number, (line, _) in enumerate(self._data(lines), start=1):
            kept, lines.kept = lines.kept, []
            if len(kept) == 1:  # as nearly always
                yield number, "", kept[0]
            else:
                before, text = kept[: line - first], kept[line - first :]
                yield number, "".join(before), "".join(text)
            first += len(kept)
        yield number + 1, "".join(lines.kept), ""

    def _read(self, number: int, line: int, record: Record) -> Row:
        if isinstance(record, csv.Error):
            return self._unusable([], number, broken(record, number, line))
        cells = record if len(record) == len(self.columns) else self._fitted(record)
        if cells is None:
            return self._unusable(record, number, self._too_many_cells(record, number, line))
        at = self._serial_at(cells)
        serial = "" if at is None else cells[at]
        found, are_good = self._urls(cells)
        name = cells[self._name] if self._name is not None else serial or _file_name(found)
        serial_number = serial or str(number)
        row = Row(number, serial_number, name, tuple(found), tuple(cells))
        if are_good and len(name) + len(serial) < MAX_SERIAL_NUMBER // 2:
            return row
        problems = tuple(self._problems(row, line))
        return row._replace(urls=(), problems=problems) if problems else row

    def _serial_at(self, cells: Sequence[str]) -> int | None:
        """The column with the row's serial number: the first that is filled."""
        return next((index for index in self._serials if cells[index].strip()), None)

    def _unusable(self, record: list[str], number: int, problem: CsvProblem) -> Row:
        """A row that can't be read; cells that are too many stand in the last one."""
        width = len(self.columns)
        cells = [*record[: width - 1], self.delimiter.join(record[width - 1 :])]
        cells += [""] * (width - len(cells))
        return Row(number, str(number), "", (), tuple(cells[:width]), (problem,))

    def _fitted(self, cells: list[str]) -> list[str] | None:
        """As many cells as there are columns: rows may be short, and URLs may not be quoted."""
        width = len(self.columns)
        kept, extra = cells[:width] + [""] * (width - len(cells)), cells[width:]
        if not "".join(extra).strip(BLANKS):
            return kept
        spilled = [cell for cell in cells[width - 1 :] if cell.strip(BLANKS)]
        ends_in_urls = width - 1 in self.url_columns
        if not (ends_in_urls and all(map(url_cells.begins_as_one, spilled))):
            return None
        return [*kept[:-1], ",".join(spilled)]

    def _too_many_cells(self, cells: list[str], number: int, line: int) -> CsvProblem:
        delimiter = SEPARATOR_NAMES[self.delimiter]
        message = (
            f"The row has {len(cells)} cells, but the header has {len(self.columns)}. "
            f"A cell with a {delimiter} in it needs quotes around it."
        )
        return CsvProblem("too_many_cells", message, number, line, hint=SKIP_HINT)

    def _urls(self, cells: list[str]) -> tuple[list[str], bool]:
        """A row's URLs, and whether they need no closer look."""
        found, are_good = url_cells.read(cells[self._first], self._first_rules)
        for index, rules in self._others:
            more, more_are_good = url_cells.read(cells[index], rules)
            found += more
            are_good = are_good and more_are_good
        return found, are_good and len(found) <= MAX_URLS_OF_A_ROW and not self._dialect.has_nul

    def _problems(self, row: Row, line: int) -> list[CsvProblem]:
        found: list[CsvProblem] = []
        if is_longer(row.serial_number, MAX_SERIAL_NUMBER):
            found.append(self._too_long(row, line, self._serial_at(row.cells), MAX_SERIAL_NUMBER))
        if is_longer(row.product_name, MAX_PRODUCT_NAME):
            found.append(self._too_long(row, line, self._name, MAX_PRODUCT_NAME))
        if len(row.urls) > MAX_URLS_OF_A_ROW:
            message = f"{len(row.urls)} URLs are too many; a row may have {MAX_URLS_OF_A_ROW}."
            found.append(CsvProblem("too_many_urls", message, row.number, line, hint=SKIP_HINT))
        found += islice(self._problems_of_urls(row, line), MAX_PROBLEMS)
        return found + _nul_bytes(self.columns, row, line) if self._dialect.has_nul else found

    def _too_long(self, row: Row, line: int, index: int | None, limit: int) -> CsvProblem:
        message = f"This is longer than {limit} characters."
        column = self.columns[index or 0]
        return CsvProblem("too_long", message, row.number, line, column, SKIP_HINT)

    def _problems_of_urls(self, row: Row, line: int) -> Iterator[CsvProblem]:
        for index, rules in self.url_columns.items():
            for url in url_cells.split(row.cells[index], rules):
                if reason := url_cells.reason_against(url):
                    code, what = reason
                    message = f"“{url_cells.shown(url)}” {what}"
                    hint = BASE_URL_HINT if url_cells.is_path(url) else SKIP_HINT
                    yield CsvProblem(code, message, row.number, line, self.columns[index], hint)

    def _problem_of_the_whole(self, rows: int) -> CsvProblem:
        """Of a file without any image."""
        if not rows:
            return CsvProblem("no_rows", "The file has a header, but no rows.")
        message = "No row of the file has an image URL."
        return CsvProblem("no_urls", message, hint=f"{URL_COLUMN_HINT} {BASE_URL_HINT}")


def open_manifest(
    path: Path,
    options: ReadingOptions | None = None,
    *,
    url_columns: Sequence[str] = (),
    max_rows: int = sys.maxsize,
    max_images: int = sys.maxsize,
) -> Manifest:
    """A file whose header is understood; its rows are not looked at yet.

    ``url_columns`` alone may stand in for the options. Raises InvalidCsv if the file is not text,
    is empty, or lacks a column.
    """
    options = options or ReadingOptions(url_columns=tuple(url_columns))
    header = find_header(path, options)
    if header.problems:
        raise refusal(header.problems, header.columns)
    return Manifest(path, header, options, max_rows=max_rows, max_images=max_images)


def _file_name(urls: Sequence[str]) -> str:
    """The file name of the first URL, which stands in for the name of a product."""
    path = re.split("[?#]", urls[0], maxsplit=1)[0] if urls else ""
    return path.rstrip("/").rpartition("/")[2][: MAX_PRODUCT_NAME // 2]


def _nul_bytes(columns: Sequence[str], row: Row, line: int) -> list[CsvProblem]:
    message = "There is a NUL byte in this cell."
    return [
        CsvProblem("nul_byte", message, row.number, line, column, SKIP_HINT)
        for column, cell in zip(columns, row.cells, strict=True)
        if "\0" in cell
    ]


def _too_many(
    what: str, most: int, problems: list[CsvProblem], number: int, line: int
) -> InvalidCsv:
    code = f"too_many_{what}"
    problem = CsvProblem(code, f"The CSV has more than {most:,} {what}.", number, line)
    return InvalidCsv([*problems, problem], code=code)
