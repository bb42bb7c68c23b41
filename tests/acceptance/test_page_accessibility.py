"""What axe finds in the page: each of its states, light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.acceptance.conftest import HeldPhoto
from tests.acceptance.page import Page
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import ROOT, System, csv_of, eventually

AXE = ROOT / "tests/node/node_modules/axe-core/axe.min.js"
FIND = """
const answer = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => answer(
  violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact} ${id}: ${target} ${failureSummary}`))));
"""


@pytest.fixture
def found(browser: Chrome) -> Iterator[Callable[[], dict[str, list[str]]]]:
    """What axe has against the page as it is now, in each of its looks."""

    def look_at(width: int, scheme: str) -> list[str]:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        chosen = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in chosen.items()]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        violations: list[str] = browser.execute_async_script(FIND)
        return violations

    def look() -> dict[str, list[str]]:
        # WebDriver's scripts come from outside of the page, whose policy has no say in them.
        browser.execute_script(f"window.axe || (() => {{ {AXE.read_text()} }})()")
        looks = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
        seen = {f"{width} px, {scheme}": look_at(width, scheme) for width, scheme in looks}
        return {each: violations for each, violations in seen.items() if violations}

    yield look
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


Found = Callable[[], dict[str, list[str]]]


def unfold(page: Page, *element_ids: str) -> None:
    for element_id in element_ids:
        page.part(element_id).find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)


def test_the_start_with_its_options(page: Page, found: Found) -> None:
    unfold(page, "options")

    assert found() == {}


def test_the_columns_of_a_file(page: Page, origin: Origin, found: Found) -> None:
    page.choose(csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("preview", "Input Image Urls")

    assert found() == {}


def test_a_refused_file(page: Page, found: Found) -> None:
    page.upload(csv_of(("Cup", "ftp://shop.example/1.jpg"), ("Plate", "cup.jpg")))
    page.says("refused", "mend these 2 problems")

    assert found() == {}


def test_a_request_under_way(page: Page, origin: Origin, held: HeldPhoto, found: Found) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1)), ("Vase", held.url)))
    page.says("count", "1 of 2 images")

    assert found() == {}


def test_a_completed_request(page: Page, origin: Origin, found: Found) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 2))))
    page.says("state", "Completed")

    assert found() == {}


def test_failures_with_all_panels_open(
    page: Page, system: System, origin: Origin, found: Found
) -> None:
    webp = origin.on("/for-axe.webp", content(photo(5, format="WEBP")))
    hook = origin.on("/axe-webhook", content(status=204))
    csv = csv_of(("Cup", webp), ("Mug", origin.url("/gone.jpg")))
    page.open(f"{page.url}/#{system.accepted(csv, webhook_url=hook)}")
    page.says("webhook", "was told.")

    unfold(page, "files", "import-check", "webhook-panel")
    Select(page.part("target")).select_by_visible_text("Magento")
    page.says("check-words", "findings")

    assert found() == {}


def test_before_and_after(page: Page, origin: Origin, found: Found) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 2))))
    page.says("state", "Completed")
    page.browser.find_element(By.CSS_SELECTOR, ".look").click()
    page.says("compare-title", "Cup")

    assert found() == {}


def test_the_list_of_uploads(page: Page, system: System, origin: Origin, found: Found) -> None:
    system.completed(system.accepted(csv_of(("Cup", *photo_urls(origin, 1)))))
    page.part("to-jobs").click()
    eventually(lambda: "products.csv" in page.text("job-list"))

    assert found() == {}


def test_the_question_before_a_request_is_deleted(page: Page, origin: Origin, found: Found) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("state", "Completed")
    page.part("delete").click()

    assert found() == {}


def test_the_operator_s_page(page: Page, system: System, origin: Origin, found: Found) -> None:
    system.completed(system.accepted(csv_of(("Mug", origin.url("/gone.jpg")))))
    page.part("to-operator").click()
    page.says("failures", "http_404")

    assert found() == {}


def test_a_link_to_nothing(page: Page, found: Found) -> None:
    page.open(f"{page.url}/#00000000-0000-0000-0000-000000000000")
    page.says("trouble", "There is no request")

    assert found() == {}


def test_the_sign_in(
    browser: Chrome, own_system: Callable[..., System], tmp_path: Path, found: Found
) -> None:
    page = Page(browser, own_system(OPEN="0").url, tmp_path)
    page.says("sign-in", "Sign in with your key")
    page.part("key").send_keys("img_wrong", Keys.ENTER)
    page.says("not-signed-in", "There is no such API key")

    assert found() == {}


def test_the_description_of_the_api(page: Page, found: Found) -> None:
    page.open(f"{page.url}/docs")
    page.says("getStatus", "/status/{request_id}")

    assert found() == {}
