"""Which column is which, by its name: those of shops' exports, however they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from manifest.dialect import BLANKS
from manifest.errors import CsvProblem, InvalidCsv
from manifest.url_cells import ellipsis, is_longer

MAX_COLUMN_NAME = 255  # UTF-16 code units
MAX_COLUMNS_SHOWN = 100
# Short rows are filled up to the header's length, so a small file could grow without bounds.
MAX_COLUMNS = 1000

# The best name first: where several stand in a file, the first of this list is taken.
SERIAL_NAMES = ("S. No.", "Sr. No.", "Serial No.", "Serial Number", "ID", "SKU", "Handle")
NAME_NAMES = ("Product Name", "Product", "Name", "Title")
URL_NAMES = (
    "Input Image Urls",
    "Input Image URL",
    "Input URLs",
    "Input URL",
    "Image URLs",
    "Image URL",
    "Images",
    "Image",
    "Image Src",
    "Product Image URL",
    "Variant Image",
    "Variant Image URL",
    "image_link",
    "additional_image_link",
    "additional_image_links",
    "base_image",
    "additional_images",
)
IGNORED = re.compile(f"[{re.escape(BLANKS)}._-]")


@dataclass(frozen=True, slots=True)
class Roles:
    """Indexes of columns."""

    serial: int | None
    name: int
    urls: tuple[int, ...]


def column_names(field: str | None) -> list[str]:
    """The names in an upload's ``url_column`` field, which separates them by commas."""
    return [name.strip() for name in (field or "").split(",") if name.strip()]


def key(name: str) -> str:
    """What of a column's name counts: not its case, blanks, dots, hyphens or underscores."""
    return IGNORED.sub("", name).casefold().replace("(s)", "s")


def roles(columns: Sequence[str], url_columns: Sequence[str], line: int) -> Roles:
    """The role of each column; ``url_columns`` stand in for the known names of URL columns.

    Raises InvalidCsv; its ``columns_found`` and ``columns_known`` say which columns there are and
    which names would be recognised.
    """
    keys = [key(column) for column in columns]
    name = _first(keys, NAME_NAMES)
    urls = _named(keys, url_columns) if url_columns else _numbered(keys)
    problems = _problems_of_names(columns, line)
    problems += [_unknown(wanted, line) for wanted in url_columns if key(wanted) not in keys]
    if name is None:
        problems.append(_missing("the product's name", columns, NAME_NAMES, line))
    if not urls and not url_columns:
        problems.append(_missing("image URLs", columns, URL_NAMES, line))
    if problems or name is None:
        known = {"serial_number": SERIAL_NAMES, "product_name": NAME_NAMES, "urls": URL_NAMES}
        raise InvalidCsv(problems, columns_found=_shown(columns), columns_known=known)
    return Roles(_first(keys, SERIAL_NAMES), name, urls)


def _first(keys: Sequence[str], names: Sequence[str]) -> int | None:
    known = [key(name) for name in names]
    return next((keys.index(name) for name in known if name in keys), None)


def _named(keys: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    wanted = {key(name) for name in names}
    return tuple(index for index, found in enumerate(keys) if found in wanted)


def _numbered(keys: Sequence[str]) -> tuple[int, ...]:
    """The columns with known names of URLs, also with a number in them: Image 1, Image 2."""
    return _named([re.sub(r"\d+", "", found) for found in keys], URL_NAMES)


def _problems_of_names(columns: Sequence[str], line: int) -> list[CsvProblem]:
    found = []
    if len(columns) > MAX_COLUMNS:
        message = f"{len(columns)} columns are too many; a file may have {MAX_COLUMNS}."
        found.append(CsvProblem("too_many_columns", message, 0, line))
    for column in columns:
        if is_longer(column, MAX_COLUMN_NAME):
            message = f"The column's name is longer than {MAX_COLUMN_NAME} characters."
            found.append(CsvProblem("too_long", message, 0, line, ellipsis(column)))
        if "\0" in column:
            message = "The column's name has a NUL byte in it."
            found.append(CsvProblem("nul_byte", message, 0, line, ellipsis(column)))
    return found


def _unknown(name: str, line: int) -> CsvProblem:
    message = "This column was named to hold URLs, but the file doesn't have it."
    return CsvProblem("unknown_url_column", message, 0, line, ellipsis(name))


def _missing(what: str, columns: Sequence[str], names: Sequence[str], line: int) -> CsvProblem:
    found, known = ", ".join(_shown(columns[:20])), ", ".join(names)
    message = f"There is no column with {what}. Found: {found}. Names known: {known}."
    return CsvProblem("missing_column", message, 0, line)


def _shown(columns: Sequence[str]) -> list[str]:
    return [ellipsis(column) for column in columns[:MAX_COLUMNS_SHOWN]]
