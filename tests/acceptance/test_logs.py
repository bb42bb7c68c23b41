"""What an operator finds in the log about a request, as JSON and as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import system_for
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually

OwnSystem = Callable[..., System]


def lines_of(system: System) -> list[str]:
    return (system.folder / "system.log").read_text().splitlines()


def named(lines: list[dict[str, Any]], message: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["message"] == message]


@pytest.fixture
def json_system(origin: Origin, tmp_path: Path) -> Iterator[System]:
    """Python reads PYTHONWARNINGS at its start."""
    with system_for(origin, tmp_path, System, LOG_FORMAT="json", PYTHONWARNINGS="ignore") as system:
        yield system


def test_every_line_is_json_and_says_what_it_is_about(json_system: System, origin: Origin) -> None:
    system = json_system
    missing = origin.on("/log-missing.jpg", content(status=404))
    hook = origin.on("/log-hook", content())
    table = csv_of(("Cup", *photo_urls(origin, 2)), ("Mug", missing))
    request_id = system.accepted(table, webhook_url=hook)
    system.completed(request_id)
    eventually(lambda: origin.hits["/log-hook"])
    system.get("/status/nothing?q=secret", headers={"Authorization": "Basic secret"})

    eventually(lambda: any("webhook attempted" in line for line in lines_of(system)))
    text = lines_of(system)
    lines = [json.loads(line) for line in text]

    about = [line for line in lines if line.get("request_id") == request_id]
    assert {line["message"] for line in about} >= {
        *("http request", "images completed", "images failed", "request completed"),
        "webhook attempted",
    }
    of_workers = [line for line in about if line["message"] not in ("http request", "audit")]
    assert all("worker" in line for line in of_workers)
    (upload,) = (line for line in named(about, "http request") if line["method"] == "POST")
    assert (upload["path"], upload["status"]) == ("/upload", 202)
    assert upload["bytes"] > 100
    assert upload["ms"] > 0
    refused = [line for line in named(lines, "http request") if line["status"] == 400]
    assert [line["path"] for line in refused] == ["/status/nothing"]
    assert any(line["logger"].startswith("celery.") for line in lines)
    assert "secret" not in "\n".join(text)


def test_a_line_for_people_says_the_same(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)
    system.get("/nowhere%0Aat%20all")

    text = "\n".join(lines_of(system))
    assert f"http request request_id={request_id} method=POST path=/upload status=202" in text
    assert f"images completed request_id={request_id} count=1 bytes_saved=" in text
    assert f"request completed request_id={request_id}" in text
    assert 'path="/nowhere\\nat all" status=404' in text


def test_what_the_server_refuses_by_itself_is_logged_too(system: System) -> None:
    system.get("/healthz", headers={"X-Long": "x" * 40_000})

    eventually(lambda: any("status=431" in line for line in lines_of(system)))
