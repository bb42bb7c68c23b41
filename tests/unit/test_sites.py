"""Which names are of one site, and which addresses of one network."""

from __future__ import annotations

import pytest

from outbound import site_of
from outbound.load_limits import address_key


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("shop.example", "shop.example"),
        ("a.b.shop.example", "shop.example"),
        ("A.Shop.Example.", "shop.example"),
        ("www.shop.co.uk", "shop.co.uk"),
        ("cdn.shop.com.br", "shop.com.br"),
        ("www.co.uk.example", "uk.example"),
        ("img.shop.de", "shop.de"),
        ("a.b.myshopify.com", "b.myshopify.com"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8:1:2:3::4]", "2001:db8:1:2::/64"),
    ],
)
def test_the_names_of_a_site_have_one_key(host: str, site: str) -> None:
    assert site_of(host) == f"site {site}"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("64:ff9b::192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_the_addresses_of_one_customer_have_one_key(address: str, key: str) -> None:
    assert address_key(address) == key
