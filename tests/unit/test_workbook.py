"""A workbook becomes the CSV that a person would type from it; one that means harm is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime, time
from tempfile import TemporaryFile
from typing import Any

import openpyxl
import pytest
from openpyxl.cell import WriteOnlyCell

from manifest import InvalidCsv
from manifest.workbook import to_csv
from manifest.workbook_writer import write
from tests import starter
from tests.workbooks import CONTENT_TYPES, SHEET, cells_of, sheet_of, with_part, workbook

MAX_BYTES = 1_000_000
PLAIN = workbook([["Name", "Image"], ["Cup", "https://a.example/1.jpg"]])
ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + sheet_of(
    '<row><c t="inlineStr"><is><t>&b;</t></is></c></row>'
)
NO_SUCH_TEXT = sheet_of('<row><c t="s"><v>99</v></c></row>')
HUGE_NUMBER = sheet_of(f"<row><c><v>{'9' * 9000}</v></c></row>")
XLS = b"\xd0\xcf\x11\xe0" + bytes(2000)
FROM_OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + sheet_of(
    '<row><c t="inlineStr"><is><t>&a;</t></is></c></row>'
)


def text_and_formulas_of(
    content: bytes, sheet: str | None = None, *, max_rows: int = 1000
) -> tuple[str, int]:
    """The CSV that is made of a workbook, and how many formulas have no value."""
    with TemporaryFile() as source, TemporaryFile() as target:
        source.write(content)
        source.seek(0)
        found = to_csv(source, target, sheet, max_rows=max_rows, max_bytes=MAX_BYTES)
        target.seek(0)
        return target.read().decode("utf-8-sig"), found.formulas_without_value


def text_of(content: bytes, sheet: str | None = None, **more: int) -> str:
    """The CSV that is made of a workbook."""
    return text_and_formulas_of(content, sheet, **more)[0]


def rows_of(content: bytes, sheet: str | None = None, **more: int) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text_of(content, sheet, **more), newline="")))


def code_of(content: bytes, sheet: str | None = None) -> str:
    """The code with which a workbook is refused."""
    with pytest.raises(InvalidCsv) as caught:
        text_of(content, sheet)
    assert caught.value.problems[0].code == caught.value.code
    return caught.value.code


def shown(value: Any, number_format: str = "General") -> str:
    """What is read of a cell with this value."""
    made, file = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = made.create_sheet()
    cell = WriteOnlyCell(sheet, value)
    if number_format != "General":
        cell.number_format = number_format
    sheet.append([cell, "end"])
    made.save(file)
    return rows_of(file.getvalue())[0][0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (5.0, "5"),
        (-5.5, "-5.5"),
        (19.989999999999998, "19.99"),
        (0.1 + 0.2, "0.3"),
        (4006381333931.0, "4006381333931"),
        (True, "TRUE"),
        (False, "FALSE"),
        (None, ""),
        (date(2026, 11, 28), "2026-11-28"),
        (datetime(2026, 11, 28, 9, 5, tzinfo=UTC).replace(tzinfo=None), "2026-11-28 09:05:00"),
        (time(9, 5), "09:05:00"),
        ("00042", "00042"),
        ("two\nlines, “quoted”", "two\nlines, “quoted”"),
        ("#N/A", "#N/A"),
    ],
)
def test_a_cell_is_read_as_a_person_sees_it(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_number_keeps_the_zeros_that_its_format_shows() -> None:
    assert shown(42, "00000000") == "00000042"


def test_a_formula_is_the_value_that_was_stored_with_it() -> None:
    cells = "<c><f>2+3</f><v>5</v></c><c><f>A1</f></c><c><v>7</v></c>"

    assert rows_of(with_part(PLAIN, SHEET, sheet_of(f"<row>{cells}</row>"))) == [["5", "", "7"]]


def test_formulas_that_were_stored_without_their_values_are_counted() -> None:
    without = '<c><f>A1</f></c><c><f>A1</f><v/></c><c><f t="shared" si="0"/></c>'
    with_value = '<c t="str"><f>T(A1)</f><v></v></c><c><f>A1</f><v>0</v></c><c/>'

    text, formulas = text_and_formulas_of(
        with_part(PLAIN, SHEET, sheet_of(f"<row>{without}{with_value}</row>"))
    )

    assert (text.strip(), formulas) == ('"","","","","0"', 3)


def test_line_ends_that_were_pasted_are_line_ends() -> None:
    cell = '<c t="inlineStr"><is><t xml:space="preserve">a_x000D_\nb</t></is></c>'

    assert text_of(with_part(PLAIN, SHEET, sheet_of(f"<row>{cell}</row>"))) == '"a\r\nb"\r\n'


def test_blank_rows_and_columns_keep_their_place_but_not_at_the_end() -> None:
    content = workbook([[None, "Name"], [], [None, "Cup", None], [None, None], [" "]])

    assert rows_of(content) == [["", "Name"], [], ["", "Cup"]]


def test_what_a_sheet_says_of_its_size_is_not_believed() -> None:
    sheet = sheet_of('<row r="2"><c r="B2"><v>1</v></c></row>')
    huge = sheet.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')

    assert rows_of(with_part(PLAIN, SHEET, huge)) == [[], ["", "1"]]


@pytest.mark.parametrize(
    ("sheet", "cell"),
    [(None, "first"), ("1", "first"), ("2", "second"), ("prices", "second"), ("2027", "third")],
)
def test_a_sheet_is_chosen_by_its_name_or_its_number(sheet: str | None, cell: str) -> None:
    sheets = [[["first"]], [["second"]], [["third"]]]

    assert rows_of(workbook(*sheets, names=("Products", "Prices", "2027")), sheet) == [[cell]]


def test_a_hidden_sheet_is_read_only_when_it_is_named() -> None:
    made, file = openpyxl.Workbook(), io.BytesIO()
    made.worksheets[0].append(["hidden"])
    made.worksheets[0].title, made.worksheets[0].sheet_state = "Lists", "hidden"
    made.create_sheet("Products").append(["seen"])
    made.save(file)

    assert rows_of(file.getvalue()) == rows_of(file.getvalue(), "1") == [["seen"]]
    assert rows_of(file.getvalue(), "Lists") == [["hidden"]]


@pytest.mark.parametrize("sheet", ["0", "3", "-1", "Stock", "\0", "--help"])
def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(sheet: str) -> None:
    with pytest.raises(InvalidCsv, match="“Sheet1”, “Sheet2”") as caught:
        text_of(workbook([["a"]], [["b"]]), sheet)
    assert caught.value.code == "unknown_sheet"


def test_so_much_of_a_long_sheet_is_read_that_the_limit_is_noticed() -> None:
    content = workbook([["x"]] * 500)

    assert 100 < len(rows_of(content, max_rows=100)) < 120


def zip_of(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (PLAIN[:-100], "broken_workbook"),
        (PLAIN[: len(PLAIN) // 2], "broken_workbook"),
        (PLAIN[:4], "broken_workbook"),
        (with_part(PLAIN, SHEET, "<worksheet>"), "broken_workbook"),
        (with_part(PLAIN, SHEET, NO_SUCH_TEXT), "broken_workbook"),
        (with_part(PLAIN, SHEET, HUGE_NUMBER), "broken_workbook"),
        (with_part(PLAIN, CONTENT_TYPES, "<Types/>"), "broken_workbook"),
        (with_part(PLAIN, SHEET, ENTITIES), "broken_workbook"),
        (with_part(PLAIN, SHEET, FROM_OUTSIDE), "broken_workbook"),
        (zip_of(content_xml=b"", mimetype=b""), "not_a_csv"),
        (zip_of(readme=b"An archive."), "not_a_csv"),
        (XLS, "not_a_csv"),
        (XLS + "EncryptedPackage".encode("utf-16-le"), "encrypted_workbook"),
    ],
)
def test_what_is_no_workbook_to_be_read_is_refused(content: bytes, code: str) -> None:
    assert code_of(content) == code


@pytest.mark.parametrize(
    "xml",
    [
        " " * 20_000_000,  # 1,000 times as large as it is packed
        '<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>',
        '<row><c r="XFD1"/></row>' * 4000,
        '<row><c t="inlineStr"><is><t>' + "long " * 300_000 + "</t></is></c></row>",
    ],
    ids=["zip bomb", "a row far below", "cells far to the right", "more text than is taken"],
)
def test_a_workbook_that_would_take_too_much_is_refused(
    xml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(starter.COVERAGE, raising=False)  # cells would take ten times as long
    assert code_of(with_part(PLAIN, SHEET, sheet_of(xml))) == "workbook_too_large"


def test_an_archive_that_lies_about_its_sizes_is_refused() -> None:
    content = bytearray(with_part(PLAIN, SHEET, sheet_of("<row/>" * 100_000)))
    real = (len(sheet_of("<row/>" * 100_000))).to_bytes(4, "little")
    assert content.count(real) >= 1

    assert code_of(bytes(content).replace(real, (500).to_bytes(4, "little"))) == "broken_workbook"


def test_a_row_that_takes_more_memory_than_there_is_is_refused() -> None:
    cells = "<c/>" * 10_000_000  # each takes 30 times its bytes, and the ratio is let through
    noise = bytes(range(256)) * 4000
    content = with_part(with_part(PLAIN, SHEET, sheet_of(f"<row>{cells}</row>")), "xl/media", noise)

    assert code_of(content) == "workbook_too_large"


def test_every_cell_that_is_written_is_a_text() -> None:
    file = io.BytesIO()

    write([["Name", "Price"], [], ["=1+1", "5", "https://a.example/"], ["long" * 10_000]], file)

    cells = cells_of(file.getvalue())
    assert cells[:3] == [
        ["Name", "Price", None],
        [None, None, None],
        ["=1+1", "5", "https://a.example/"],
    ]
    assert len(cells[3][0]) == 32_767
    sheet = zipfile.ZipFile(io.BytesIO(file.getvalue())).read(SHEET).decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
