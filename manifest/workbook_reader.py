"""A workbook on standard input → the CSV of one of its sheets on standard output.

A program of its own, as ``workbook.py`` says; what it has to say, such as why it refuses one, is
JSON on standard error. Cells are written as a person sees them, formulas as the value that was
stored with them.
"""

from __future__ import annotations

import csv
import json
import mmap
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import TextIOWrapper
from itertools import repeat
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.worksheet import _read_only
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from manifest.dialect import BLANKS
from manifest.header import MAX_PREAMBLE
from manifest.workbook import BROKEN, MAGIC, MAX_SHEET_NAME, REFUSED, TOO_LARGE, ReadWorkbook

MIB = 1024 * 1024
MAX_MEMORY = 1024 * MIB  # of addresses; 160 MiB are taken before anything is read
MAX_CPU_SECONDS = 120
MAX_ENTRIES = 10_000  # files in the archive
MAX_UNPACKED = 512 * MIB
# XML of tables packs 5 to 30 times; small files may pack better, and do no harm.
MAX_RATIO, SMALL = 100, 16 * MIB
MAX_CELLS = 20_000_000  # with empty ones, which take no room in the file, but 0.1 µs of a core each
MAX_SHEETS = 100  # whose names are told
MAX_SHEET_ROWS = 1_048_576  # Excel's own
ENCRYPTED = 1  # a bit of ZipInfo.flag_bits
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO], section 1.3.3
ZEROS = re.compile("00+")  # a number format that shows leading zeros, as of an EAN


class Refused(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The workbook can't be read, with a code for programs and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Parser(WorkSheetParser):  # type: ignore[misc]  # the library has no types
    """Counts the formulas that were stored without a value, as scripts do; those are empty cells.

    A text that is empty is a value: ``str`` is the type of a formula's text, ECMA-376, 18.18.11.
    """

    formulas_without_value = 0

    def parse_cell(self, element: Any) -> Any:
        cell = super().parse_cell(element)
        if cell["value"] is None and element.find(FORMULA_TAG) is not None:
            is_empty = element.get("t") != "str" and not element.findtext(VALUE_TAG)
            Parser.formulas_without_value += is_empty
        return cell


_read_only.WorkSheetParser = Parser  # openpyxl has no other place where a formula can be seen


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    try:
        sheets = convert(sys.stdin.buffer, sys.stdout.buffer, **json.loads(sys.argv[1]))
    except Refused as refused:
        _refuse(refused.code, str(refused))
    except MemoryError:
        _refuse("workbook_too_large", TOO_LARGE)
    except Exception:  # whatever openpyxl says of parts that are missing or aren't what they should
        _refuse("broken_workbook", BROKEN)
    found = ReadWorkbook(sheets, Parser.formulas_without_value)
    sys.stderr.write(json.dumps(found._asdict()))


def _refuse(code: str, message: str) -> None:
    sys.stderr.write(json.dumps({"code": code, "message": message}))
    sys.exit(REFUSED)


def convert(
    source: IO[bytes], target: BinaryIO, sheet: str | None, max_rows: int, max_bytes: int
) -> list[str]:
    """The names of the sheets that can be seen.

    Raises Refused, and much else where the workbook is broken.
    """
    if source.read(4) == MAGIC[1]:
        raise _of_old_format(source)
    check_archive(source)
    source.seek(0)
    workbook = load_workbook(source, read_only=True, data_only=True, keep_links=False)
    seen = _seen(workbook.worksheets)
    chosen = _chosen(workbook.worksheets, seen, sheet)
    rows = (_trimmed(_texts(row)) for row in _rows(chosen))
    with TextIOWrapper(target, encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows(_limited(rows, max_rows, max_bytes))
    return [each.title[:MAX_SHEET_NAME] for each in seen[:MAX_SHEETS]]


def check_archive(source: IO[bytes]) -> None:
    """Raises Refused for an archive that is no workbook, or is made to do harm.

    What an entry says of its size is the most that zipfile ever gives of it, so the sum holds for
    what is really read; of compressions only Deflate unpacks in steps.
    """
    try:
        entries = ZipFile(source).infolist()
    except BadZipFile:
        raise Refused("broken_workbook", BROKEN) from None
    if len(entries) > MAX_ENTRIES:
        raise Refused("workbook_too_large", f"The workbook has more than {MAX_ENTRIES:,} parts.")
    _check_kind({entry.filename for entry in entries})
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise _encrypted()
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > MAX_UNPACKED or unpacked > max(SMALL, packed * MAX_RATIO):
        raise Refused("workbook_too_large", TOO_LARGE)
    if any(entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for entry in entries):
        raise Refused("broken_workbook", BROKEN)


def _check_kind(names: set[str]) -> None:
    if "[Content_Types].xml" in names and any(name.endswith("workbook.xml") for name in names):
        return
    kind = "a ZIP archive, but no workbook"
    if "xl/workbook.bin" in names:
        kind = "a binary workbook (XLSB)"
    elif "content.xml" in names:
        kind = "a spreadsheet of OpenDocument (ODS)"
    elif "Index/Document.iwa" in names:
        kind = "a spreadsheet of Numbers"
    raise Refused("not_a_csv", f"This file is {kind}. Save it as XLSX or as CSV UTF-8.")


def _of_old_format(source: IO[bytes]) -> Refused:
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(ENCRYPTED_PACKAGE) >= 0:
            return _encrypted()
    message = "This file is an old Excel workbook (XLS). Save it as XLSX or as CSV UTF-8."
    return Refused("not_a_csv", message)


def _encrypted() -> Refused:
    message = "The workbook has a password. Save it without one."
    return Refused("encrypted_workbook", message)


def _seen(sheets: Sequence[Any]) -> Sequence[Any]:
    """Those that can be seen; all where none can."""
    return [each for each in sheets if each.sheet_state == "visible"] or sheets


def _chosen(sheets: Sequence[Any], seen: Sequence[Any], asked: str | None) -> Any:
    """By its name, as Excel compares them, or by its number among those that can be seen."""
    if asked is None:
        return seen[0]
    for each in sheets:
        if each.title.casefold() == asked.casefold():
            return each
    if asked.isascii() and asked.isdecimal() and 0 < int(asked) <= len(seen):
        return seen[int(asked) - 1]
    names = ", ".join(f"“{each.title}”" for each in seen[:20])
    raise Refused("unknown_sheet", f"There is no sheet “{asked}”. The sheets are {names}.")


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """The rows from the first of the sheet on; what it says of its size is not trusted."""
    sheet.reset_dimensions()
    cells = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells += len(row)
        if number > MAX_SHEET_ROWS or cells > MAX_CELLS:
            raise Refused("workbook_too_large", TOO_LARGE)
        yield row


def _limited(rows: Iterable[list[str]], max_rows: int, max_bytes: int) -> Iterator[list[str]]:
    """Blank rows keep their place, but those at the end are left out."""
    blank = filled = size = 0
    for cells in rows:
        if not "".join(cells).strip(BLANKS):
            blank += 1
            continue
        yield from repeat([], blank)
        yield cells
        blank = 0
        filled += 1
        size += sum(map(len, cells))
        if size > max_bytes:
            message = f"The sheet has more than {max_bytes} characters, the most that is taken."
            raise Refused("workbook_too_large", message)
        if filled > max_rows + MAX_PREAMBLE:
            return


def _texts(row: Sequence[Any]) -> list[str]:
    """Quick for cells that are not there, of which a row may have 16,384."""
    return ["" if cell is EMPTY_CELL else _text(cell) for cell in row]


def _trimmed(cells: list[str]) -> list[str]:
    """Without empty cells at the end."""
    return cells[: next((end for end in range(len(cells), 0, -1) if cells[end - 1]), 0)]


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("_x000D_", "\r")  # a line end that was pasted, ECMA-376, 22.4.2.4
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, cell.number_format)
    if isinstance(value, datetime):
        is_day = value == value.replace(hour=0, minute=0, second=0, microsecond=0)
        return str(value.date()) if is_day else value.isoformat(" ", "seconds")
    return str(value)


def _number(value: float, number_format: str) -> str:
    """With 15 digits, as Excel shows: what a float has behind them is noise."""
    if value == int(value) if abs(value) < 1e15 else isinstance(value, int):
        digits = len(number_format) if ZEROS.fullmatch(number_format) else 1
        return f"{int(value):0{digits}d}"
    return f"{value:.15g}"


if __name__ == "__main__":
    main()
