"""Whether and when a failed download is tried again."""

from __future__ import annotations

import random

from outbound import HOST_BUSY
from pipeline.download import DownloadFailed
from pipeline.result_writer import Result
from work_queue.claims import ClaimedImage
from work_queue.outcomes import Outcome

FIRST_RETRY_SECONDS = 1.0  # doubled with each further one, with jitter


def result_of_failure(image: ClaimedImage, failure: DownloadFailed, *, max_attempts: int) -> Result:
    """To be tried again, or failed where that can't help or was tried ``max_attempts`` times."""
    if failure.code == HOST_BUSY:  # not asked, so it was no attempt
        return Result(Outcome.release(image, failure.retry_after or 0), None)
    if failure.permanent or image.attempts >= max_attempts:
        return Result(Outcome.failed(image, failure.code, str(failure)), None)
    backoff = FIRST_RETRY_SECONDS * 2 ** (image.attempts - 1) * random.uniform(0.5, 1)  # noqa: S311
    wait = max(backoff, failure.retry_after or 0)
    return Result(Outcome.retry(image, wait, failure.code, str(failure)), None)
