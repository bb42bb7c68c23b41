"""The names of stored files, their URLs and types: made here, from ids and numbers only."""

from __future__ import annotations

from uuid import UUID

OUTPUT_CSV = "output.csv"
IMPORT_CSV, REPORT_CSV, FAILED_CSV = "import.csv", "report.csv", "failed.csv"
IMAGES_ZIP = "images.zip"
MADE_FILES = (IMPORT_CSV, REPORT_CSV, FAILED_CSV, IMAGES_ZIP)  # when they are asked for
CSV_TYPE = "text/csv; charset=utf-8"
ZIP_TYPE = "application/zip"
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
TYPES = {**IMAGE_TYPES, "zip": ZIP_TYPE}


def image_name(row_number: int, position: int, extension: str) -> str:
    """The name of an image in its request's folder."""
    return f"{row_number}-{position}.{extension}"


def image_url(public_base_url: str, public_id: UUID, name: str) -> str:
    """Where the API serves a file of ``processed_images/``."""
    return f"{public_base_url}/processed_images/{public_id}/{name}"


def file_urls(public_base_url: str, public_id: UUID, *, has_failed: bool) -> dict[str, str | None]:
    """Where the tables and the archive of a completed request are, by their names in responses."""
    urls: dict[str, str | None] = {
        f"{name.replace('.', '_')}_url": image_url(public_base_url, public_id, name)
        for name in (OUTPUT_CSV, *MADE_FILES)
    }
    return urls if has_failed else urls | {"failed_csv_url": None}


def content_type(name: str) -> str:
    """Of an image, an archive or a table, by its extension."""
    return TYPES.get(name.rpartition(".")[2], CSV_TYPE)
