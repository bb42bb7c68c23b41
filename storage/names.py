"""The names of stored files, their URLs and types: made here.

Of what users gave nothing gets into one but lower-case ASCII letters and digits.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from urllib.parse import unquote, urlsplit
from uuid import UUID

OUTPUT_CSV = "output.csv"
IMPORT_CSV, REPORT_CSV, FAILED_CSV = "import.csv", "report.csv", "failed.csv"
IMAGES_ZIP = "images.zip"
OUTPUT_XLSX, IMPORT_XLSX = "output.xlsx", "import.xlsx"
MADE_FILES = (IMPORT_CSV, REPORT_CSV, FAILED_CSV, IMAGES_ZIP)  # when they are asked for
MADE_WORKBOOKS = (OUTPUT_XLSX, IMPORT_XLSX)  # of a workbook
CSV_TYPE = "text/csv; charset=utf-8"
ZIP_TYPE = "application/zip"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_IMAGE_NAME = 100
HASH_DIGITS = 8  # of the file's SHA-256
IMMUTABLE = "public, max-age=31536000, immutable"  # the Cache-Control of an image
IMAGE_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tif": "image/tiff",
    "bmp": "image/bmp",
    "ico": "image/x-icon",
}
TYPES = {**IMAGE_TYPES, "zip": ZIP_TYPE, "xlsx": XLSX_TYPE}


def image_name(row_number: int, position: int, extension: str) -> str:
    """The name of an image in its request's folder."""
    return f"{row_number}-{position}.{extension}"


def speaking_name(
    row_number: int, position: int, extension: str, *, text: str, content: bytes
) -> str:
    """A name that says what the image shows: ``blue-cup-17-1-9f86d081.jpg``.

    Safe by construction: ASCII letters, digits and hyphens. The row and the position make it
    unique, so no worker has to know what others name; the hash makes it another name for another
    picture, as shops don't fetch an address again that they know. ``text`` may be a URL: then it is
    the file's name in it.
    """
    end = f"{row_number}-{position}-{sha256(content).hexdigest()[:HASH_DIGITS]}.{extension}"
    begin = _safe(_file_name(text))[: MAX_IMAGE_NAME - len(end) - 1].rstrip("-")
    return f"{begin}-{end}" if begin else end


def _file_name(text: str) -> str:
    """The name of the file that a URL leads to, without its extension; another text as it is."""
    if not re.match("https?://", text, re.IGNORECASE):
        return text
    name = unquote(urlsplit(text).path).rstrip("/").rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _safe(text: str) -> str:
    """In ASCII: letters without their accents, and a hyphen for all that isn't one or a digit."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")


def image_url(public_base_url: str, public_id: UUID, name: str) -> str:
    """Where the API serves a file of ``processed_images/``."""
    return f"{public_base_url}/processed_images/{public_id}/{name}"


def file_urls(
    public_base_url: str, public_id: UUID, *, has_failed: bool, was_workbook: bool
) -> dict[str, str | None]:
    """Where the tables and the archive of a completed request are, by their names in responses."""
    workbooks = MADE_WORKBOOKS if was_workbook else ()
    urls: dict[str, str | None] = {
        f"{name.replace('.', '_')}_url": image_url(public_base_url, public_id, name)
        for name in (OUTPUT_CSV, *MADE_FILES, *workbooks)
    }
    return urls if has_failed else urls | {"failed_csv_url": None}


def content_type(name: str) -> str:
    """Of an image, an archive or a table, by its extension."""
    return TYPES.get(name.rpartition(".")[2], CSV_TYPE)
