"""Where uploads, images and output CSVs are kept: in two folders, or in a bucket.

Every name is made in ``names.py``, where nothing that could do harm gets into one.
``uploads/`` holds ``<request id>.csv`` as it came, ``processed_images/<request id>/`` the images
and ``output.csv``; a bucket holds the same names behind its prefix.
"""

from settings import Settings
from storage.base import Storage, StorageFull, StorageUnavailable, StoredFile, WrongStorage
from storage.bucket import Bucket
from storage.folders import FULL, Folders, check_writing
from storage.names import (
    FAILED_CSV,
    IMAGE_TYPES,
    IMAGES_ZIP,
    IMMUTABLE,
    IMPORT_CSV,
    IMPORT_XLSX,
    MADE_WORKBOOKS,
    MAX_IMAGE_NAME,
    OUTPUT_CSV,
    OUTPUT_XLSX,
    REPORT_CSV,
    XLSX_TYPE,
    content_type,
    file_urls,
    image_name,
    image_url,
    speaking_name,
)

__all__ = [
    "FAILED_CSV",
    "IMAGES_ZIP",
    "IMAGE_TYPES",
    "IMMUTABLE",
    "IMPORT_CSV",
    "IMPORT_XLSX",
    "MADE_WORKBOOKS",
    "MAX_IMAGE_NAME",
    "OUTPUT_CSV",
    "OUTPUT_XLSX",
    "REPORT_CSV",
    "XLSX_TYPE",
    "Bucket",
    "Folders",
    "Storage",
    "StorageFull",
    "StorageUnavailable",
    "StoredFile",
    "WrongStorage",
    "check_folders",
    "content_type",
    "file_urls",
    "image_name",
    "image_url",
    "open_storage",
    "speaking_name",
]


def check_folders(settings: Settings) -> None:
    """Make the two folders, at the start; harmless where a bucket is used in their place.

    Raises WrongStorage where one can't be made or written to. A full disk does not stop the start.
    """
    for variable in () if settings.storage_url else ("upload_dir", "processed_dir"):
        folder = getattr(settings, variable).absolute()
        try:
            check_writing(folder)
        except OSError as error:
            if error.errno not in FULL:
                reason = f"{folder} cannot be written to: {error.strerror}"
                raise WrongStorage(f"{variable.upper()} cannot be used: {reason}.") from None


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name; nothing is asked over the network yet.

    Raises WrongStorage where a bucket's URL lacks what the library must find in the environment.
    """
    if settings.storage_url:
        return Bucket(settings.storage_url)
    free = settings.min_free_bytes
    return Folders(settings.upload_dir, settings.processed_dir, min_free_bytes=free)
