"""The whole system on a bucket: users notice nothing, and no machine keeps what another needs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from obstore.store import S3Store

from storage.bucket import OPEN_SECONDS
from tests.acceptance.conftest import system_for
from tests.acceptance.test_faults import has_progressed
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.proxy import Proxy
from tests.s3 import S3, variables
from tests.system import ROOT, System, csv_of, eventually

NOWHERE = {"UPLOAD_DIR": "/dev/null/uploads", "PROCESSED_DIR": "/dev/null/processed"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(s3: S3) -> Iterator[Proxy]:
    """The way to the bucket, which can be broken."""
    with Proxy(s3.address) as way:
        yield way


@pytest.fixture(scope="module")
def system(
    origin: Origin, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A system whose folders cannot even be made."""
    settings = NOWHERE | variables(proxy.address)
    with system_for(origin, tmp_path_factory.mktemp("system"), System, **settings) as running:
        yield running


@pytest.fixture
def objects(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The bucket, as its owner sees it."""
    for name, value in variables(s3.address).items():
        monkeypatch.setenv(name, value)
    return S3Store("images", prefix="some/prefix", client_options={"allow_http": True})


def names(objects: S3Store, folder: str) -> list[str]:
    return sorted(found["path"] for found in objects.list(folder).collect())


def assert_all_is_there_once(system: System, objects: S3Store, status: dict[str, Any]) -> None:
    """Every image ended once: rows, objects and the output CSV say the same."""
    images, request_id = status["images"], status["request_id"]
    assert {image["status"] for image in images} == {"Completed"}
    assert status["progress"]["completed"] == status["progress"]["total"] == len(images)
    paths = [image["output_url"].removeprefix(f"{system.url}/") for image in images]
    folder = f"processed_images/{request_id}"
    assert names(objects, folder) == sorted([*paths, f"{folder}/output.csv"])
    listed = ",".join(row["Output Image Urls"] for row in system.output_rows(request_id))
    assert listed.split(",") == [image["output_url"] for image in images]


def test_a_job_is_done_with_nothing_but_the_bucket(
    system: System, origin: Origin, objects: S3Store
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 20))))

    status = system.completed(request_id)

    assert_all_is_there_once(system, objects, status)
    assert names(objects, "uploads") == [f"uploads/{request_id}.csv"]
    sizes = [len(requests.get(i["output_url"], timeout=10).content) for i in status["images"]]
    assert sizes == [image["output_bytes"] for image in status["images"]]


def test_an_image_is_served_as_it_is_from_a_folder(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    url = system.completed(request_id)["images"][0]["output_url"]

    answer = requests.get(url, timeout=10)

    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    part = requests.get(url, headers={"Range": "bytes=-2"}, timeout=10)
    assert (part.status_code, part.content) == (206, answer.content[-2:])
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert requests.get(url, headers=etag, timeout=10).status_code == 304


def test_a_range_that_is_not_there_is_a_problem_that_tells_the_size(
    system: System, origin: Origin
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    (image,) = system.completed(request_id)["images"]

    answer = requests.get(image["output_url"], headers={"Range": "bytes=9999999-"}, timeout=10)

    assert answer.status_code == 416
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Content-Range"] == f"bytes */{image['output_bytes']}"


def test_the_output_csv_is_a_download_that_is_asked_for_anew(
    system: System, origin: Origin
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)

    answer = system.get(f"/processed_images/{request_id}/output.csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=products-output.csv"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_an_upload_that_is_refused_leaves_no_object(system: System, objects: S3Store) -> None:
    before = names(objects, "uploads")

    answer = system.upload("Name,Image\nCup,ftp://a/1.jpg\n")

    assert answer.status_code == 422
    assert names(objects, "uploads") == before


def test_a_file_that_is_not_there_is_not_found(system: System) -> None:
    answer = system.get("/processed_images/00000000-0000-4000-8000-000000000000/1-1.jpg")

    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")


def test_a_worker_killed_whole_makes_its_images_again_over_the_first(
    system: System, origin: Origin, objects: S3Store
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 60))))

    eventually(partial(has_progressed, system, request_id, 10))
    system.kill("worker")
    system.start_worker()

    assert_all_is_there_once(system, objects, system.completed(request_id))


def test_while_the_bucket_is_away_the_api_says_so_and_then_all_is_done(
    system: System, origin: Origin, proxy: Proxy, objects: S3Store
) -> None:
    csv = csv_of(("Cup", *photo_urls(origin, 60)))
    request_id = system.accepted(csv)
    eventually(partial(has_progressed, system, request_id, 10))

    proxy.down()
    ends_at = time.monotonic() + 3
    while time.monotonic() < ends_at:
        assert_away(system.upload(csv))
        assert_away(system.get(f"/processed_images/{request_id}/1-1.jpg"))
        assert_away(system.get("/readyz"))
        assert system.get(f"/status/{request_id}").status_code == 200
    proxy.up()

    time.sleep(OPEN_SECONDS + 0.1)  # in which a process of the API does not look for the bucket
    assert_all_is_there_once(system, objects, system.completed(request_id))
    assert system.get("/readyz").json()["storage"] == "ok"


def assert_away(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "program", [("app.py",), ("-m", "celery", "-A", "worker", "worker")], ids=["api", "worker"]
)
def test_a_bucket_that_cannot_be_used_stops_the_start_in_one_line(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251
        if not name.startswith("AZURE_")
    }
    own = {"STORAGE_URL": "az://images", "DATABASE_URL": f"sqlite:///{tmp_path}/test.db"}

    ended = subprocess.run(
        [sys.executable, *program],
        cwd=ROOT,
        env=environment | own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    last_line = ended.stderr.strip().splitlines()[-1]
    assert last_line.startswith("STORAGE_URL cannot be used: ")
    assert "Account must be specified" in last_line
