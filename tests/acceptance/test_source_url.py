"""A table that is fetched from a URL, in place of a file."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.acceptance.conftest import NOBODY
from tests.conftest import photo_urls
from tests.origin import Origin, content, redirect
from tests.system import PATIENCE, System, csv_of


def sent(system: System, **options: Any) -> requests.Response:
    return requests.post(f"{system.url}/upload", timeout=PATIENCE, **options)


def table(origin: Origin, path: str, *rows: tuple[str, ...]) -> str:
    return origin.on(path, content(csv_of(*rows).encode()))


def test_a_table_is_fetched_and_becomes_a_request(system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    source = table(origin, "/exports/products.csv", ("Cup", url))

    answer = sent(system, data={"source_url": source, "reduce_by": "60"})

    assert (answer.status_code, answer.json()["images"]) == (202, 1)
    status = system.completed(answer.json()["request_id"])
    assert (status["file_name"], status["options"]["reduce_by"]) == ("products.csv", 60)
    (row,) = system.output_rows(answer.json()["request_id"])
    assert row["Output Image Urls"].endswith("/1-1.jpg")


@pytest.mark.parametrize(
    "how",
    [
        lambda url: {"json": {"sourceUrl": url, "dry_run": True}},
        lambda url: {"params": {"source_url": url, "dry_run": "1"}},
        lambda url: {"files": {"source_url": (None, url), "dryRun": (None, "1")}},
    ],
    ids=["json", "query", "multipart"],
)
def test_a_url_may_be_sent_in_every_way_and_be_tried_first(
    system: System, origin: Origin, how: Any
) -> None:
    moved = table(origin, "/moved-products.csv", ("Cup", "https://shop.example/1.jpg"))
    source = origin.on("/moved.csv", redirect(moved))

    answer = sent(system, **how(source))

    assert (answer.status_code, answer.json()["images"]) == (200, 1)


def test_an_upload_sent_again_is_the_same_while_the_table_is(
    system: System, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    first, second = (csv_of((name, url)).encode() for name in ("Cup", "Mug"))
    source = origin.on("/changing.csv", content(first), content(first), content(second))
    headers = {"Idempotency-Key": "of a source"}

    answers = [sent(system, data={"source_url": source}, headers=headers) for _ in range(3)]

    assert answers[0].json() == answers[1].json()
    assert answers[2].json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (content(status=404), "answered 404"),
        (content(b""), "is empty"),
        (content(b"\n<!DOCTYPE html><title>Sign in</title>"), "is a web page"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(
    system: System, origin: Origin, answer: Any, reason: str
) -> None:
    refused = sent(system, data={"source_url": origin.on("/no-table.csv", answer)}).json()

    assert (refused["status"], refused["code"]) == (422, "source_unreachable")
    assert reason in refused["detail"]


@pytest.mark.parametrize(
    "url",
    [NOBODY, "http://10.0.0.1/products.csv", "http://no-such-host.invalid/a.csv"],
    ids=["silent", "inside", "unknown"],
)
def test_where_nobody_answers_or_may_be_asked_it_is_unreachable(system: System, url: str) -> None:
    refused = sent(system, data={"source_url": url}).json()

    assert (refused["status"], refused["code"]) == (422, "source_unreachable")


def test_a_table_over_the_limit_of_uploads_is_too_large(system: System, origin: Origin) -> None:
    source = origin.on("/large.csv", content(bytes(1024 * 1024 + 1)))

    refused = sent(system, data={"source_url": source}).json()

    assert (refused["status"], refused["code"]) == (413, "upload_too_large")


def test_a_url_in_place_of_a_file_is_not_sent_with_one(system: System) -> None:
    files = {"file": ("a.csv", csv_of(("Cup", NOBODY)))}

    for options in (
        {"files": files, "data": {"source_url": NOBODY}},
        {"json": {"images": [NOBODY], "source_url": NOBODY}},
        {"data": {"source_url": "ftp://shop.example/a.csv"}},
    ):
        refused = sent(system, **options).json()
        assert (refused["status"], refused["code"]) == (422, "invalid_source_url")


def test_without_a_file_and_a_url_there_is_nothing_to_do(system: System) -> None:
    assert sent(system, files={"reduce_by": (None, "50")}).json()["code"] == "missing_file"
    assert sent(system, json={"source_url": None}).json()["code"] == "missing_file"
    assert sent(system, data={"reduce_by": "50"}).status_code == 415
