"""Which columns hold images, told by their cells: for names in any language.

Only where no name of such a column is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from manifest.columns import DIGITS, key, stem
from manifest.url_cells import CellRules, is_path, texts

PICTURE = re.compile(r"(?i)\.(?:jpe?g|jfif|png|webp|avif|gif|tiff?|bmp|ico|heic)(?:[?#]|$)")
NO_PICTURE = re.compile(r"(?i)\.(?:mp4|webm|mov|pdf|html?|php|zip|csv|svg)(?:[?#]|$)|youtu|vimeo")
# By their key(): columns that are no images even where their URLs end like pictures, and those
# that are none where they don't.
LINKS = re.compile(".*(video|download).*|(product|page|mobile|canonical|external)(link|url)|link")
PAGES = re.compile(".*(video|download|link|site|page|seite|href|producturl).*")


@dataclass(slots=True)
class Contents:
    """How many cells of a column are filled, with the URL of a picture, and with one of anything
    that may be a picture.
    """

    filled: int = 0
    pictures: int = 0
    urls: int = 0

    def count(self, cell: str, base_url: str | None) -> None:
        """A cell counts by its first URL, or by a file name where there is a base URL for it."""
        for text in texts(cell, CellRules(base_url))[:1]:
            is_web = text.lower().startswith(("http://", "https://"))
            is_usable = is_web or (base_url is not None and is_path(text))
            self.filled += 1
            self.pictures += is_usable and PICTURE.search(text) is not None
            self.urls += is_web and NO_PICTURE.search(text) is None


def image_columns(
    names: Sequence[str], rows: Iterable[Sequence[str]], base_url: str | None
) -> dict[int, str]:
    """The columns half of whose filled cells are images, with the reason for each.

    Pictures go by their extension; only where no column has those, any URL may be one.
    """
    contents = [Contents() for _ in names]
    for cells in rows:
        for column, cell in zip(contents, cells, strict=False):
            if cell:
                column.count(cell, base_url)
    pictures = {
        index: f"{column.pictures} of {column.filled} cells looked at are pictures"
        for index, column in enumerate(contents)
        if 2 * column.pictures >= column.filled > 0 and not LINKS.fullmatch(key(names[index]))
    }
    urls = {
        index: f"{column.urls} of {column.filled} cells looked at are URLs"
        for index, column in enumerate(contents)
        if 2 * column.urls >= column.filled > 0 and not PAGES.fullmatch(key(names[index]))
    }
    return _with_empty_ones(names, contents, pictures or urls)


def _with_empty_ones(
    names: Sequence[str], contents: Sequence[Contents], found: dict[int, str]
) -> dict[int, str]:
    """With those that are numbered like them and have no cell filled, as later ones may be."""
    stems = {stem(names[index]): names[index] for index in found}
    more = {
        index: f"it is named as {stems[stem(name)]} is"
        for index, name in enumerate(names)
        if not contents[index].filled and DIGITS.search(name) and stem(name) in stems
    }
    return dict(sorted({**more, **found}.items()))
