"""Workbooks (XLSX), as a spreadsheet program writes them, and as somebody who means harm does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import openpyxl

Sheet = Iterable[Sequence[Any]]
CONTENT_TYPES = "[Content_Types].xml"
SHEET = "xl/worksheets/sheet1.xml"


def workbook(*sheets: Sheet, names: Sequence[str] = ()) -> bytes:
    """One with these sheets, named Sheet1, Sheet2 … where there are no ``names``."""
    made, file = openpyxl.Workbook(write_only=True), io.BytesIO()
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(names[number] if names else f"Sheet{number + 1}")
        for row in rows:
            sheet.append(row)
    made.save(file)
    return file.getvalue()


def with_part(content: bytes, name: str, part: bytes | str) -> bytes:
    """The same workbook with another content of one part."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, part)
    return target.getvalue()


def sheet_of(xml: str) -> str:
    """A sheet whose rows are this XML."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{xml}</sheetData></worksheet>'


def cells_of(content: bytes) -> list[list[Any]]:
    """The rows of the first sheet; an empty cell is None."""
    rows = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].values
    return [list(row) for row in rows]
