"""Before and after of an image in a browser, by clicks and keys."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.acceptance.page import Page
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually


def press(page: Page, *keys: str) -> None:
    page.browser.switch_to.active_element.send_keys(*keys)


def width(page: Page, element_id: str) -> object:
    return page.part(element_id).get_property("naturalWidth")


@pytest.fixture
def compared(page: Page, system: System, origin: Origin) -> Page:
    """A cup and a plate, whose first picture is open."""
    cup, plate = photo_urls(origin, 2)
    page.open(f"{page.url}/#{system.accepted(csv_of(('Cup', cup), ('Plate', plate)))}")
    page.says("state", "Completed")
    page.browser.find_element(By.CSS_SELECTOR, ".look").click()
    page.says("compare-title", "Cup")
    return page


def test_the_original_is_loaded_from_its_own_address_and_not_told_from_where(
    compared: Page, origin: Origin
) -> None:
    eventually(lambda: width(compared, "compare-before") == 160)
    eventually(lambda: width(compared, "compare-after") == 160)

    by_browser = [each for each in origin.received if each.path == "/photo-0.jpg"][-1]
    assert "Referer" not in by_browser.headers
    assert "Chrome" in by_browser.headers["User-Agent"]


def test_arrows_lead_to_the_next_image_and_move_the_slider(compared: Page) -> None:
    press(compared, Keys.ARROW_RIGHT)
    compared.says("compare-title", "Plate")
    press(compared, Keys.ARROW_LEFT)
    compared.says("compare-title", "Cup")

    compared.part("slider").send_keys(Keys.ARROW_RIGHT)

    compared.says("compare-title", "Cup")
    assert compared.part("slider").get_property("value") == "51"


def test_keys_show_the_whole_original_and_every_pixel(compared: Page) -> None:
    eventually(lambda: width(compared, "compare-before") == 160)
    frame = compared.part("frame")

    press(compared, "o")
    assert compared.part("slider").get_property("value") == "100"
    press(compared, "o")
    assert compared.part("slider").get_property("value") == "50"

    press(compared, "1")
    eventually(lambda: frame.size == {"width": 160, "height": 120})


def test_escape_leads_back_to_the_picture(compared: Page) -> None:
    press(compared, Keys.ARROW_RIGHT)
    compared.says("compare-title", "Plate")

    press(compared, Keys.ESCAPE)

    eventually(lambda: not compared.part("compare").is_displayed())
    focused = compared.browser.switch_to.active_element
    assert "Plate" in str(focused.get_dom_attribute("aria-label"))


def test_an_original_that_can_t_be_shown_says_so(
    page: Page, system: System, origin: Origin
) -> None:
    url = origin.on("/once.jpg", content(photo(5)), content(status=404))
    page.open(f"{page.url}/#{system.accepted(csv_of(('Cup', url)))}")
    page.says("state", "Completed")

    page.browser.find_element(By.CSS_SELECTOR, ".look").click()

    page.says("no-before", "be shown here: it is gone")
