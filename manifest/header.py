"""Where a table's header is, and which columns its rows say are images where no name does."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from manifest import columns
from manifest.column_contents import image_columns
from manifest.columns import Roles
from manifest.dialect import BLANKS, Dialect, OverLimit, detect, records
from manifest.errors import SKIP_HINT, CsvProblem, InvalidCsv
from manifest.reading_options import ReadingOptions
from manifest.url_cells import begins_as_one

MAX_PREAMBLE = 10  # records before the header
SAMPLE = 300  # rows that are looked at for URLs


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before the rows are read; ``preamble`` are the records before the header.

    ``line`` is the line in which the header begins.
    """

    dialect: Dialect
    preamble: tuple[tuple[str, ...], ...]
    line: int
    columns: tuple[str, ...]
    roles: Roles
    problems: Sequence[CsvProblem]


def find_header(path: Path, options: ReadingOptions) -> Header:
    """The header of a file, with what is wrong with it.

    Raises InvalidCsv if the file is no text, is empty, or breaks off in its header.
    """
    dialect = detect(path)
    first = _first_records(path, dialect, 1 if options.is_earlier else MAX_PREAMBLE)
    place = _place(first, options)
    line, names = first[place][0], _without_trailing_blanks(first[place][1])
    found = columns.roles(names, options)
    if not (found.urls or options.url_columns or options.is_earlier or _has_urls(names)):
        images = _by_content(path, dialect, place, names, options)
        found = replace(found, urls=tuple(images), because={**found.because, **images})
    return Header(
        dialect=dialect,
        preamble=tuple(tuple(cells) for _, cells in first[:place]),
        line=line,
        columns=tuple(names),
        roles=found,
        problems=columns.problems(names, found, options, line),
    )


def broken(error: csv.Error, row: int, line: int) -> CsvProblem:
    """The problem of a record that can't be read."""
    if isinstance(error, OverLimit):
        return CsvProblem(error.code, str(error), row, line)
    message = "A quote in this row is not closed, or not doubled within a quoted cell."
    return CsvProblem("unbalanced_quotes", message, row, line, hint=SKIP_HINT if row else None)


def _first_records(path: Path, dialect: Dialect, most: int) -> list[tuple[int, list[str]]]:
    """The records among which the header is, up to a broken one."""
    found: list[tuple[int, list[str]]] = []
    for line, record in islice(records(path, dialect), most):
        if isinstance(record, csv.Error):
            if not found:
                raise InvalidCsv([broken(record, 0, line)])
            break
        found.append((line, record))
    if not found:
        message = "The file is empty: it has no header and no rows."
        raise InvalidCsv([CsvProblem("empty_file", message)])
    return found


def _place(first: Sequence[tuple[int, list[str]]], options: ReadingOptions) -> int:
    """Which record is the header: the first that names its columns, or the first at all.

    Where names for people are followed by names for programs, as in Amazon's tables, it is these.
    """
    named = [_names_columns(cells, options) for _, cells in first]
    if columns.roles(first[0][1], options).urls:
        place = 0
    elif any(named):
        place = named.index(True)
    else:
        at = next((at for at, (_, cells) in enumerate(first) if not _is_remark(cells)), 0)
        return 0 if _has_urls(first[at][1]) else at
    while named[place + 1 : place + 2] == [True]:
        place += 1
    return place


def _names_columns(cells: Sequence[str], options: ReadingOptions) -> bool:
    """A word such as Image can stand in any row, but not beside a word such as Title."""
    found = columns.roles(cells, options)
    others = {found.name, *found.serials} - {None, *found.urls}
    return bool(found.urls and others)


def _is_remark(cells: Sequence[str]) -> bool:
    """#INFO is eBay's; a column may be named # or #SKU, but not all of them."""
    filled = [cell for cell in cells if cell.strip(BLANKS)]
    return cells[0].startswith("#INFO") or all(cell.startswith("#") for cell in filled)


def _has_urls(cells: Sequence[str]) -> bool:
    """Whether a record is a row, and no header."""
    return any(map(begins_as_one, cells))


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    """Excel leaves columns without a name at the end."""
    named = [index for index, cell in enumerate(cells, start=1) if cell.strip(BLANKS)]
    return cells[: named[-1]] if named else []


def _by_content(
    path: Path, dialect: Dialect, place: int, names: Sequence[str], options: ReadingOptions
) -> dict[int, str]:
    rows = islice(records(path, dialect), place + 1, place + 1 + SAMPLE)
    cells = (record for _, record in rows if not isinstance(record, csv.Error))
    return image_columns(names, cells, options.base_url)
