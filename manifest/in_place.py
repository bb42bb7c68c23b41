"""Tables that go back into the shop: the user's own file, with nothing changed but URLs.

The text of the file is copied, never written anew: quotes, blanks, line ends, comments and the end
of the last line stay as they are. Formulas stay, too: the shop's importer must get back what it
gave, and these tables are for it, not for a spreadsheet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from manifest.reader import Manifest
from manifest.url_cells import URLS_ONLY, CellRules, spans

BOM = "\ufeff"


# A row's number, a URL in it, and the one of the compressed image that takes its place.
NewUrl = tuple[int, str, str]
NO_MORE = (0, "", "")  # rows are counted from 1


def import_csv(manifest: Manifest, new_urls: Iterable[NewUrl]) -> Iterator[str]:
    """The whole file with new URLs, which come in the order of the rows; the others stay.

    A new URL goes where its old one stands in the row: no place ever gets another image's URL, also
    when a later version of this service finds other columns or URLs in the same file.
    """
    if manifest.has_bom:
        yield BOM
    new_ones = iter(new_urls)
    row_number, old, new = next(new_ones, NO_MORE)
    for number, before, text in manifest.raw_rows():
        if before:
            yield before
        of_row = {}
        while row_number == number:
            of_row[old] = new
            row_number, old, new = next(new_ones, NO_MORE)
        yield _with_new_urls(manifest, text, of_row) if of_row else text


def failed_csv(manifest: Manifest, row_numbers: Iterable[int]) -> Iterator[str]:
    """The header with all that stands before it, and these rows; the numbers are in order.

    It is mended in a spreadsheet, so UTF-8 in place of another encoding says so by its mark.
    """
    numbers = iter(row_numbers)
    number = next(numbers, 0)
    if manifest.from_excel:
        yield BOM
    for row_number, before, text in manifest.raw_rows():
        if row_number == 1:
            yield before
        if row_number == number:
            yield text
            number = next(numbers, 0)


def _with_new_urls(manifest: Manifest, text: str, new_urls: Mapping[str, str]) -> str:
    found = _at_their_only_places(text, new_urls) if manifest.has_whole_urls else None
    return _by_cells(manifest, text, new_urls) if found is None else found


def _at_their_only_places(text: str, new_urls: Mapping[str, str]) -> str | None:
    """The row where each old URL stands in it once and as it is, as in nearly all rows; else None.

    A URL of a row stands in it by itself, so one that is there once is no part of another, and in
    no other column. With a quote or a comma it may be written in another way.
    """
    for old in new_urls:
        if text.count(old) != 1 or '"' in old or "," in old:
            return None
    if len(new_urls) == 1:
        ((old, new),) = new_urls.items()
        return text.replace(old, new)
    places = sorted((text.index(old), old) for old in new_urls)
    parts, at = [], 0
    for start, old in places:
        parts += [text[at:start], new_urls[old]]
        at = start + len(old)
    return "".join([*parts, text[at:]])


def _by_cells(manifest: Manifest, text: str, new_urls: Mapping[str, str]) -> str:
    quote = ' *"' if manifest.skips_blanks else '"'  # that opens a cell
    cells = _cell(manifest.delimiter, quote).findall(text)
    extra = range(len(manifest.columns), len(cells))  # of a list of URLs without quotes
    for index, rules in (*manifest.url_columns.items(), *((index, URLS_ONLY) for index in extra)):
        if index < len(cells) and cells[index]:
            cells[index] = _cell_with_new_urls(cells[index], quote, rules, new_urls)
    return "".join(cells)


@cache
def _cell(delimiter: str, quote: str) -> re.Pattern[str]:
    """A cell as it stands in the text of a row, with the delimiter or the line end behind it."""
    end = re.escape(delimiter)
    return re.compile(f'(?:{quote}[^"]*(?:""[^"]*)*"[^{end}]*|[^{end}]*)(?:{end}|\\Z)')


@cache
def _quoted(quote: str) -> re.Pattern[str]:
    """The same, with quotes around it; they are doubled within."""
    return re.compile(f'({quote})(.*)(".*)', re.DOTALL)


def _cell_with_new_urls(
    cell: str, quote: str, rules: CellRules, new_urls: Mapping[str, str]
) -> str:
    if found := '"' in cell and _quoted(quote).fullmatch(cell):
        begin, content, end = found.groups()
        content = _replaced(content.replace('""', '"'), rules, new_urls)
        return begin + content.replace('"', '""') + end
    return _replaced(cell, rules, new_urls)


def _replaced(content: str, rules: CellRules, new_urls: Mapping[str, str]) -> str:
    parts, at = [], 0
    for start, end, url in spans(content, rules):
        if url in new_urls:
            parts += [content[at:start], new_urls[url]]
            at = end
    return "".join([*parts, content[at:]])
