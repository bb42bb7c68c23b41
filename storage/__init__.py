"""Where uploads, images and output CSVs are kept: in two folders, or in a bucket.

Every name is made in ``names.py``, from ids and numbers; no part of one comes from a user.
``uploads/`` holds ``<request id>.csv`` as it came, ``processed_images/<request id>/`` the images
and ``output.csv``; a bucket holds the same names behind its prefix.
"""

from settings import Settings
from storage.base import Storage, StorageFull, StorageUnavailable, StoredFile, WrongStorage
from storage.bucket import Bucket
from storage.folders import Folders
from storage.names import (
    IMAGE_TYPES,
    IMMUTABLE,
    OUTPUT_CSV,
    content_type,
    image_name,
    image_url,
)

__all__ = [
    "IMAGE_TYPES",
    "IMMUTABLE",
    "OUTPUT_CSV",
    "Bucket",
    "Folders",
    "Storage",
    "StorageFull",
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
    free = settings.min_free_bytes
    return Folders(settings.upload_dir, settings.processed_dir, min_free_bytes=free)
