"""The list of uploads in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.acceptance.page import Page
from tests.conftest import photo_urls
from tests.origin import Origin
from tests.system import System, csv_of, eventually


def files(page: Page) -> list[str]:
    return [row[0] for row in page.cells("job-list")[1:]]


def test_uploads_are_listed_searched_and_opened(page: Page, origin: Origin) -> None:
    for name in ("autumn.csv", "spring.csv"):
        page.open(page.url)
        eventually(page.part("start").is_displayed)
        page.upload(csv_of(("Cup", *photo_urls(origin, 1))), name=name)
        page.says("state", "Completed")

    page.part("to-jobs").click()
    eventually(lambda: files(page)[:2] == ["spring.csv", "autumn.csv"])
    page.part("job-filters").find_element(By.NAME, "q").send_keys("autumn")
    eventually(lambda: files(page) == ["autumn.csv"])
    page.browser.find_element(By.LINK_TEXT, "autumn.csv").click()

    page.says("job-title", "autumn.csv")


def test_a_search_that_finds_nothing_says_so(page: Page) -> None:
    page.part("to-jobs").click()

    page.part("job-filters").find_element(By.NAME, "q").send_keys("no file has this name")

    page.says("no-jobs", "There is no such upload.")


def test_where_anybody_may_call_without_a_key_no_list_is_offered(
    browser: Chrome, own_system: Callable[..., System], tmp_path: Path
) -> None:
    page = Page(browser, own_system(OPEN="1", BEHIND_GATEWAY="1").url, tmp_path)

    eventually(page.part("start").is_displayed)

    assert not page.part("to-jobs").is_displayed()


def test_long_names_of_files_fit_a_small_phone(page: Page, origin: Origin, phone: None) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))), name=f"{60 * 'W'}.csv")
    page.says("state", "Completed")

    page.part("to-jobs").click()

    eventually(lambda: files(page) and "WWW" in files(page)[0])
    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360
