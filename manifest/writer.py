"""A manifest and its finished images → the output CSV.

RFC 4180, but with the input's delimiter: CRLF, quotes only where needed. The input's columns come
first, as they came and in their order, then ``Output Image Urls`` and ``Errors``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO, TextIOWrapper
from itertools import groupby
from operator import attrgetter
from typing import BinaryIO, Protocol

from manifest.columns import key
from manifest.reader import Row

OUTPUT_COLUMN = "Output Image Urls"
ERRORS_COLUMN = "Errors"
# OWASP, "CSV Injection": what makes a spreadsheet run a cell, full-width forms among it.
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?%?")


@dataclass(frozen=True, slots=True)
class Result:
    """How one image of a row ended; ``position`` counts the row's URLs from 1.

    ``output_url`` is empty where it failed, ``error`` is empty where it went well.
    """

    row_number: int
    position: int
    output_url: str
    error: str


class Rows(Protocol):
    """What is needed of a Manifest."""

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def from_excel(self) -> bool: ...
    def __iter__(self) -> Iterator[Row]: ...


def write(manifest: Rows, results: Iterable[Result], file: BinaryIO) -> None:
    """The output CSV, in UTF-8; ``results`` are in the order of (row_number, position).

    An image without a result has an empty position and no error. Raises ValueError for results that
    are out of order or belong to no image. The file begins with a byte order mark if the input did,
    or was not UTF-8: it came from Excel then, which takes UTF-8 for Windows-1252 without one; what
    came without goes to scripts, which stumble over one.
    """
    encoding = "utf-8-sig" if manifest.from_excel else "utf-8"
    text = TextIOWrapper(file, encoding=encoding, newline="")
    try:
        kept = _kept(manifest.columns)
        rows = csv.writer(text, delimiter=manifest.delimiter)
        rows.writerow(_line(manifest.columns, kept, OUTPUT_COLUMN, ERRORS_COLUMN))
        for row, ended in _matched(manifest, results):
            rows.writerow(_line(row.cells, kept, _output_urls(row, ended), _errors(row, ended)))
        text.flush()
    finally:
        text.detach()


def lines_of(rows: Iterable[Sequence[object]], delimiter: str) -> Iterator[str]:
    """Rows of our own, each as a line in the same format; None is an empty cell."""
    line = StringIO()
    writer = csv.writer(line, delimiter=delimiter)
    for row in rows:
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _kept(columns: Sequence[str]) -> list[int]:
    """The columns without those of an earlier run, when our own output comes back as an input.

    A lone column ``Errors`` is the user's own and stays.
    """
    ours = {key(OUTPUT_COLUMN)}
    if any(key(column) in ours for column in columns):
        ours.add(key(ERRORS_COLUMN))
    return [index for index, column in enumerate(columns) if key(column) not in ours]


def _line(cells: Sequence[str], kept: Sequence[int], *ours: str) -> list[str]:
    return [defused(cell) for cell in (*(cells[index] for index in kept), *ours)]


def _matched(manifest: Rows, results: Iterable[Result]) -> Iterator[tuple[Row, Sequence[Result]]]:
    """Every row with its results, which may be none."""
    groups = groupby(results, attrgetter("row_number"))
    number, group = next(groups, (0, iter(())))
    for row in manifest:
        ended: Sequence[Result] = ()
        if number == row.number:
            ended = [*group]
            number, group = next(groups, (0, iter(())))
        yield row, ended
    if number:
        raise ValueError(f"The result of row {number} is out of order, or there is no such row.")


def _output_urls(row: Row, ended: Sequence[Result]) -> str:
    """RFC 4180 knows no lists; a comma between URLs is what the input has, too."""
    urls = [""] * len(row.urls)
    for result in ended:
        if not 0 < result.position <= len(urls):
            raise ValueError(f"Row {row.number} has no image {result.position}.")
        urls[result.position - 1] = result.output_url
    return ",".join(urls)


def _errors(row: Row, ended: Sequence[Result]) -> str:
    if row.problems:
        return "; ".join(problem.message for problem in row.problems)
    return "; ".join(f"{result.position}: {result.error}" for result in ended if result.error)


def defused(cell: str) -> str:
    """A cell that a spreadsheet shows instead of running it; plain numbers stay numbers."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell
