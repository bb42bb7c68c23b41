"""Links to Google Sheets become those of their CSVs; all others stay."""

from __future__ import annotations

import pytest

from api.source_table import csv_url, file_name

SHEETS = "https://docs.google.com/spreadsheets/d"


@pytest.mark.parametrize(
    ("given", "fetched"),
    [
        (f"{SHEETS}/1AbC-_9/edit?usp=sharing", f"{SHEETS}/1AbC-_9/export?format=csv"),
        (f"{SHEETS}/1AbC/edit#gid=17", f"{SHEETS}/1AbC/export?format=csv&gid=17"),
        (f"{SHEETS}/1AbC/edit?gid=17#gid=17", f"{SHEETS}/1AbC/export?format=csv&gid=17"),
        (f"{SHEETS}/1AbC", f"{SHEETS}/1AbC/export?format=csv"),
        (
            "https://docs.google.com/spreadsheets/u/0/d/1AbC/edit",
            f"{SHEETS}/1AbC/export?format=csv",
        ),
        (f"{SHEETS}/e/2PACX-1/pubhtml", f"{SHEETS}/e/2PACX-1/pub?output=csv"),
        (
            f"{SHEETS}/e/2PACX-1/pubhtml?gid=5&single=true",
            f"{SHEETS}/e/2PACX-1/pub?output=csv&gid=5&single=true",
        ),
    ],
)
def test_a_link_to_a_sheet_becomes_that_of_its_csv(given: str, fetched: str) -> None:
    assert csv_url(given) == fetched
    assert file_name(given) == "google-sheet.csv"


@pytest.mark.parametrize(
    "url",
    [
        f"{SHEETS}/1AbC/export?format=csv&gid=3",
        f"{SHEETS}/1AbC/gviz/tq?tqx=out:csv",
        f"{SHEETS}/e/2PACX-1/pub?output=csv",
        "https://docs.google.com.evil.example/spreadsheets/d/1AbC/edit",
        "https://shop.example/spreadsheets/d/1AbC/edit",
        "https://shop.example/products.csv?v=1",
    ],
)
def test_any_other_link_stays(url: str) -> None:
    assert csv_url(url) == url


def test_a_table_has_the_name_of_its_file() -> None:
    assert file_name("https://shop.example/exports/my%20products.csv?v=1") == "my products.csv"
    assert file_name("https://shop.example/") == "source.csv"
