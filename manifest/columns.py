"""Which column is which, by its name: those of shops' exports, however they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manifest.dialect import BLANKS
from manifest.errors import URL_COLUMN_HINT, CsvProblem, InvalidCsv
from manifest.reading_options import ReadingOptions
from manifest.url_cells import ellipsis, is_longer

MAX_COLUMN_NAME = 255  # UTF-16 code units
MAX_COLUMNS_SHOWN, MAX_COLUMNS_NAMED = 100, 8  # in the list of columns, and in a sentence
# Short rows are filled up to the header's length, so a small file could grow without bounds.
MAX_COLUMNS = 1000
KNOWN = "its name is known"

# The best name first: where several stand in a file, the first of this list is taken. A SKU is what
# people know a product by, also where the shop has a number for it.
SERIAL_NAMES = (
    *("S. No.", "Sr. No.", "Serial No.", "Serial Number", "SKU", "Variant SKU"),
    *("Product Code/SKU", "Product SKU", "SKU Code", "item_sku", "CustomLabel"),
    *("Custom label (SKU)", "Reference #", "Product Number", "Artikelnummer", "Artikel-Nr."),
    *("Référence", "Referencia", "Codice", "ID", "Handle", "URL handle", "Product ID", "handleId"),
    *("Product ID [Non Editable]", "Product Handle", "product_internal_id", "slug"),
)
NAME_NAMES = (
    *("Product Name", "Product", "Name", "Title", "Product Title", "item_name"),
    *("Titolo", "Titel", "Titre", "Título", "Nome", "Nom", "Nombre", "Naam"),
    *("Artikelname", "Produktname", "Artikelbezeichnung", "Bezeichnung", "Désignation"),
)
EARLIER_URL_NAMES = (
    *("Input Image Urls", "Input Image URL", "Input URLs", "Input URL"),
    *("Image URLs", "Image URL", "Images", "Image", "Image Src"),
    *("Product Image URL", "Variant Image", "Variant Image URL"),
    *("image_link", "additional_image_link", "additional_image_links"),
    *("base_image", "additional_images"),
)
URL_NAMES = (
    *EARLIER_URL_NAMES,
    *("small_image", "thumbnail_image", "swatch_image"),
    *("Image URLs (x,y,z...)", "Image URL (Import)", "Hosted Image URLs"),
    *("Product Image", "Product Image File", "Product Thumbnail"),
    *("media", "product media", "variant media", "cover_media_url", "manufacturer_media_url"),
    *("main_image_url", "other_image_url", "swatch_image_url", "PicURL", "Item photo URL"),
    *("product_media_main_image_url", "product_media_gallery_image_url"),
)
# Shops write what they host themselves into these as a path or an id. Told by their spelling:
# Wix has productImageUrl, Shopify "Product image URL", which always holds URLs.
LOCAL_NAMES = {
    *("base_image", "small_image", "thumbnail_image", "swatch_image", "additional_images"),
    *("productimageurl", "media", "product image", "product image file", "product thumbnail"),
}
HELD = {
    "url_column": "URLs",
    "name_column": "the products' names",
    "serial_column": "the serial numbers",
}
IGNORED = re.compile(f"[{re.escape(BLANKS)}._*#-]")
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Roles:
    """Indexes of columns, and of each the reason for its role.

    ``serials`` are all that may have the serial number, the best first: where its cell is empty,
    the next one stands in, as a Shopify product's handle does for a variant without a SKU.
    """

    serials: tuple[int, ...]
    name: int | None
    urls: tuple[int, ...]
    because: Mapping[int, str]


def column_names(field: str | None) -> list[str]:
    """The names in an upload's ``url_column`` field, which separates them by commas."""
    return [name.strip() for name in (field or "").split(",") if name.strip()]


def key(name: str) -> str:
    """What of a column's name counts: not its case, blanks, dots, hyphens or underscores."""
    return IGNORED.sub("", name).casefold().replace("(s)", "s")


def keeps_paths(column: str) -> bool:
    """Whether a cell of this column may hold a path or an id in place of a URL."""
    return stem(column) in LOCAL_NAMES


def stem(column: str) -> str:
    """A name without its number: numbered columns have the same."""
    return DIGITS.sub("", column).strip(BLANKS + "-").casefold()


def roles(columns: Sequence[str], options: ReadingOptions) -> Roles:
    """The roles that the columns have by the options and by their names; there may be none."""
    keys = [key(column) for column in columns]
    because: dict[int, str] = {}
    serials, name = _all(keys, SERIAL_NAMES), next(iter(_all(keys, NAME_NAMES)), None)
    if options.name_column and key(options.name_column) in keys:
        name = keys.index(key(options.name_column))
    if options.serial_column and key(options.serial_column) in keys:
        serials = tuple(dict.fromkeys((keys.index(key(options.serial_column)), *serials)))
    if wanted := wanted_urls(keys, options):
        urls = _named(keys, wanted)
    else:
        urls = _numbered(keys, EARLIER_URL_NAMES if options.is_earlier else URL_NAMES)
    by_serial = "serial_column names it" if options.serial_column else KNOWN
    because |= dict.fromkeys(serials[:1], by_serial)
    because |= dict.fromkeys(urls, "url_column names it" if wanted else KNOWN)
    if name is not None:
        because[name] = "name_column names it" if options.name_column else KNOWN
    return Roles(serials, name, urls, because)


def wanted_urls(keys: Sequence[str], options: ReadingOptions) -> list[str]:
    """The names in ``url_columns``: a text is one name if a column has it, else several."""
    wanted = []
    for text in options.url_columns:
        is_name = key(text) in keys and not options.is_earlier
        wanted += [text] if is_name else column_names(text)
    return [name for name in wanted if key(name)]


def problems(
    columns: Sequence[str], found: Roles, options: ReadingOptions, line: int
) -> list[CsvProblem]:
    """What is wrong with a header: names that can't be kept, and columns that are missing."""
    keys = [key(column) for column in columns]
    listed = _problems_of_names(columns, line)
    unknown = [name for name in wanted_urls(keys, options) if key(name) not in keys]
    listed += [_unknown("url_column", name, line) for name in unknown]
    for field in ("serial_column", "name_column"):
        name = getattr(options, field)
        if name and key(name) not in keys:
            listed.append(_unknown(field, name, line))
    if not found.urls and not unknown:
        listed.append(_missing_urls(columns, line))
    return listed


def refusal(found: Sequence[CsvProblem], columns: Sequence[str]) -> InvalidCsv:
    """The header's problems, with the columns that there are and the names that are known."""
    known = {"serial_number": SERIAL_NAMES, "product_name": NAME_NAMES, "urls": URL_NAMES}
    return InvalidCsv(found, columns_found=_shown(columns), columns_known=known)


def _all(keys: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """The columns with known names, in the order of those."""
    return tuple(keys.index(name) for name in dict.fromkeys(map(key, names)) if name in keys)


def _named(keys: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    wanted = {key(name) for name in names}
    return tuple(index for index, found in enumerate(keys) if found in wanted)


def _numbered(keys: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """The columns with known names of URLs, also with a number in them: Image 1, Image 2."""
    return _named([DIGITS.sub("", found) for found in keys], names)


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


def _unknown(option: str, name: str, line: int) -> CsvProblem:
    message = f"This column was named to hold {HELD[option]}, but the file doesn't have it."
    code, hint = f"unknown_{option}", f"{option} must be one of the columns found."
    return CsvProblem(code, message, 0, line, ellipsis(name), hint)


def _missing_urls(columns: Sequence[str], line: int) -> CsvProblem:
    found = ", ".join(_shown(columns[:MAX_COLUMNS_NAMED]))
    more = " and others" if len(columns) > MAX_COLUMNS_NAMED else ""
    message = (
        f"No column of the file is known to hold image URLs; it has {found}{more}. "
        "Known names are Input Image Urls, Image URLs, Images, Image Src, image_link and those of "
        "many shops."
    )
    return CsvProblem("missing_column", message, 0, line, hint=URL_COLUMN_HINT)


def _shown(columns: Sequence[str]) -> list[str]:
    return [ellipsis(column) for column in columns[:MAX_COLUMNS_SHOWN]]
