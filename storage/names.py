"""The names of stored files, their URLs and types: made here, from ids and numbers only."""

from __future__ import annotations

from uuid import UUID

OUTPUT_CSV = "output.csv"
CSV_TYPE = "text/csv; charset=utf-8"
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


def image_name(row_number: int, position: int, extension: str) -> str:
    """The name of an image in its request's folder."""
    return f"{row_number}-{position}.{extension}"


def image_url(public_base_url: str, public_id: UUID, name: str) -> str:
    """Where the API serves a file of ``processed_images/``."""
    return f"{public_base_url}/processed_images/{public_id}/{name}"


def content_type(name: str) -> str:
    """Of an image, or the output CSV, by its extension."""
    return IMAGE_TYPES.get(name.rpartition(".")[2], CSV_TYPE)
