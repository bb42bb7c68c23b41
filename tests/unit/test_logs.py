"""An operator, or a program, reads in a line which request or image it is about."""

from __future__ import annotations

import io
import json
import logging

import logs


def logged(message: str, log_format: str = "text", **options: object) -> str:
    """The line that a logger with one handler writes."""
    file = io.StringIO()
    logger = logging.getLogger("test of log lines")
    logger.handlers = [logging.StreamHandler(file)]
    logs.show_fields(logger, log_format)
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


def test_a_line_has_the_fields_of_what_surrounds_it() -> None:
    with logs.about(request_id="a") as fields, logs.about(image_id=7):
        inner = logged("compression broke down")
        fields["key"] = "b"
    with logs.about(request_id="a", image_id=7):
        nearer = logged("image failed", extra={"image_id": 8})

    assert inner == "compression broke down request_id=a image_id=7\n"
    assert nearer == "image failed request_id=a image_id=8\n"
    assert logged("the worker stops") == "the worker stops\n"


def test_a_field_that_is_known_later_is_added() -> None:
    with logs.about(webhook_id=1) as fields:
        fields["request_id"] = "a"

        assert logged("webhook attempted") == "webhook attempted webhook_id=1 request_id=a\n"


def test_what_a_client_sends_forges_no_line_and_no_field() -> None:
    path = '/x\n[ERROR] "all is lost" status=500'

    assert logged("http request", extra={"path": path}) == (
        'http request path="/x\\n[ERROR] \\"all is lost\\" status=500"\n'
    )


def test_a_line_is_an_object_where_that_is_asked_for() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        text = logged("image failed", "json", exc_info=True, extra={"image_id": 7})

    line = json.loads(text)
    assert text.count("\n") == 1
    assert (line["level"], line["message"], line["image_id"]) == ("ERROR", "image failed", 7)
    assert line["time"].endswith("Z")
    assert line["exception"].endswith("ValueError: broken\nin two")


def test_a_field_does_not_take_the_place_of_the_time() -> None:
    assert json.loads(logged("late", "json", extra={"time": "never"}))["time"] != "never"
