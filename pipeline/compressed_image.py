"""A downloaded image is compressed; whatever goes wrong is its result."""

from __future__ import annotations

import logging
from hashlib import sha256

from compress import Compressed, Options, Unreadable, compress
from pipeline.result_writer import Result
from settings import Settings
from storage import image_name, speaking_name
from work_queue.claims import ClaimedImage
from work_queue.models import Figures
from work_queue.outcomes import Outcome

logger = logging.getLogger(__name__)

HASH_DIGITS = 16  # of the SHA-256 of a download
BROKE_DOWN = "The image could not be compressed: something went wrong here; it was logged."


def result_of_download(image: ClaimedImage, original: bytes, settings: Settings) -> Result:
    """Compressed; whatever goes wrong fails this image only."""
    options = Options(
        reduce_by=image.reduce_by,
        format=image.format,
        max_width=image.max_width,
        max_height=image.max_height,
        max_bytes=image.max_bytes,
        keep_dimensions=image.keep_dimensions,
    )
    try:
        made = compress(original, options, max_pixels=settings.max_image_pixels)
    except Unreadable as error:
        return Result(Outcome.failed(image, error.code, str(error)), None)
    except Exception:  # or this image would come back, and end every turn, for ever
        logger.exception("compression broke down")
        return Result(Outcome.failed(image, "compression_error", BROKE_DOWN), None)
    return Result(_completed(image, made, original), made.content)


def _completed(image: ClaimedImage, made: Compressed, original: bytes) -> Outcome:
    figures = Figures(*(getattr(made, name) for name in Figures._fields))
    return Outcome.completed(
        image,
        output_name=_name_of(image, made),
        input_bytes=len(original),
        output_bytes=len(made.content),
        figures=figures._replace(missed_because=made.missed_because or None),
        content_hash=sha256(original).hexdigest()[:HASH_DIGITS],
    )


def _name_of(image: ClaimedImage, made: Compressed) -> str:
    place = (image.row_number, image.position, made.extension)
    if image.named_after is None:
        return image_name(*place)
    return speaking_name(*place, text=image.named_after, content=made.content)
