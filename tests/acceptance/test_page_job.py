"""What a person does with a request in a browser: look for images, try again, cancel, delete."""

from __future__ import annotations

import json
import re

import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.acceptance.conftest import HeldPhoto
from tests.acceptance.page import Page
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually


def names(page: Page) -> list[str]:
    """Those of the images that are shown, in their order."""
    return [row[2].splitlines()[0] for row in page.cells("images")[1:]]


def shows(page: Page, *wanted: str) -> None:
    eventually(lambda: names(page) == list(wanted))


def choose(page: Page, label: str) -> None:
    chip = f"//*[@id='filters']//label[normalize-space()='{label}']"
    page.browser.find_element(By.XPATH, chip).click()


def open_request(page: Page, system: System, csv: str, **fields: str) -> str:
    request_id = system.accepted(csv, **fields)
    page.open(f"{page.url}/#{request_id}")
    return request_id


def test_the_failed_images_alone_are_shown(page: Page, system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    open_request(page, system, csv_of(("Cup", url), ("Vase", origin.url("/nowhere.jpg"))))
    page.says("state", "Completed")

    choose(page, "Failed")
    shows(page, "Vase")
    assert page.text("shown") == "1 of 2 images shown."

    choose(page, "All")
    shows(page, "Cup", "Vase")


def test_images_that_missed_their_target_or_lost_pixels_are_shown(
    page: Page, system: System, origin: Origin
) -> None:
    table = csv_of(("Cup", *photo_urls(origin, 1)), ("Vase", origin.url("/nowhere.jpg")))
    open_request(page, system, table, reduce_by="95", keep_dimensions="1")
    page.says("state", "Completed")

    choose(page, "Target missed")
    shows(page, "Cup")
    choose(page, "Fewer pixels")
    page.says("shown", "No image is like that.")

    open_request(page, system, table, reduce_by="95")
    page.says("state", "Completed")
    choose(page, "Fewer pixels")
    shows(page, "Cup")


def test_images_are_searched_by_name_and_sorted(page: Page, system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    rows = [("Red cup", url), ("Vase", origin.url("/nowhere.jpg")), ("Blue cup", url)]
    open_request(page, system, csv_of(*rows))
    page.says("state", "Completed")

    page.named("sort").send_keys("the worst first")
    shows(page, "Vase", "Red cup", "Blue cup")
    page.named("q").send_keys("cup")
    shows(page, "Red cup", "Blue cup")
    page.named("q").send_keys("board")
    page.says("shown", "No image is like that.")


def test_failed_images_are_tried_again(page: Page, system: System, origin: Origin) -> None:
    url = origin.on("/mended.jpg", content(status=404), content(photo(3)))
    open_request(page, system, csv_of(("Cup", url)))
    page.says("failed", "1")

    page.part("retry").click()

    page.says("acted", "1 image is tried again.")
    page.says("done", "1")
    page.says("state", "Completed")
    assert not page.part("retry").is_displayed()


def test_what_is_not_done_can_be_cancelled(page: Page, system: System, held: HeldPhoto) -> None:
    open_request(page, system, csv_of(("Vase", held.url)))
    page.says("count", "0 of 1 image")

    page.part("cancel").click()

    page.says("acted", "Cancelled: 1 image is left out.")
    page.says("state", "Completed")
    assert not page.part("cancel").is_displayed()


def test_a_request_is_deleted_only_after_a_question(
    page: Page, system: System, origin: Origin
) -> None:
    request_id = open_request(page, system, csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("state", "Completed")

    page.part("delete").click()
    page.says("sure", "Delete this request?")
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)  # on “Keep it”
    eventually(lambda: not page.part("sure").is_displayed())
    assert system.get(f"/status/{request_id}").ok

    page.part("delete").click()
    page.browser.switch_to.active_element.send_keys(Keys.TAB, Keys.ENTER)

    eventually(lambda: system.get(f"/status/{request_id}").status_code == 404)
    eventually(lambda: not page.part("job").is_displayed())


def test_each_attempt_at_the_webhook_is_listed_and_it_is_sent_again(
    page: Page, system: System, origin: Origin
) -> None:
    receiver = origin.on("/panel-webhook", content(status=503), content(status=204))
    csv = csv_of(("Cup", *photo_urls(origin, 1)))
    open_request(page, system, csv, webhook_url=receiver)
    page.says("webhook", f"{receiver} was told.")

    page.part("webhook-panel").find_element(By.TAG_NAME, "summary").click()
    eventually(lambda: len(page.cells("attempts")) == 1 + 2)
    answers = [row[1] for row in page.cells("attempts")[1:]]
    assert "503" in answers[0]
    assert answers[1:] == ["The receiver answered 204."]
    page.part("notify").click()

    eventually(lambda: len(page.cells("attempts")) == 1 + 3)


def test_what_a_receiver_is_told_can_be_read(page: Page, system: System, origin: Origin) -> None:
    receiver = origin.on("/told-webhook", content())
    csv = csv_of(("Cup", *photo_urls(origin, 1)))
    open_request(page, system, csv, webhook_url=receiver)
    page.says("webhook", f"{receiver} was told.")

    page.part("webhook-panel").find_element(By.TAG_NAME, "summary").click()
    page.part("told").find_element(By.TAG_NAME, "summary").click()

    page.says("told-body", "request.completed")
    (sent,) = [each.body for each in origin.received if each.path == "/told-webhook"]
    assert json.loads(page.part("told-body").text) == json.loads(sent)


def test_every_table_and_the_archive_can_be_downloaded(
    page: Page, system: System, origin: Origin
) -> None:
    rows = [("Cup", *photo_urls(origin, 1)), ("Vase", origin.url("/nowhere.jpg"))]
    open_request(page, system, csv_of(*rows))
    page.says("files", "More to download")

    page.part("files").find_element(By.TAG_NAME, "summary").click()

    links = [
        link for link in page.part("files").find_elements(By.TAG_NAME, "a") if link.is_displayed()
    ]
    shown = ["output.csv", "import.csv", "report.csv", "failed.csv", "images.zip"]
    assert [link.text for link in links] == shown
    assert all(requests.get(str(link.get_property("href")), timeout=10).ok for link in links)


HIDE = """
Object.defineProperty(document, "hidden", { configurable: true, value: arguments[0] });
document.dispatchEvent(new Event("visibilitychange"));
"""


def test_a_hidden_tab_rests_until_it_is_seen(page: Page, system: System, held: HeldPhoto) -> None:
    request_id = open_request(page, system, csv_of(("Vase", held.url)))
    page.says("count", "0 of 1 image")

    page.browser.execute_script(HIDE, True)  # a browser without a screen hides no tab
    held.release()
    system.completed(request_id)
    page.says("count", "0 of 1 image")
    page.browser.execute_script(HIDE, False)

    page.says("state", "Completed")


def test_a_job_at_work_says_how_fast_it_goes_and_how_long_it_will_take(
    page: Page, system: System, origin: Origin
) -> None:
    slow = [origin.on(f"/slow-{i}.jpg", content(photo(i), delay=1.5)) for i in range(60)]
    open_request(page, system, csv_of(("Cup", *slow)))

    page.says("count", "left")
    assert re.search(r"of 60 images · .+ · about \d+ (s|min) left$", page.text("count"))
    page.part("cancel").click()
    page.says("state", "Completed")
    assert page.text("count") == "60 of 60 images"
