"""A downloaded image, or its failure → the result to record."""

from __future__ import annotations

import logging
import random

from compress import Compressed, Options, Unreadable, compress
from pipeline.download import DownloadFailed
from pipeline.result_writer import Result
from settings import Settings
from storage import image_name
from work_queue.claims import ClaimedImage
from work_queue.models import Figures
from work_queue.outcomes import Outcome

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0  # doubled with each further one, with jitter
BROKE_DOWN = "The image could not be compressed: something went wrong here; it was logged."


def result_of_failure(image: ClaimedImage, failure: DownloadFailed, *, max_attempts: int) -> Result:
    """To be tried again, or failed where that can't help or was tried ``max_attempts`` times."""
    if failure.permanent or image.attempts >= max_attempts:
        return Result(Outcome.failed(image, failure.code, str(failure)), None)
    backoff = FIRST_RETRY_SECONDS * 2 ** (image.attempts - 1) * random.uniform(0.5, 1)  # noqa: S311
    wait = max(backoff, failure.retry_after or 0)
    return Result(Outcome.retry(image, wait, failure.code, str(failure)), None)


def result_of_download(image: ClaimedImage, original: bytes, settings: Settings) -> Result:
    """Compressed; whatever goes wrong fails this image only."""
    options = Options(
        reduce_by=image.reduce_by,
        format=image.format,
        max_width=image.max_width,
        max_height=image.max_height,
    )
    try:
        made = compress(original, options, max_pixels=settings.max_image_pixels)
    except Unreadable as error:
        return Result(Outcome.failed(image, error.code, str(error)), None)
    except Exception:  # or this image would come back, and end every turn, for ever
        logger.exception("compression broke down", extra={"image_id": image.id})
        return Result(Outcome.failed(image, "compression_error", BROKE_DOWN), None)
    return Result(_completed(image, made, len(original)), made.content)


def _completed(image: ClaimedImage, made: Compressed, input_bytes: int) -> Outcome:
    return Outcome.completed(
        image,
        output_name=image_name(image.row_number, image.position, made.extension),
        input_bytes=input_bytes,
        output_bytes=len(made.content),
        figures=Figures(*(getattr(made, name) for name in Figures._fields)),
    )
