"""What goes back into the shop: tables with the new URLs, and the images in one archive."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import PATIENCE, System, csv_of

OwnSystem = Callable[..., System]
MADE = ("import.csv", "report.csv", "failed.csv", "images.zip")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def made(system: System, request_id: str, name: str) -> requests.Response:
    return system.get(f"/processed_images/{request_id}/{name}")


def test_the_table_for_the_shop_is_the_upload_with_new_urls(system: System, origin: Origin) -> None:
    (good, other), gone = photo_urls(origin, 2), origin.url("/gone.jpg")
    upload = (
        "\ufeffHandle;Title;Price;Images\r\n"
        f"\r\ncup;=Cup;1,50;{good}\r\n"
        f'mug;"Mug ""XL""";"2";"{gone}, {other}"'
    )
    request_id = system.accepted(upload)

    status = system.completed(request_id)

    new = f"{system.url}/processed_images/{request_id}"
    expected = upload.replace(good, f"{new}/1-1.jpg").replace(other, f"{new}/2-2.jpg")
    assert system.get(urlsplit(status["import_csv_url"]).path).content == expected.encode()


def test_the_rows_with_failed_images_can_be_mended_and_uploaded(
    system: System, origin: Origin
) -> None:
    (good,), gone = photo_urls(origin, 1), origin.url("/gone.jpg")
    request_id = system.accepted(f"Name,Image\nCup,{good}\n=Mug,{gone}\nPot,\n")

    status = system.completed(request_id)

    failed = system.get(urlsplit(status["failed_csv_url"]).path).text
    assert failed == f"Name,Image\n=Mug,{gone}\n"
    mended = system.completed(system.accepted(failed.replace(gone, good)))
    assert mended["progress"]["completed"] == 1
    assert mended["failed_csv_url"] is None


def test_the_report_has_a_line_for_each_image(system: System, origin: Origin) -> None:
    (good,), gone = photo_urls(origin, 1), origin.url("/gone.jpg")
    request_id = system.accepted(csv_of(("=Cup", good, gone)))

    status = system.completed(request_id)
    report = system.get(urlsplit(status["report_csv_url"]).path).text

    first, second = csv.DictReader(io.StringIO(report))
    image, failed = status["images"]
    assert (first["row"], first["position"], first["serial_number"]) == ("1", "1", "1")
    assert first["product_name"] == "'=Cup"
    assert (first["input_url"], first["output_url"]) == (good, image["output_url"])
    assert (first["status"], first["target_met"], first["attempts"]) == ("Completed", "true", "1")
    assert first["output_bytes"] == str(image["output_bytes"])
    assert float(first["saved_percent"]) >= 50
    assert (second["status"], second["error_code"]) == ("Failed", "http_404")
    assert (second["error_message"], second["output_url"]) == (failed["error"]["message"], "")


def test_the_archive_has_every_image_once_in_the_order_of_the_rows(
    system: System, origin: Origin
) -> None:
    first, second = photo_urls(origin, 2)
    request_id = system.accepted(csv_of(("Cup", first), ("Mug", second, first)))

    status = system.completed(request_id)
    sent = system.get(urlsplit(status["images_zip_url"]).path).content

    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["1-1.jpg", "2-1.jpg"]
        served = made(system, request_id, "1-1.jpg").content
        assert archive.read("1-1.jpg") == served


@pytest.mark.parametrize("name", MADE)
def test_they_are_files_that_a_browser_saves_under_the_name_of_the_upload(
    system: System, origin: Origin, name: str
) -> None:
    files = {"file": ("Hüte.csv", csv_of(("Cup", *photo_urls(origin, 1))))}
    answer = requests.post(f"{system.url}/upload", files=files, timeout=PATIENCE).json()
    system.completed(answer["request_id"])

    headers = made(system, answer["request_id"], name).headers

    kind = "application/zip" if name == "images.zip" else "text/csv; charset=utf-8"
    assert headers["Content-Type"] == kind
    assert headers["Content-Disposition"] == (
        f"attachment; filename=Hute-{name}; filename*=UTF-8''H%C3%BCte-{name}"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", MADE)
def test_one_that_the_client_has_already_is_not_made_again(
    system: System, origin: Origin, name: str
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)
    url = f"{system.url}/processed_images/{request_id}/{name}"

    etag = requests.head(url, timeout=PATIENCE).headers["ETag"]

    assert requests.get(url, headers={"If-None-Match": etag}, timeout=PATIENCE).status_code == 304
    assert requests.post(url, timeout=PATIENCE).status_code == 405


@pytest.mark.parametrize("name", MADE)
def test_they_are_refused_until_the_request_is_completed(own_system: OwnSystem, name: str) -> None:
    system = own_system()
    system.kill("worker")
    request_id = system.accepted(csv_of(("Cup", "http://127.0.0.1:8/cup.jpg")))

    answer = made(system, request_id, name)

    assert (answer.status_code, answer.json()["code"]) == (409, "request_not_completed")
    assert answer.headers["Retry-After"]
    assert system.status(request_id)[f"{name.replace('.', '_')}_url"] is None
    assert made(system, UNKNOWN, name).status_code == 404


def test_a_table_whose_upload_is_gone_is_not_found(own_system: OwnSystem, origin: Origin) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))
    system.completed(request_id)
    (system.folder / "uploads" / f"{request_id}.csv").unlink()

    for name in ("import.csv", "failed.csv") * 3:
        answer = made(system, request_id, name)
        assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert made(system, request_id, "report.csv").status_code == 200


def test_an_image_whose_file_is_gone_is_left_out_of_the_archive(
    own_system: OwnSystem, origin: Origin
) -> None:
    system = own_system()
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 3))))
    system.completed(request_id)
    (system.folder / "processed" / request_id / "1-2.jpg").unlink()

    with zipfile.ZipFile(io.BytesIO(made(system, request_id, "images.zip").content)) as archive:
        assert archive.namelist() == ["1-1.jpg", "1-3.jpg"]


def test_a_completed_request_says_what_is_wrong_with_the_catalogue(
    system: System, origin: Origin
) -> None:
    (first, second), gone = photo_urls(origin, 2), origin.url("/gone.jpg")
    again = origin.on("/the-first-under-another-name.jpg", content(photo(0)))
    rows = f"a,Cup,{first}\na,Cup,{second}\na,Cup,{second}\nb,Mug,{again} {gone}\n"

    status = system.completed(
        system.accepted(f"SKU,Name,Image\n{rows}", max_bytes="300", keep_dimensions="1")
    )
    report = system.get(urlsplit(status["report_csv_url"]).path).text

    assert status["faults"] == {
        "dead_links": 1, "lost_pixels": 0, "missed_targets": 4, "shared_pictures": 1,
    }  # fmt: skip
    hashes = [line["content_hash"] for line in csv.DictReader(io.StringIO(report))]
    assert hashes[0] == hashes[3] != hashes[1] == hashes[2] != hashes[4] == ""


def test_a_picture_of_several_variants_is_not_one_of_several_products(
    system: System, origin: Origin
) -> None:
    (own, shared) = photo_urls(origin, 2)
    rows = f"cup,Cup,C-1,{own}\ncup,,C-2,{own}\nmug,Mug,M-1,{shared}\npot,Pot,P-1,{shared}\n"

    request_id = system.accepted(f"Handle,Title,Variant SKU,Image Src\n{rows}", names="sku")
    status = system.completed(request_id)

    assert status["faults"]["shared_pictures"] == 1
    names = [image["output_url"].rpartition("/")[2][:8] for image in status["images"]]
    assert names == ["c-1-1-1-", "c-1-1-1-", "m-1-3-1-", "m-1-3-1-"]


@pytest.mark.parametrize(
    ("names", "begin"), [("sku", "a-7"), ("name", "blue-cup"), ("source", "photo-0")]
)
def test_images_are_named_as_the_upload_asks_for(
    system: System, origin: Origin, names: str, begin: str
) -> None:
    (good,), gone = photo_urls(origin, 1), origin.url("/gone-at-first.jpg")
    request_id = system.accepted(f"SKU,Name,Image\nA 7,Blue Cup,{gone} {good}\n", names=names)
    status = system.completed(request_id)
    digest = hashlib.sha256(requests.get(status["images"][1]["output_url"], timeout=9).content)

    origin.on("/gone-at-first.jpg", content(photo(8)))
    requests.post(f"{system.url}/requests/{request_id}/retry", timeout=PATIENCE)
    first, second = system.completed(request_id)["images"]

    assert status["options"]["names"] == names
    assert second["output_url"].endswith(f"/{begin}-1-2-{digest.hexdigest()[:8]}.jpg")
    assert requests.get(first["output_url"], timeout=PATIENCE).status_code == 200
    archive = made(system, request_id, "images.zip").content
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == [
        image["output_url"].rpartition("/")[2] for image in (first, second)
    ]
