"""What a shop's importer would refuse, said before anybody tries."""

from __future__ import annotations

import pytest
import requests

from tests.acceptance.conftest import NOBODY
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of


def checked(system: System, request_id: str, target: str) -> requests.Response:
    return system.get(f"/requests/{request_id}/import-check", params={"target": target})


def test_every_image_is_checked_against_the_rules_of_the_shop(
    system: System, origin: Origin
) -> None:
    (good,), gone = photo_urls(origin, 1), origin.url("/gone.jpg")
    webp = origin.on("/cup.webp", content(photo(5, format="WEBP")))
    request_id = system.accepted(csv_of(("Cup", good, webp), ("Mug", gone)))
    system.completed(request_id)

    found = checked(system, request_id, "magento").json()

    assert (found["target"], found["checked"]) == ("magento", 3)
    assert found["counts"] == {"not_public": 3 - 1, "format": 1, "failed_image": 1}
    assert found["total"] == 3, "what is true of all links is one finding"
    of_links, format, failed = found["findings"]
    assert (of_links["row"], of_links["certainty"]) == (None, "a hint")
    assert (format["row"], format["position"], format["rule"]) == (1, 2, "format")
    assert (
        format["message"]
        == "The format of the image is WebP: Magento refuses that; it takes JPEG, GIF, PNG."
    )
    assert format["certainty"] == "certain"
    assert format["source"]["url"].startswith("https://github.com/magento/")
    assert requests.get(format["url"], timeout=9).headers["Content-Type"] == "image/webp"
    assert (failed["row"], failed["url"]) == (2, gone)
    assert "Add/Update" in found["advice"][0]


def test_an_importer_of_another_shop_may_take_the_same_images(
    system: System, origin: Origin
) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 2))))
    system.completed(request_id)

    found = checked(system, request_id, "eBay").json()

    assert found["counts"] == {"not_https": 2, "not_public": 2, "too_few_pixels": 2}


def test_an_upload_for_a_shop_passes_its_check(system: System, origin: Origin) -> None:
    webp = origin.on("/mug.webp", content(photo(6, format="WEBP", width=640, height=640)))
    request_id = system.accepted(csv_of(("Mug", webp)), **{"for": "meta"})
    status = system.completed(request_id)

    found = system.get(f"/requests/{request_id}/import-check").json()

    assert (status["options"]["for"], status["images"][0]["format"]) == ("meta", "jpeg")
    assert found["target"] == "meta"
    assert found["counts"] == {"not_public": 1}


def test_the_check_waits_for_the_end_of_a_request(system: System) -> None:
    request_id = system.accepted(csv_of(("Cup", NOBODY)))

    answer = checked(system, request_id, "shopify")

    assert (answer.status_code, answer.json()["code"]) == (409, "request_not_completed")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(("target", "code"), [("etsy", "invalid_target"), ("", "missing_target")])
def test_a_check_is_for_a_shop_that_is_known(system: System, target: str, code: str) -> None:
    request_id = system.accepted(csv_of(("Cup", NOBODY)))

    answer = checked(system, request_id, target)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert "woocommerce" in answer.json()["detail"]


def test_a_request_that_nobody_made_has_no_check(system: System) -> None:
    answer = checked(system, "00000000-0000-4000-8000-000000000000", "shopify")

    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")
