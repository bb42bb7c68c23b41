"""How a file is written (its encoding, its delimiter), found out from its bytes, and its records.

Nothing here keeps more of the file in memory than one record, and no record may be longer than
``MAX_RECORD_CHARS``: that is also what ends a quote that was left open.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from manifest.errors import CsvProblem, InvalidCsv

MAX_RECORD_CHARS = 1_048_576
MAX_BLANK_RECORDS = 1_048_576  # as many as a sheet of Excel has
TOO_LONG = "This row is too long; a quote is probably not closed. What follows was not read."
TOO_BLANK = "There are too many blank lines before this one. What follows was not read."
HEAD_BYTES = 8192
HEAD_CHARS = 65_536
NEWLINE = re.compile(r"\r\n|\r|\n")
QUOTED = re.compile(r'(?<![^,;\t\r\n ])"(?:[^"]|"")*"')
# A remark before the header: # and several words, or the #INFO of eBay; a column may be named #SKU.
REMARK = re.compile(r"\"?#(?:INFO\b|[ \t]?[^\s,;]+ +[^\s,;])")
CHUNK_BYTES = 1_048_576
DELIMITERS = ",;\t"
SEP_LINES = {f"sep={delimiter}": delimiter for delimiter in [*DELIMITERS, "|"]}
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
MAGIC = {
    b"PK\x03\x04": "an Excel workbook (XLSX) or another ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (XLS)",
    b"%PDF-": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"(\xb5/\xfd": "a zstd archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or another RIFF file",
}
CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r"})
# What str.strip() strips, and what copying from web pages leaves: zero-width and direction marks.
BLANKS = (
    " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
)
Record = list[str] | csv.Error

# The limit is the csv module's own and global; a record is never longer, so it never strikes.
csv.field_size_limit(MAX_RECORD_CHARS)


class OverLimit(csv.Error):
    """A record is too long, or too many are blank; reading ends there."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Dialect:
    """``skips_blanks``: the file writes ``a, b, "c"``, as people do, with a blank after a comma."""

    encoding: str
    on_errors: str = "strict"
    has_bom: bool = False
    has_nul: bool = False
    delimiter: str = ","
    has_sep_line: bool = False
    skips_blanks: bool = False


def detect(path: Path) -> Dialect:
    """How the file is written. Raises InvalidCsv (415) if it isn't text."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    _refuse_binary(head)
    dialect = _encoding(path, head)
    with _open(path, dialect) as file:
        text = file.read(HEAD_CHARS)
    sep_line = NEWLINE.split(text, maxsplit=1)[0].replace('"', "").lower()
    if sep_line in SEP_LINES:
        return replace(dialect, has_sep_line=True, delimiter=SEP_LINES[sep_line])
    delimiter, skips_blanks = _separation(text)
    return replace(dialect, delimiter=delimiter, skips_blanks=skips_blanks)


def records(
    path: Path, dialect: Dialect, lines: Lines | None = None
) -> Iterator[tuple[int, Record]]:
    """Every record that isn't blank, with the line it begins in; csv.Error stands for a broken one.

    With ``lines`` of its own, a caller gets the text of the records, too.

    Quotes are those of RFC 4180, section 2, and held to strictly; a quote in the middle of an
    unquoted cell (15" Monitor) is a character like any other. Blank are an empty line and Excel's
    rows of nothing but delimiters.
    """
    lines = lines or Lines(path, dialect)
    reader = csv.reader(
        iter(lines),
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.skips_blanks,
        strict=True,
    )
    blanks = 0
    while True:
        begins, lines.budget_chars = reader.line_num + 1, MAX_RECORD_CHARS
        try:
            for cells in reader:
                if cells and (cells[0].strip(BLANKS) or "".join(cells).strip(BLANKS)):
                    yield begins, cells
                elif (blanks := blanks + 1) > MAX_BLANK_RECORDS:
                    raise OverLimit("too_many_blank_lines", TOO_BLANK)
                begins, lines.budget_chars = reader.line_num + 1, MAX_RECORD_CHARS
            return
        except OverLimit as error:
            yield begins, error
            return
        except csv.Error as error:
            yield begins, error


class Lines:
    """A file's lines, until a record goes over its budget of characters.

    ``kept`` has those that were read since somebody emptied it, where they are kept at all.
    """

    def __init__(self, path: Path, dialect: Dialect, *, keeps: bool = False) -> None:
        self.path = path
        self.dialect = dialect
        self.budget_chars = MAX_RECORD_CHARS
        self.kept: list[str] = []
        self._keeps = keeps

    def __iter__(self) -> Iterator[str]:
        with _open(self.path, self.dialect) as file:
            if self.dialect.has_sep_line:
                first = file.readline()
                self.kept += [first] if self._keeps else []
                yield "\n"  # in its place, so that line numbers stay right
            while line := file.readline(MAX_RECORD_CHARS + 1):
                if self._keeps:
                    self.kept.append(line)
                self.budget_chars -= len(line)
                if self.budget_chars < 0:
                    raise OverLimit("row_too_long", TOO_LONG)
                yield line


def _open(path: Path, dialect: Dialect) -> TextIO:
    return path.open(encoding=dialect.encoding, errors=dialect.on_errors, newline="")


def _refuse_binary(head: bytes) -> None:
    kind = next((MAGIC[magic] for magic in MAGIC if head.startswith(magic)), None)
    controls = len(head) - len(head.translate(None, CONTROLS))
    if kind is None and not head.startswith(tuple(BOMS)) and controls * 20 > len(head):
        kind = "binary, or UTF-16 without a byte order mark"
    if kind:
        message = f"This file is {kind}, not a CSV. Save it as CSV (in Excel: “CSV UTF-8”)."
        raise InvalidCsv([CsvProblem("not_a_csv", message)], code="not_a_csv")


def _encoding(path: Path, head: bytes) -> Dialect:
    """By the byte order mark; without one, UTF-8 if the whole file is, else Windows-1252."""
    encoding = next((BOMS[bom] for bom in BOMS if head.startswith(bom)), None)
    try:
        return _decodable(path, Dialect(encoding or "utf-8", has_bom=encoding is not None))
    except UnicodeDecodeError:
        if encoding is None:
            return _decodable(path, Dialect("cp1252", on_errors="c1"))
    name = encoding.removesuffix("-sig").upper()
    message = f"The file begins as {name} does, but isn't all {name}. Save it as CSV UTF-8."
    raise InvalidCsv([CsvProblem("wrong_encoding", message)])


def _decodable(path: Path, dialect: Dialect) -> Dialect:
    """The dialect with ``has_nul`` known. Raises UnicodeDecodeError."""
    has_nul = False
    with path.open("rb") as file:
        chunks = iter(partial(file.read, CHUNK_BYTES), b"")
        for text in codecs.iterdecode(chunks, dialect.encoding, dialect.on_errors):
            has_nul = has_nul or "\0" in text
    return replace(dialect, has_nul=has_nul)


def _separation(text: str) -> tuple[str, bool]:
    """The delimiter that the header has most of outside quotes; whether a blank always follows."""
    lines = NEWLINE.split(QUOTED.sub(_without_delimiters, text))
    filled = [line for line in lines if line.strip(BLANKS + DELIMITERS)] or [""]
    header = next((line for line in filled if not REMARK.match(line)), filled[0])
    delimiter = max(DELIMITERS, key=header.count)
    names = header.split(delimiter)[1:]
    return delimiter, bool(names) and all(name.startswith(" ") for name in names)


def _without_delimiters(quoted: re.Match[str]) -> str:
    return "# a remark" if REMARK.match(quoted[0]) else "quoted"


def _c1(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that Windows-1252 leaves open, as browsers read them.

    WHATWG Encoding Standard, section 9, index windows-1252: 0x81 is U+0081, and so on.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("c1", _c1)
