"""What a person sees in a browser: Chromium on the real page, the real API and a real worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from database import Database
from tests.acceptance.conftest import HeldPhoto
from tests.acceptance.page import Page
from tests.conftest import photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually
from work_queue import api_keys

HOSTILE = '<img src=x onerror="document.title=1">'

WIDER_THAN_THEIR_CELLS = """
return [...document.querySelectorAll("#images tbody td")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent);
"""


def test_an_upload_is_watched_until_all_its_images_are_there(page: Page, origin: Origin) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 2)), ("Plate", *photo_urls(origin, 1))))

    page.says("state", "Completed")
    assert page.text("job-title") == "products.csv"
    assert (page.text("done"), page.text("failed"), page.text("waiting")) == ("3", "0", "0")
    names = [row[2].splitlines()[0] for row in page.cells("images")[1:]]
    assert names == ["Cup", "Cup", "Plate"]


def test_a_csv_can_be_dropped_on_the_page(page: Page, origin: Origin) -> None:
    page.drop(csv_of(("Cup", *photo_urls(origin, 1))), "dropped.csv")
    page.says("chosen", "dropped.csv")

    page.part("send").click()

    page.says("state", "Completed")


def test_the_bar_stands_where_the_work_stands(page: Page, origin: Origin, held: HeldPhoto) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1)), ("Vase", held.url)))

    eventually(lambda: page.text("done") == "1")
    bar = page.part("part")
    assert (bar.get_property("value"), bar.get_property("max")) == (1, 2)
    assert page.text("waiting") == "1"
    held.release()
    page.says("count", "2 of 2 images")


def test_the_finished_csv_can_be_downloaded(page: Page, origin: Origin) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("csv", "Download the CSV")

    csv = requests.get(str(page.part("csv").get_property("href")), timeout=10).text

    header, row = csv.splitlines()
    assert "Output Image Urls" in header
    assert "/processed_images/" in row


def test_each_new_image_is_shown_and_linked(page: Page, origin: Origin) -> None:
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("state", "Completed")

    (thumbnail,) = page.browser.find_elements(By.CSS_SELECTOR, ".picture img")
    eventually(lambda: thumbnail.get_property("naturalWidth") == 160)
    link = page.browser.find_element(By.LINK_TEXT, "after").get_property("href")
    assert requests.get(str(link), timeout=10).headers["Content-Type"] == "image/jpeg"


def test_an_image_with_fewer_pixels_says_how_many(page: Page, origin: Origin) -> None:
    page.part("options").find_element(By.TAG_NAME, "summary").click()
    page.part("options").find_element(By.NAME, "max_width").send_keys("80")
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))

    page.says("state", "Completed")

    words = "now 80 \N{MULTIPLICATION SIGN} 60 pixels"
    assert any(words in cell for cell in page.cells("images")[1])
    assert page.browser.execute_script(WIDER_THAN_THEIR_CELLS) == []


def test_an_image_with_fewer_pixels_fits_a_small_phone(
    page: Page, system: System, origin: Origin, phone: None
) -> None:
    csv = csv_of(("Cup", *photo_urls(origin, 1)))
    request_id = system.accepted(csv, max_width="80")
    system.completed(request_id)

    page.open(f"{page.url}/#{request_id}")
    page.says("images", "now 80 \N{MULTIPLICATION SIGN} 60 pixels")

    assert page.browser.execute_script(WIDER_THAN_THEIR_CELLS) == []
    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360


def test_a_failed_image_says_why(page: Page, origin: Origin) -> None:
    page.upload(csv_of(("Cup", origin.url("/nowhere.jpg"))))

    page.says("failed", "1")
    outcome = page.cells("images")[1][-1]
    assert outcome.split() == ["Failed", "The", "server", "answered", "404", "Not", "Found."]


def test_a_refused_csv_lists_each_problem_with_its_place(page: Page) -> None:
    page.upload(csv_of(("Cup", "ftp://shop.example/1.jpg"), ("Plate", "cup.jpg")))

    page.says("refused", "mend these 2 problems")
    _, first, second = page.cells("faults")
    assert first[:3] == ["1", "2", "Input Image Urls"]
    assert "must begin with http:// or https://" in first[3]
    assert second[:2] == ["2", "3"]


def test_a_mended_csv_is_taken_after_a_refusal(page: Page, origin: Origin) -> None:
    page.upload(csv_of(("Cup", "cup.jpg")))
    page.says("refused", "mend this problem")
    assert page.text("chosen") == "or drop it here"  # Chromium would not send a changed file

    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))

    page.says("state", "Completed")


def test_a_wrong_option_is_shown_and_marked(page: Page, origin: Origin) -> None:
    page.part("options").find_element(By.TAG_NAME, "summary").click()
    webhook = page.part("options").find_element(By.NAME, "webhook_url")
    webhook.send_keys("ftp://shop.example/hook")

    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))

    page.says("refused", "webhook_url begins with ftp:")
    assert webhook.get_dom_attribute("aria-invalid") == "true"


def test_the_webhook_s_fate_is_told(page: Page, origin: Origin) -> None:
    receiver = origin.on("/page-webhook", content(status=204))
    page.part("options").find_element(By.TAG_NAME, "summary").click()
    page.part("options").find_element(By.NAME, "webhook_url").send_keys(receiver)

    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))

    page.says("webhook", f"{receiver} was told.")


def test_a_file_that_is_too_large_is_not_even_sent(page: Page) -> None:
    page.upload("x" * 2_000_000)

    page.says("refused", "It has 2 MB; 1.05 MB are taken at most.")


def test_names_with_markup_in_them_are_shown_as_text(page: Page, origin: Origin) -> None:
    page.upload(csv_of((HOSTILE, *photo_urls(origin, 1))), name="<b>products<b>.csv")

    page.says("state", "Completed")
    assert page.text("job-title") == "<b>products<b>.csv"
    assert page.cells("images")[1][2].startswith(HOSTILE)
    assert page.browser.title == "Completed · <b>products<b>.csv"


def test_a_reload_goes_on_watching(page: Page, held: HeldPhoto) -> None:
    page.upload(csv_of(("Vase", held.url)))
    page.says("count", "0 of 1 image")

    page.browser.refresh()
    held.release()

    page.says("state", "Completed")
    assert page.text("job-title") == "products.csv"


def test_a_shared_link_shows_the_same_request(page: Page, system: System, origin: Origin) -> None:
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))

    page.open(f"{page.url}/#{request_id}")

    page.says("state", "Completed")


def test_an_unknown_link_says_so(page: Page) -> None:
    page.open(f"{page.url}/#00000000-0000-0000-0000-000000000000")

    page.says("trouble", "There is no request 00000000-0000-0000-0000-000000000000.")


def test_more_images_come_as_one_scrolls_down(page: Page, system: System, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    page.open(f"{page.url}/#{system.accepted(csv_of(*[('Cup', url)] * 150))}")
    page.says("state", "Completed")
    assert page.text("shown") == "100 of 150 images shown."

    page.browser.execute_script("scrollTo(0, document.body.scrollHeight)")

    eventually(lambda: len(page.cells("images")) == 1 + 150)
    eventually(lambda: not page.part("more").is_displayed())


def test_while_the_service_is_away_the_page_says_so_and_goes_on(
    page: Page, held: HeldPhoto, offline: Callable[[bool], Any]
) -> None:
    page.upload(csv_of(("Vase", held.url)))
    page.says("count", "0 of 1 image")

    offline(True)
    page.says("trouble", "The service does not answer. This page keeps trying")
    offline(False)
    held.release()

    page.says("state", "Completed")
    assert page.text("trouble") == ""


@pytest.fixture
def offline(browser: Chrome) -> Iterator[Callable[[bool], Any]]:
    """Takes the browser off the network and back."""

    def switch(is_offline: bool) -> None:
        browser.set_network_conditions(
            offline=is_offline, latency=0, download_throughput=-1, upload_throughput=-1
        )

    yield switch
    browser.delete_network_conditions()


def test_the_browser_has_nothing_to_complain_about(page: Page, origin: Origin) -> None:
    page.complains()  # what earlier tests provoked
    page.browser.refresh()

    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))

    page.says("state", "Completed")
    page.browser.refresh()
    page.says("state", "Completed")
    assert page.complains() == []


LOADED = """
const answer = arguments[0];
const all = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
answer(all.map(({ name, transferSize }) => [name, transferSize]));
"""


def test_the_first_load_is_small_and_asks_no_other_host(page: Page) -> None:
    page.browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    page.open("about:blank")
    page.open(page.url)
    eventually(page.part("start").is_displayed)

    loaded = dict(page.browser.execute_async_script(LOADED))

    assert f"{page.url}/static/words.js" in loaded
    assert all(address.startswith(f"{page.url}/") for address in loaded)
    assert all(loaded.values())  # none came from a cache
    assert sum(loaded.values()) < 120_000, loaded


def test_the_page_s_files_are_packed_for_whom_takes_gzip_and_kept_by_browsers(
    system: System,
) -> None:
    plain = system.get("/static/words.js", headers={"Accept-Encoding": "identity"})
    packed = system.get("/static/words.js", headers={"Accept-Encoding": "gzip"})
    etag = {"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"}

    assert "Content-Encoding" not in plain.headers
    assert (packed.headers["Content-Encoding"], packed.text) == ("gzip", plain.text)
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert system.get("/static/words.js", headers=etag).status_code == 304
    assert "Content-Encoding" not in system.get("/static/example-after.jpg").headers


def test_the_page_may_run_no_script_or_style_that_stands_in_it(system: System) -> None:
    answer = system.get("/")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)


def test_nothing_is_cut_off_on_a_small_phone(page: Page, origin: Origin, phone: None) -> None:
    page.upload(csv_of((60 * "W", *photo_urls(origin, 1)), ("Cup", origin.url("/nowhere.jpg"))))
    page.says("state", "Completed")

    width = page.browser.execute_script("return document.documentElement.scrollWidth")

    assert width == 360


def test_where_keys_are_needed_the_page_asks_for_one(
    browser: Chrome, own_system: Callable[..., System], origin: Origin, tmp_path: Path
) -> None:
    system = own_system(OPEN="0")
    database = Database(system.database_url)
    key = database.write(api_keys.add_key, "shop", "write", {})
    database.close()
    page = Page(browser, system.url, tmp_path)

    page.says("sign-in", "Sign in with your key")
    assert not page.part("start").is_displayed()
    page.part("key").send_keys("img_wrong", Keys.ENTER)
    page.says("not-signed-in", "There is no such API key")
    page.part("key").clear()
    page.part("key").send_keys(key, Keys.ENTER)
    page.says("key-name", "shop")
    page.upload(csv_of(("Cup", *photo_urls(origin, 1))))
    page.says("state", "Completed")
    page.part("sign-out").click()
    page.says("sign-in", "Sign in with your key")


CALLS = """
const [service, csv, answer] = arguments;
const form = new FormData();
form.append("file", new Blob([csv]), "products.csv");
fetch(`${service}/upload`, {
  method: "POST", body: form, headers: { "Authorization": "Basic eA==", "Idempotency-Key": "page" },
})
  .then(async (sent) => [sent.status, sent.headers.get("Location"), await sent.json()])
  .then(answer, (error) => answer([0, null, String(error)]));
"""


def test_a_page_of_a_listed_origin_may_call_and_of_another_not(
    own_system: Callable[..., System], origin: Origin, browser: Chrome
) -> None:
    system = own_system(CORS_ORIGINS=f"https://shop.example,{origin.url('')}")
    is_html = {"Content-Type": "text/html"}
    page = origin.on("/shop.html", content(b"<title>shop</title>", headers=is_html))
    csv = csv_of(("Cup", origin.url("/none.jpg")))

    browser.get(page)
    status, location, body = browser.execute_async_script(CALLS, system.url, csv)
    assert (status, location) == (202, f"/status/{body['request_id']}")

    browser.get(page.replace("127.0.0.1", "localhost"))
    status, *_ = browser.execute_async_script(CALLS, system.url, csv)
    assert status == 0


def test_the_api_is_described_on_a_page_that_fits_a_small_phone(page: Page, phone: None) -> None:
    page.complains()  # what earlier tests provoked

    page.browser.find_element(By.LINK_TEXT, "the API").click()

    page.says("getStatus", "/status/{request_id}")
    assert page.browser.execute_script("return document.documentElement.scrollWidth") == 360
    assert page.complains() == []
