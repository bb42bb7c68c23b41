"""Rows of texts → a workbook (XLSX) with one sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory
from typing import BinaryIO

from xlsxwriter import Workbook


def write(rows: Iterable[Sequence[str]], file: BinaryIO) -> None:
    """Each cell as a text, so none is a formula or a link; in flat memory.

    A cell holds 32,767 characters, so much of a longer one is written.
    """
    with TemporaryDirectory() as folder:  # removed also where a row raises
        book = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell:
                    sheet.write_string(number, column, cell)
        book.close()
