"""URL to bytes, or a failure that knows whether trying again can help."""

from __future__ import annotations

from http import HTTPStatus

from outbound import HttpClient, OutboundError, Response

TRANSIENT_STATUSES = {408, 425, 429, *range(500, 600)}


class DownloadFailed(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """``code`` is stable, for programs; the text is a sentence, for people.

    ``permanent`` says that trying again cannot help; ``retry_after`` is the pause in seconds that
    the server asked for.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        permanent: bool,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after


def download(client: HttpClient, url: str, *, seconds: float, max_bytes: int) -> bytes:
    """The file at ``url``, whatever its type: its content decides that, later.

    Raises DownloadFailed, also for an empty file and for a 2xx that is not 200: such a response
    has no image, or a part of one.
    """
    try:
        response = client.get(url, seconds=seconds, max_bytes=max_bytes)
    except OutboundError as error:
        raise DownloadFailed(
            error.code, str(error), permanent=error.permanent, retry_after=error.retry_after
        ) from error
    if response.status != HTTPStatus.OK:
        raise _refused(response)
    if not response.body:
        raise _empty(response)
    return response.body


def _empty(response: Response) -> DownloadFailed:
    """Headers that break off look like an empty file, so only a stated length is final."""
    has_length = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    return DownloadFailed("empty_image", "The file is empty.", permanent=has_length)


def _refused(response: Response) -> DownloadFailed:
    phrase = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else ""
    return DownloadFailed(
        f"http_{response.status}",
        f"The server answered {response.status} {phrase}".rstrip() + ".",
        permanent=response.status not in TRANSIENT_STATUSES,
        retry_after=response.retry_after,
    )
