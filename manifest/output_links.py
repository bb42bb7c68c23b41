"""The links of an output CSV that was written, under another address of the service."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from io import TextIOWrapper
from typing import BinaryIO

from manifest.writer import ERRORS_COLUMN

BOM = b"\xef\xbb\xbf"
AT_URLS = -2  # the column before the last one, as writer.write() puts them


def base_url(file: BinaryIO, folder: str) -> str | None:
    """What the first link begins with, before ``folder``.

    None where no image went well, and where the file is no output CSV.
    """
    with suppress(ValueError, IndexError, csv.Error):
        for row in _rows(file, *_form(file)):
            if folder in row[AT_URLS]:
                first = next(url for url in row[AT_URLS].split(",") if folder in url)
                return first.partition(folder)[0]
    return None


def rewrite(file: BinaryIO, target: BinaryIO, folder: str, base: str) -> None:
    """Copy an output CSV with links that begin with ``base``, and all else byte for byte."""
    encoding, delimiter = _form(file)
    text = TextIOWrapper(target, encoding=encoding, newline="")
    try:
        csv.writer(text, delimiter=delimiter).writerows(rows(file, folder, base))
        text.flush()
    finally:
        text.detach()


def rows(file: BinaryIO, folder: str, base: str) -> Iterator[list[str]]:
    """The header and the rows of an output CSV, with links that begin with ``base``."""
    for row in _rows(file, *_form(file)):
        row[AT_URLS] = ",".join(_moved(url, folder, base) for url in row[AT_URLS].split(","))
        yield row


def _moved(url: str, folder: str, base: str) -> str:
    return f"{base}{folder}{url.partition(folder)[2]}" if folder in url else url


def _form(file: BinaryIO) -> tuple[str, str]:
    """The encoding and the delimiter, which stands before the last column's name."""
    file.seek(0)
    encoding = "utf-8-sig" if file.read(len(BOM)) == BOM else "utf-8"
    file.seek(0)
    *_, last_line = _header(file).decode().splitlines()
    return encoding, last_line.removesuffix(ERRORS_COLUMN)[-1]


def _header(file: BinaryIO) -> bytes:
    """As many lines as it takes: the name of a column may contain line ends."""
    lines = b""
    while not lines.endswith(f"{ERRORS_COLUMN}\r\n".encode()):
        if not (line := file.readline()):
            raise ValueError("This is no output CSV.")
        lines += line
    return lines


def _rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[list[str]]:
    file.seek(0)
    text = TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield from csv.reader(text, delimiter=delimiter)
    finally:
        text.detach()
