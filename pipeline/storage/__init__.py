"""Uploads, images and output CSVs, in two folders or in a bucket.

Every name is made here, from ids and numbers; no part of one comes from a user. ``uploads/`` holds
``<request id>.csv`` as it came, ``processed_images/<request id>/`` the images and ``output.csv``;
in a bucket the same names stand behind its prefix.
"""

from pipeline.storage.bucket import Bucket
from pipeline.storage.folders import Folders
from pipeline.storage.model import (
    IMAGE_TYPES,
    IMMUTABLE,
    OUTPUT_CSV,
    Storage,
    StorageUnavailable,
    StoredFile,
    WrongStorage,
    content_type,
    image_name,
    image_url,
)
from settings import Settings

__all__ = [
    "IMAGE_TYPES",
    "IMMUTABLE",
    "OUTPUT_CSV",
    "Bucket",
    "Folders",
    "Storage",
    "StorageUnavailable",
    "StoredFile",
    "WrongStorage",
    "content_type",
    "image_name",
    "image_url",
    "open_storage",
]


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name; nothing is asked over the network yet.

    Raises WrongStorage where a bucket's URL lacks what the library must find in the environment.
    """
    if settings.storage_url:
        return Bucket(settings.storage_url)
    return Folders(settings.upload_dir, settings.processed_dir)
