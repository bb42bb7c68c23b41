"""What a person with a shop does in a browser: names it, gives a sheet's address, checks."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.acceptance.page import Page
from tests.conftest import photo, photo_urls
from tests.origin import Origin, content
from tests.system import System, csv_of, eventually
from tests.workbooks import workbook


def unfold(page: Page, element_id: str) -> None:
    page.part(element_id).find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)


def test_a_shop_sets_what_somebody_left_open(page: Page, origin: Origin) -> None:
    webp = origin.on("/for-a-shop.webp", content(photo(5, format="WEBP")))
    Select(page.named("for")).select_by_visible_text("Magento")

    page.upload(csv_of(("Cup", webp)))

    page.says("state", "Completed")
    assert "as JPEG, PNG or GIF · for Magento" in page.text("about")
    assert page.text("csv") == "Download for the shop"
    assert str(page.part("csv").get_property("href")).endswith("/import.csv")


def test_what_somebody_chose_is_kept_whatever_suits_the_shop(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    Select(page.named("for")).select_by_visible_text("Magento")
    unfold(page, "options")
    Select(page.named("format")).select_by_value("webp")
    Select(page.named("names")).select_by_value("position")

    page.upload(csv_of(("Cup", url)))

    page.says("state", "Completed")
    assert "as WEBP" in page.text("about")


def test_a_table_on_the_web_is_taken_by_its_address(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    table = origin.on("/table.csv", content(csv_of(("Cup", url)).encode()))
    page.choose(csv_of(("Vase", url)))

    page.part("source").send_keys(table, Keys.TAB)

    page.says("columns-found", "1 row with 1 image found.")
    assert page.text("chosen") == "or drop it here"
    page.part("send").click()
    page.says("state", "Completed")
    assert page.text("job-title") == "table.csv"


def test_a_workbook_is_taken_and_comes_back(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    path = page.folder / "products.xlsx"
    path.write_bytes(workbook([["Title", "Image Src"], ["Cup", url]]))

    page.part("file").send_keys(str(path))
    page.columns_are_known()
    page.part("send").click()

    page.says("state", "Completed")
    unfold(page, "files")
    link = page.part("files").find_element(By.LINK_TEXT, "import.xlsx")
    assert str(link.get_property("href")).endswith("/import.xlsx")


def test_a_sheet_of_a_workbook_is_chosen_from_those_it_has(page: Page, origin: Origin) -> None:
    (url,) = photo_urls(origin, 1)
    path = page.folder / "products.xlsx"
    products = [["Title", "Image Src"], ["Cup", url]]
    names = ("Notes", "Products", "Empty")
    path.write_bytes(workbook([["Nothing"]], products, [], names=names))

    page.part("file").send_keys(str(path))
    page.says("sheets", "Products")
    choice = Select(page.part("sheet-choice"))
    choice.select_by_visible_text("Empty")
    page.says("columns-found", "empty")
    choice.select_by_visible_text("Products")
    page.says("columns-found", "1 row with 1 image found.")
    assert page.part("refused").is_displayed() is False
    page.part("send").click()

    page.says("state", "Completed")


def test_an_import_check_says_what_the_shop_may_refuse(
    page: Page, system: System, origin: Origin
) -> None:
    webp = origin.on("/to-check.webp", content(photo(5, format="WEBP")))
    (jpeg,) = photo_urls(origin, 1)
    rows = ("Cup", webp, jpeg), ("Mug", origin.url("/gone.jpg"))
    request_id = system.accepted(csv_of(*rows))
    system.completed(request_id)
    page.open(f"{page.url}/#{request_id}")
    page.says("state", "Completed")
    assert page.text("catalogue") == "In the catalogue: 1 link is dead. report.csv says of which."

    unfold(page, "import-check")
    Select(page.part("target")).select_by_visible_text("Magento")

    page.says("check-words", "3 images were looked at: 3 findings.")
    found = page.cells("findings")[1:]
    assert [row[0] for row in found] == ["all", "row 1, 1", "row 2, 1"]
    assert "The format of the image is WebP: Magento refuses that" in found[1][1]
    assert found[1][2].startswith("certain: Magento")
    source = page.part("finding-rows").find_elements(By.TAG_NAME, "a")[-1]
    assert str(source.get_property("href")).startswith("https://github.com/magento/")
    assert "Add/Update" in page.text("advice")

    Select(page.part("target")).select_by_visible_text("choose one")
    eventually(lambda: not page.text("check-words"))
    assert not page.complains()


def test_a_sample_is_there_to_look_at(page: Page) -> None:
    page.part("sample").click()

    page.says("columns-found", "3 rows with 4 images found.")
    assert page.text("chosen").startswith("sample.csv")


def test_a_webhook_is_tried_before_a_job_needs_it(page: Page, origin: Origin) -> None:
    hook, deaf = origin.on("/hook", content()), origin.on("/deaf", content(status=404))
    unfold(page, "options")

    page.named("webhook_url").send_keys(hook)
    page.part("test-webhook").click()
    page.says("tested", "It took the test: 200")

    page.named("webhook_url").clear()
    page.named("webhook_url").send_keys(deaf)
    page.part("test-webhook").click()
    page.says("tested", "The receiver answered 404.")
