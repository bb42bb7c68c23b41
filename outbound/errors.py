"""Why there is no response."""

from __future__ import annotations


class OutboundError(Exception):
    """There is no response. ``code`` is stable, for programs; the text is a sentence, for people.

    ``permanent`` says that trying again cannot help.
    """

    retry_after: float | None = None  # the pause to make before it is tried again

    def __init__(self, code: str, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
