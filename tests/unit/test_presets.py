"""``for=`` of an upload: the defaults that suit a shop, where nothing else was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from api import form
from api.problems import Problem
from shops import SHOPS, Target


def options(**fields: str) -> Any:
    return form.upload("products.csv", fields.items()).new


def test_without_a_shop_an_upload_has_the_usual_defaults() -> None:
    new = options()

    assert (new.preset, new.format, new.names) == (None, "keep", "position")


def test_a_shop_gives_defaults_to_what_is_not_asked_for() -> None:
    new = options(**{"for": "Magento"})

    assert (new.preset, new.format, new.names) == ("magento", "compatible", "sku")


def test_what_is_asked_for_wins_over_the_shop() -> None:
    new = options(**{"for": "google", "keepDimensions": "0", "names": "source", "max_width": "800"})

    assert (new.keep_dimensions, new.names) == (False, "source")
    assert (new.max_width, new.max_height) == (800, 8000)


@pytest.mark.parametrize("target", Target)
def test_a_default_of_a_shop_is_an_option_that_could_be_asked_for(target: Target) -> None:
    for name, value in SHOPS[target].options.items():
        sent = str(int(value)) if isinstance(value, bool) else str(value)
        assert form.FIELDS[name](sent, name) == value


@pytest.mark.parametrize("target", Target)
def test_with_its_defaults_no_pixels_are_lost_where_a_shop_asks_for_so_many(target: Target) -> None:
    asks = any(rule.code == "too_few_pixels" for rule in SHOPS[target].rules)

    assert SHOPS[target].options.get("keep_dimensions", False) is asks


def test_an_unknown_shop_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Problem) as refused:
        options(**{"for": "etsy"})

    assert refused.value.code == "invalid_for"
    assert "shopify, woocommerce" in refused.value.detail
