"""One bad image never spoils a job: it says what went wrong, and the others come out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import NOBODY
from tests.conftest import photo
from tests.origin import (
    Origin,
    Response,
    close_at_once,
    content,
    drip_body,
    endless_body,
    gzip_bomb,
    redirect,
    retry_later,
    short_body,
)
from tests.system import System, csv_of

LARGE = 1024 * 1024 + 1  # a byte more than the system under test takes


def job(system: System, origin: Origin, bad_url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """How the bad image of a request with a good one beside it ended, and its output row."""
    good = origin.on("/good.jpg", content(photo()))
    request_id = system.accepted(csv_of(("Cup", good, bad_url)))
    status = system.completed(request_id)
    first, second = status["images"]
    assert first["status"] == "Completed"
    assert (status["progress"]["completed"], status["progress"]["failed"]) == (1, 1)
    return second, system.output_rows(request_id)[0]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (content(status=404), "http_404", "404"),
        (content(b"<html>Not here</html>"), "not_an_image", "web page"),
        (content(b""), "empty_image", "empty"),
        (content(photo()[:2000]), "broken_image", ""),
        (short_body(photo()), "short_body", ""),
        (content(bytes(LARGE)), "too_large", "large"),
        (endless_body(), "too_large", "large"),
        (gzip_bomb(LARGE), "too_large", "large"),
        (drip_body(), "timed_out", "too long"),
        (close_at_once(), "connection_failed", ""),
        (content(status=206, body=photo()), "http_206", "206"),
        (content(status=503), "http_503", "503"),
        (redirect("http://127.0.0.1:8080/"), "forbidden_address", "address"),
        (redirect("http://127.0.0.1:6379/"), "forbidden_port", "6379"),
        (redirect("http://169.254.169.254/latest/meta-data/"), "forbidden_address", "address"),
        (redirect("http://10.0.0.1/"), "forbidden_address", "address"),
    ],
)
def test_a_bad_image_fails_with_its_reason(
    system: System, origin: Origin, answer: Response, code: str, words: str
) -> None:
    image, row = job(system, origin, origin.on("/bad.jpg", answer))

    assert (image["status"], image["output_url"]) == ("Failed", None)
    assert image["error"]["code"] == code
    assert words in image["error"]["message"]
    assert row["Output Image Urls"].endswith("1-1.jpg,")
    assert image["error"]["message"] in row["Errors"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:80/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_an_inner_address_is_never_fetched(system: System, origin: Origin, url: str) -> None:
    image, _ = job(system, origin, url)

    assert (image["status"], image["error"]["code"]) == ("Failed", "forbidden_address")
    assert image["attempts"] == 1


def test_a_host_that_nobody_answers_on_fails(system: System, origin: Origin) -> None:
    image, _ = job(system, origin, NOBODY)

    assert (image["error"]["code"], image["attempts"]) == ("connection_failed", 3)


def test_what_fails_for_a_moment_is_tried_again(system: System, origin: Origin) -> None:
    url = origin.on("/moody.jpg", content(status=503), content(status=503), content(photo()))

    (image,) = system.completed(system.accepted(csv_of(("Cup", url))))["images"]

    assert (image["status"], image["attempts"], image["error"]) == ("Completed", 3, None)


def test_what_cannot_get_better_is_tried_once(system: System, origin: Origin) -> None:
    hits = origin.hits["/gone.jpg"]
    url = origin.on("/gone.jpg", content(status=404))

    system.completed(system.accepted(csv_of(("Cup", url))))

    assert origin.hits["/gone.jpg"] == hits + 1


def test_a_host_that_asks_for_a_pause_gets_it(system: System, origin: Origin) -> None:
    url = origin.on("/busy.jpg", retry_later("2"), content(photo()))

    status = system.completed(system.accepted(csv_of(("Cup", url))))

    first, second = [r for r in origin.received if r.path == "/busy.jpg"]
    assert first.path == second.path
    assert status["progress"]["completed"] == 1
