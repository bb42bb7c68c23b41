"""What importers refuse: each shop's rules, by images that they take and images that they don't."""

from __future__ import annotations

from typing import Any

import pytest

from shops import MAX_FINDINGS, SHOPS, Certainty, CheckedImage, ImportCheck, Shop, Target
from shops.rules import is_public

FOLDER = "https://images.example/processed_images/7cbccea0-7f7b-4a92-958c-9671b54beafc/"


def image(name: str = "cup-1-1-9f86d081.jpg", **figures: Any) -> CheckedImage:
    """A photo that every shop takes, but for what a test says of it."""
    taken = CheckedImage(1, 1, FOLDER + name, "jpeg", 200_000, 1200, 900)
    return taken._replace(**figures)


def found(target: Target, *images: CheckedImage) -> list[str]:
    """The rules that the images break."""
    check = ImportCheck(SHOPS[target])
    for each in images:
        check.look_at(each)
    return [finding.rule for finding in check.findings]


def test_every_target_has_its_shop() -> None:
    assert SHOPS.keys() == set(Target)


@pytest.mark.parametrize("target", Target)
def test_a_plain_photo_behind_a_plain_link_passes_everywhere(target: Target) -> None:
    assert found(target, image()) == []


@pytest.mark.parametrize("shop", SHOPS.values(), ids=lambda shop: shop.name)
def test_a_rule_says_where_it_is_from_and_advice_is_in_sentences(shop: Shop) -> None:
    for source in (shop.dead_link_by, *(rule.source for rule in shop.rules)):
        assert source.url.startswith("https://")
        assert source.name
    for sentence in shop.advice:
        assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("format", "extension", "refused_by"),
    [
        ("png", "png", set()),
        ("gif", "gif", {"amazon"}),  # as it may move
        ("webp", "webp", {"magento", "amazon", "meta", "pinterest"}),
        (
            *("avif", "avif"),
            {"shopify", "woocommerce", "google", "magento", "prestashop", "bigcommerce", "amazon"}
            | {"meta", "pinterest"},
        ),
        ("tiff", "tif", {*Target} - {"woocommerce", "google", "ebay", "amazon", "shopware"}),
        ("ico", "ico", {*Target} - {"woocommerce"}),
    ],
)
def test_a_format_is_refused_where_it_is_not_taken(
    format: str, extension: str, refused_by: set[str]
) -> None:
    sent = image(f"cup-1-1-9f86d081.{extension}", format=format)

    assert {target for target in Target if found(target, sent)} == refused_by


@pytest.mark.parametrize(
    ("target", "figures", "rule"),
    [
        ("shopify", {"output_bytes": 20_000_001}, "too_many_bytes"),
        ("shopify", {"width": 5001, "height": 5000}, "too_many_pixels"),
        ("shopify", {"width": 4500, "height": 4500}, "many_pixels"),
        ("google", {"width": 500, "height": 499}, "too_few_pixels"),
        ("google", {"width": 8001, "height": 8000}, "too_many_pixels"),
        ("meta", {"width": 499, "height": 800}, "too_few_pixels"),
        ("ebay", {"width": 499, "height": 400}, "too_few_pixels"),
        ("ebay", {"position": 25}, "too_many_images"),
        ("amazon", {"width": 10_001, "height": 900}, "too_many_pixels"),
        ("bigcommerce", {"url": f"{FOLDER}{'a' * 250}.jpg"}, "url_too_long"),
        ("woocommerce", {"url": f"{FOLDER}1-1.png"}, "extension"),
        ("shopware", {"url": f"{FOLDER}1-1.jpg"}, "name_not_unique"),
        ("ebay", {"url": "http://images.example/a.jpg"}, "not_https"),
        ("woocommerce", {"url": "https://images.example:5000/a.jpg"}, "port"),
        ("shopify", {"url": "http://127.0.0.1:5000/a.jpg"}, "not_public"),
        ("google", {"url": "https://bücher.example/a.jpg"}, "character"),
    ],
)
def test_what_a_shop_does_not_take_is_found(
    target: str, figures: dict[str, Any], rule: str
) -> None:
    assert found(Target(target), image(**figures)) == [rule]


@pytest.mark.parametrize(
    ("target", "figures"),
    [
        ("google", {"width": 500, "height": 500}),
        ("ebay", {"width": 500, "height": 40}),
        ("shopify", {"width": 5000, "height": 4000, "output_bytes": 20_000_000}),
        ("woocommerce", {"url": "http://images.example:8080/a.jpg"}),
        ("magento", {"url": f"{FOLDER}1-1.jpeg"}),
        ("google", {"width": None, "height": None, "format": None, "output_bytes": None}),
    ],
)
def test_what_is_just_within_the_rules_or_not_known_is_no_finding(
    target: str, figures: dict[str, Any]
) -> None:
    assert found(Target(target), image(**figures)) == []


def test_what_is_true_of_all_links_is_said_once_and_counts_for_all() -> None:
    check = ImportCheck(SHOPS[Target.WOOCOMMERCE])
    for position in range(1, 4):
        url = f"http://localhost:5000/1-{position}.jpg"
        check.look_at(image(url=url, position=position))

    assert [(each.row, each.rule) for each in check.findings] == [
        (None, "port"),
        (None, "not_public"),
    ]
    assert (check.checked, check.counts()) == (3, {"port": 3, "not_public": 3})


def test_findings_beyond_the_most_are_counted_only() -> None:
    check = ImportCheck(SHOPS[Target.MAGENTO])
    for row in range(1, MAX_FINDINGS + 6):
        check.look_at(image("a.webp", format="webp", row=row))

    assert len(check.findings) == MAX_FINDINGS
    assert check.counts() == {"format": MAX_FINDINGS + 5}


def broken(target: Target) -> ImportCheck:
    """The check of images that break every rule there is, and of one that failed."""
    check = ImportCheck(SHOPS[target])
    inner = f"http://10.0.0.1:5000/ü%,;/{'a' * 2000}/1-1.jpg"
    check.look_at(image(url=inner, format="ico", position=99, width=9, height=9))
    check.look_at(image(format="gif", width=90_000, height=90_000, output_bytes=10**9))
    check.look_at(image(width=4500, height=4500, format="avif"))
    check.look_at_failed(4, 1, "https://old.example/gone.jpg")
    return check


@pytest.mark.parametrize("target", Target)
def test_what_is_not_certain_is_worded_as_a_possibility(target: Target) -> None:
    for finding in broken(target).findings:
        certainty = finding.source.certainty
        assert (certainty is Certainty.HINT) == (" may " in finding.message), finding.message
        assert (certainty is Certainty.LIKELY) == (" probably " in finding.message), finding.message


@pytest.mark.parametrize("target", Target)
def test_every_rule_can_be_broken(target: Target) -> None:
    assert {rule.code for rule in SHOPS[target].rules} <= broken(target).counts().keys()


def test_a_failed_image_is_found_under_its_old_link() -> None:
    check = ImportCheck(SHOPS[Target.WOOCOMMERCE])

    check.look_at_failed(7, 2, "https://old.example/gone.jpg")

    (finding,) = check.findings
    assert (finding.row, finding.position, finding.url) == (7, 2, "https://old.example/gone.jpg")
    assert "WooCommerce refuses the whole product" in finding.message
    assert check.counts() == {"failed_image": 1}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("images.example.com", True),
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("::1", False),
        ("localhost", False),
        ("images", False),
        ("nas.local", False),
        ("a.internal.", False),
    ],
)
def test_a_host_is_public_if_everybody_may_reach_it(host: str, expected: bool) -> None:
    assert is_public(host) is expected
