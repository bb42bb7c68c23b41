"""The operator's page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.acceptance.page import Page
from tests.acceptance.test_api_keys import new_user
from tests.acceptance.test_operator import host_of, look, urls_of_other_host
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually


@pytest.fixture
def running(own_system: Callable[..., System]) -> System:
    """Nobody else's work is paused by these tests."""
    return own_system(OPEN="")


@pytest.fixture
def page(browser: Chrome, running: System, tmp_path: Path) -> Page:
    opened = Page(browser, running.url, tmp_path)
    eventually(opened.part("to-operator").is_displayed)
    opened.part("to-operator").click()
    opened.says("work-state", "Work goes on")
    return opened


def paused(page: Page) -> list[str]:
    return [row[0] for row in page.cells("pauses")[1:]]


def test_all_work_is_paused_and_goes_on_by_a_button(
    page: Page, running: System, origin: Origin
) -> None:
    page.part("pause-all").click()
    page.says("work-state", "All work is paused")
    page.says("operated", "All work is paused.")
    request_id = running.accepted(csv_of(("Cup", *photo_urls(origin, 2))))
    page.says("waiting-images", "2")

    page.part("pause-all").click()

    page.says("work-state", "Work goes on")
    running.completed(request_id)
    page.says("waiting-images", "0")
    assert page.complains() == []


def test_a_host_is_paused_by_its_url_and_goes_on_by_keys_alone(
    page: Page, running: System, origin: Origin
) -> None:
    host, (url,) = host_of(origin), urls_of_other_host(origin, 1)
    page.part("pause-host").find_element(By.NAME, "host").send_keys(url, Keys.ENTER)
    eventually(lambda: paused(page) == [host])
    page.says("operated", f"{host} is paused. No image waits for it now.")
    assert look(running)["pauses"][0]["host"] == host
    request_id = running.accepted(csv_of(("Cup", url)))
    eventually(lambda: page.cells("pauses")[1][2] == "1")

    keys = page.browser.switch_to.active_element
    keys.send_keys(Keys.SHIFT, Keys.TAB)
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)

    eventually(lambda: paused(page) == [])
    page.says("operated", f"{host} goes on.")
    running.completed(request_id)


def test_what_fails_is_listed_and_its_host_paused_beside_it(
    page: Page, running: System, origin: Origin
) -> None:
    running.completed(running.accepted(csv_of(("Cup", origin.on("/x.jpg", content(status=404))))))
    eventually(lambda: len(page.cells("failures")) == 2)
    host, code, last_hour, *_ = page.cells("failures")[1]
    assert (host, code, last_hour) == (f"127.0.0.1:{origin.address[1]}", "http_404", "1")
    page.says("processes", ":")

    button = page.part("failures").find_element(By.TAG_NAME, "button")
    button.click()

    eventually(lambda: paused(page) == [host])
    eventually(lambda: button.text == "Resume")  # the same one, which keeps the focus
    assert page.browser.switch_to.active_element == button


def test_what_is_no_host_is_said_in_words(page: Page) -> None:
    page.part("pause-host").find_element(By.NAME, "host").send_keys("two words", Keys.ENTER)

    page.says("operated", "The host is named as URLs have it")
    assert paused(page) == []


def test_a_service_that_is_away_is_said_and_looked_for_again(page: Page, running: System) -> None:
    running.stop("api")
    page.says("operator-trouble", "The service does not answer.")

    running.start_api()

    eventually(lambda: not page.part("operator-trouble").is_displayed())


def test_only_an_admin_is_offered_the_page(
    browser: Chrome, own_system: Callable[..., System], tmp_path: Path
) -> None:
    closed = own_system(OPEN="0")
    for options, is_offered in (((), False), (("--scope", "admin"), True)):
        page = Page(browser, closed.url, tmp_path)
        eventually(page.part("sign-in").is_displayed)
        page.part("key").send_keys(new_user(closed, "", *options).key, Keys.ENTER)
        eventually(page.part("sign-out").is_displayed)

        assert page.part("to-operator").is_displayed() is is_offered

        page.part("sign-out").click()


def test_long_names_of_hosts_fit_a_small_phone(
    page: Page, running: System, origin: Origin, phone: None
) -> None:
    name = f"{60 * 'w'}.{60 * 'x'}.example"
    page.part("pause-host").find_element(By.NAME, "host").send_keys(name, Keys.ENTER)
    eventually(lambda: paused(page) == [name])
    running.completed(running.accepted(csv_of(("Cup", f"http://{60 * 'y'}.invalid/1.jpg"))))
    eventually(lambda: len(page.cells("failures")) > 1)

    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360
