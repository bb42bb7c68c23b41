"""An operator reads in a line which request or image it is about."""

from __future__ import annotations

import io
import logging

import logs


def logged(message: str, **options: object) -> str:
    """The line that a logger with one handler writes."""
    file = io.StringIO()
    logger = logging.getLogger("test of log lines")
    logger.handlers = [logging.StreamHandler(file)]
    logs.show_fields(logger)
    logger.error(message, **options)  # type: ignore[arg-type]
    return file.getvalue()


def test_a_line_ends_with_the_fields_of_its_event() -> None:
    assert logged("image failed", extra={"image_id": 7, "code": "http_404"}) == (
        "image failed image_id=7 code=http_404\n"
    )


def test_a_line_without_fields_stays_as_it_is() -> None:
    assert logged("the worker stops") == "the worker stops\n"


def test_the_fields_stand_before_a_stack_trace() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        text = logged("image failed", exc_info=True, extra={"image_id": 7})

    assert text.startswith("image failed image_id=7\nTraceback")
