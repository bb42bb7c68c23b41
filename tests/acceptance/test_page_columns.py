"""What a person sees of a file's columns before it is uploaded, and how they are corrected."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.acceptance.page import Page
from tests.conftest import photo_urls
from tests.origin import Origin


def taken_for(page: Page) -> dict[str, str]:
    """The columns of the chosen file that are used, with what for."""
    rows = page.part("column-rows").find_elements(By.CSS_SELECTOR, "tr.used")
    return {
        row.find_element(By.CLASS_NAME, "column").text: Select(
            row.find_element(By.TAG_NAME, "select")
        ).first_selected_option.text
        for row in rows
    }


def correct(page: Page, column: str, role: str) -> None:
    choice = page.part("column-rows").find_element(
        By.CSS_SELECTOR, f"select[aria-label='What {column} is']"
    )
    Select(choice).select_by_visible_text(role)
    page.columns_are_known()


def test_a_chosen_file_shows_what_its_columns_were_taken_for(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)

    page.choose(f"SKU,Title,Image Src,Price\nA-1,Cup,{url},3\n")

    page.says("columns-found", "1 row with 1 image found.")
    assert taken_for(page) == {
        "SKU": "serial number",
        "Title": "product name",
        "Image Src": "image URLs",
    }
    assert "because its name is known" in page.text("preview")


def test_a_column_that_was_taken_for_another_is_corrected(page: Page, origin: Origin) -> None:
    cup, plate = photo_urls(origin, 2)
    page.choose(f'Title,Image Src,"Bild, gross",Artikel\nCup,{cup},{plate},Tasse\n')

    correct(page, "Bild, gross", "image URLs")
    correct(page, "Image Src", "not used")
    correct(page, "Artikel", "product name")
    focused = page.browser.switch_to.active_element
    assert focused.get_dom_attribute("aria-label") == "What Artikel is"
    assert taken_for(page) == {"Bild, gross": "image URLs", "Artikel": "product name"}
    page.part("send").click()

    page.says("state", "Completed")
    (row,) = page.cells("images")[1:]
    assert row[2].startswith("Tasse")
    link = page.browser.find_element(By.LINK_TEXT, "before")
    assert link.get_property("href") == plate


def test_another_column_is_taken_for_the_sku(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    page.choose(f"SKU,EAN,Image Src\nA-1,4006381333931,{url}\n")

    correct(page, "EAN", "serial number")
    assert taken_for(page) == {"EAN": "serial number", "Image Src": "image URLs"}
    page.part("send").click()

    page.says("state", "Completed")
    assert "4006381333931" in page.cells("images")[1][2]


def test_problems_are_shown_before_anything_is_sent_and_can_be_left_out(
    page: Page, origin: Origin
) -> None:
    (url,) = photo_urls(origin, 1)
    page.choose(f"Title,Image Src\nCup,{url}\nVase,cup.jpg\n")

    page.says("refused", "1 problem")
    _, problem = page.cells("faults")
    assert problem[:3] == ["2", "3", "Image Src"]
    hint = "The option “Address of images with only a file name” joins file names"
    assert hint in problem[3]
    page.part("options").find_element(By.TAG_NAME, "summary").click()
    Select(page.named("on_error")).select_by_visible_text("leave them out")
    page.says("refused", "Rows with a problem are left out of the job")
    page.part("send").click()

    page.says("count", "1 of 1 image")


def test_long_names_of_columns_fit_a_small_phone(page: Page, origin: Origin, phone: None) -> None:
    (url,) = photo_urls(origin, 1)

    page.choose(f"Title,Image Src,{60 * 'W'}\nCup,{url},{60 * 'V'}\n")

    page.says("preview", "WWW")
    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360
