"""What a user sees of a job that goes well."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from settings import version
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of, eventually


def test_an_upload_is_answered_at_once_with_an_id_and_where_to_look(
    system: System, origin: Origin
) -> None:
    first, second = photo_urls(origin, 2)

    answer = system.upload(csv_of(("Cup", first, second)))

    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == "Pending"
    assert (body["rows"], body["images"]) == (1, 2)
    assert answer.headers["Location"] == f"/status/{body['request_id']}"
    assert body["status_url"] == f"{system.url}/status/{body['request_id']}"


def test_every_image_comes_out_at_half_its_bytes_or_less(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 10))))

    status = system.completed(request_id)

    assert status["progress"] == {
        "total": 10,
        "completed": 10,
        "failed": 0,
        "pending": 0,
        "percent": 100.0,
    }
    assert all(i["output_bytes"] <= i["input_bytes"] / 2 for i in status["images"])
    assert status["bytes_in"] == sum(i["input_bytes"] for i in status["images"])
    assert status["bytes_out"] == sum(i["output_bytes"] for i in status["images"])


def test_the_status_says_of_an_image_what_was_done_to_it(system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    request_id = system.accepted(csv_of(("Cup, blue", url)))

    (image,) = system.completed(request_id)["images"]

    assert (image["row"], image["serial_number"]) == (1, "1")
    assert (image["product_name"], image["input_url"]) == ("Cup, blue", url)
    assert (image["status"], image["attempts"], image["error"]) == ("Completed", 1, None)
    assert (image["width"], image["height"], image["format"]) == (160, 120, "jpeg")
    assert image["target_met"] is True
    assert image["missed_because"] is None


def test_an_image_takes_no_more_than_the_bytes_asked_for(system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    request_id = system.accepted(csv_of(("Cup", url)), max_bytes="900")

    status = system.completed(request_id)

    (image,) = status["images"]
    assert (status["options"]["max_bytes"], status["options"]["keep_dimensions"]) == (900, False)
    assert image["output_bytes"] <= 900
    assert image["target_met"] is True


def test_an_image_that_must_keep_its_pixels_says_why_it_is_not_smaller(
    system: System, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    request_id = system.accepted(csv_of(("Cup", url)), max_bytes="300", keep_dimensions="true")

    (image,) = system.completed(request_id)["images"]

    assert (image["width"], image["height"]) == (160, 120)
    assert (image["target_met"], image["missed_because"]) == (False, "keep_dimensions")


def test_the_output_csv_has_the_new_urls_beside_the_old(system: System, origin: Origin) -> None:
    first, second, third = photo_urls(origin, 3)
    request_id = system.accepted(csv_of(("Cup", first, second), ("Pot", third)))

    system.completed(request_id)
    cup, pot = system.output_rows(request_id)

    assert cup["Input Image Urls"] == f"{first},{second}"
    base = f"{system.url}/processed_images/{request_id}"
    assert cup["Output Image Urls"] == f"{base}/1-1.jpg,{base}/1-2.jpg"
    assert (pot["S. No."], pot["Product Name"]) == ("2", "Pot")
    assert pot["Output Image Urls"] == f"{base}/2-1.jpg"


def test_an_image_is_served_as_a_file_that_never_changes(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    (image,) = system.completed(request_id)["images"]

    answer = requests.get(image["output_url"], timeout=10)

    assert Image.open(io.BytesIO(answer.content)).size == (160, 120)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    part = requests.get(image["output_url"], headers={"Range": "bytes=0-1"}, timeout=10)
    assert (part.status_code, part.content) == (206, answer.content[:2])
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert requests.get(image["output_url"], headers=etag, timeout=10).status_code == 304


def test_a_body_of_type_text_csv_is_taken_too(system: System, origin: Origin) -> None:
    answer = requests.post(
        f"{system.url}/upload?format=webp",
        data=csv_of(("Cup", *photo_urls(origin, 1))),
        headers={"Content-Type": "text/csv"},
        timeout=10,
    )

    (image,) = system.completed(answer.json()["request_id"])["images"]
    assert image["format"] == "webp"


@pytest.mark.parametrize("field", ["csv", "csv_file", "csvFile"])
def test_the_file_may_come_under_other_names(system: System, origin: Origin, field: str) -> None:
    content = csv_of(("Cup", *photo_urls(origin, 1)))
    files = {field: ("products.csv", content)}

    assert requests.post(f"{system.url}/upload", files=files, timeout=10).status_code == 202


def test_images_come_in_pages_that_lead_on_to_each_other(system: System, origin: Origin) -> None:
    urls = photo_urls(origin, 5)
    request_id = system.accepted(csv_of(("Cup", *urls[:3]), ("Pot", *urls[3:])))

    seen = []
    following = f"{system.url}/status/{request_id}?limit=2"
    while following:
        page = requests.get(following, timeout=10).json()
        seen.append([image["input_url"] for image in page["images"]])
        following = page["next"]

    assert list(itertools.chain(*seen)) == urls
    assert [len(page) for page in seen if page] == [2, 2, 1]


def test_a_poll_for_what_has_not_changed_is_answered_304(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)

    etag = system.get(f"/status/{request_id}").headers["ETag"]

    again = system.get(f"/status/{request_id}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_poller_is_told_how_long_to_wait_until_the_job_is_done(
    system: System, origin: Origin
) -> None:
    url = origin.on("/late.jpg", content(photo(), delay=1))
    request_id = system.accepted(csv_of(("Cup", url)))

    assert system.get(f"/status/{request_id}").headers["Retry-After"] == "2"
    system.completed(request_id)
    assert "Retry-After" not in system.get(f"/status/{request_id}").headers


def test_options_of_the_upload_hold_for_its_images(system: System, origin: Origin) -> None:
    request_id = system.accepted(
        csv_of(("Cup", *photo_urls(origin, 1))), reduce_by="80", format="webp", max_width="80"
    )

    (image,) = system.completed(request_id)["images"]

    assert image["output_bytes"] <= image["input_bytes"] * 0.2
    assert (image["format"], image["width"], image["height"]) == ("webp", 80, 60)


def test_both_processes_of_a_worker_share_one_job(system: System, origin: Origin) -> None:
    eventually(lambda: len(system.worker_processes()) == 2)
    before = [cpu_ticks(pid) for pid in system.worker_processes()]
    photos = photo_urls(origin, 60, width=800, height=600)  # so that the work is in compression
    system.completed(system.accepted(csv_of(("Cup", *photos))))

    spent = [cpu_ticks(pid) - b for pid, b in zip(system.worker_processes(), before, strict=True)]

    assert min(spent) > 0.2 * sum(spent)


def cpu_ticks(pid: int) -> int:
    """The processor time that a process has used so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_health_and_readiness_are_answered(system: System) -> None:
    assert system.get("/healthz").json() == {"status": "ok", "version": version()}
    ready = eventually(lambda: is_ready(system))
    assert {name: ready[name] for name in ("database", "storage", "redis", "workers")} == (
        dict.fromkeys(("database", "storage", "redis", "workers"), "ok")
    )
    assert (ready["oldest_due_seconds"] or 0) >= 0


def is_ready(system: System) -> dict[str, Any] | None:
    """What readiness says once it is ok, soon after the start of the workers."""
    answer: dict[str, Any] = system.get("/readyz").json()
    return answer if answer["status"] == "ok" else None


def test_a_url_in_many_rows_is_fetched_once_and_has_one_new_url(
    system: System, origin: Origin
) -> None:
    shared = origin.on("/in-many-rows.jpg", content(photo(0)))
    (other,) = photo_urls(origin, 1)
    request_id = system.accepted(csv_of(("Cup", shared), ("Mug", other, shared), ("Pot", shared)))

    status = system.completed(request_id)
    cup, mug, pot = system.output_rows(request_id)

    assert origin.hits["/in-many-rows.jpg"] == 1
    assert status["progress"]["completed"] == 4
    assert status["bytes_in"] == sum(i["input_bytes"] for i in status["images"])
    new = f"{system.url}/processed_images/{request_id}/1-1.jpg"
    assert cup["Output Image Urls"] == pot["Output Image Urls"] == new
    assert mug["Output Image Urls"].endswith(f"2-1.jpg,{new}")


def test_the_output_csv_is_saved_under_the_name_of_the_upload(
    system: System, origin: Origin
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    url = system.completed(request_id)["output_csv_url"]

    disposition = system.get(url.removeprefix(system.url)).headers["Content-Disposition"]

    assert disposition == "attachment; filename=products-output.csv"


def test_the_name_of_an_upload_may_be_in_any_script(system: System, origin: Origin) -> None:
    files = {"file": ("製品.csv", csv_of(("Cup", *photo_urls(origin, 1))))}
    answer = requests.post(f"{system.url}/upload", files=files, timeout=10).json()
    url = system.completed(answer["request_id"])["output_csv_url"]

    disposition = requests.get(url, timeout=10).headers["Content-Disposition"]

    assert disposition == (
        "attachment; filename=-output.csv; filename*=UTF-8''%E8%A3%BD%E5%93%81-output.csv"
    )


def test_a_slash_at_the_end_of_a_route_changes_nothing(system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)

    for path in (f"/status/{request_id}/", "/requests/", "/healthz/", "/readyz/"):
        assert system.get(path).status_code == 200, path


def test_an_output_csv_has_the_links_of_today_when_the_address_has_changed(
    own_system: Callable[..., System], origin: Origin
) -> None:
    system = own_system()
    rows = ("Cup", *photo_urls(origin, 2)), ("Pot", origin.url("/no"))
    request_id = system.accepted(csv_of(*rows))
    system.completed(request_id)
    path = f"/processed_images/{request_id}/output.csv"
    before = system.get(path)
    system.stop("api")
    system.environment["PUBLIC_BASE_URL"] = "https://images.example"
    system.start_api()

    now = system.get(path)

    assert now.content == before.content.replace(system.url.encode(), b"https://images.example")
    assert now.content != before.content
    assert now.headers["ETag"] != before.headers["ETag"]
    part = system.get(path, headers={"Range": "bytes=-40", "If-Range": now.headers["ETag"]})
    assert (part.status_code, part.content) == (206, now.content[-40:])
    known = {"If-None-Match": now.headers["ETag"]}
    assert system.get(path, headers=known).status_code == 304
    dated = {"If-Modified-Since": before.headers["Last-Modified"]}
    assert system.get(path, headers=dated).content == now.content
    head = requests.head(f"{system.url}{path}", timeout=PATIENCE)
    assert head.headers["Content-Length"] == str(len(now.content))
