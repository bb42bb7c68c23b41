"""The names of images: safe in every shop, whatever the products are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.file_routes import IMAGE_NAME
from storage.names import MAX_IMAGE_NAME, speaking_name


def name(text: str, content: bytes = b"hat", row_number: int = 17) -> str:
    return speaking_name(row_number, 2, "jpg", text=text, content=content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Blue Cup", "blue-cup-17-2-18e1dd39.jpg"),
        ("  Hüte & Straßen / 50 %  ", "hute-strassen-50-17-2-18e1dd39.jpg"),
        ("№ ⑦_ﬁ", "no-7-fi-17-2-18e1dd39.jpg"),
        ("../../etc/passwd\0", "etc-passwd-17-2-18e1dd39.jpg"),
        ("製品", "17-2-18e1dd39.jpg"),
        ("https://cdn.example/a/Red%20Hat.min.PNG?v=1#x.y", "red-hat-min-17-2-18e1dd39.jpg"),
        ("https://cdn.example/300x300/?text=a", "300x300-17-2-18e1dd39.jpg"),
        ("https://cdn.example", "17-2-18e1dd39.jpg"),
    ],
)
def test_an_image_is_named_after_its_product_or_its_source(text: str, expected: str) -> None:
    assert name(text) == expected


def test_another_picture_has_another_name_and_so_has_another_row() -> None:
    assert len({name("Cup"), name("Cup", b"pot"), name("Cup", row_number=18)}) == 3


@given(st.text(max_size=300), st.integers(1, 2**31 - 1))
def test_any_text_gives_a_name_that_is_safe_and_served(text: str, row_number: int) -> None:
    made = name(text, row_number=row_number)

    assert re.fullmatch(r"[a-z0-9-]+\.jpg", made)
    assert len(made) <= MAX_IMAGE_NAME
    assert IMAGE_NAME.fullmatch(made)
