"""The order of the unit tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is asked of a picture stands together, so that one process compresses it once."""
    places = [at for at, item in enumerate(items) if item.path.stem == "test_compress_pictures"]
    for at, item in zip(places, sorted((items[at] for at in places), key=_picture), strict=True):
        items[at] = item


def _picture(item: pytest.Item) -> str:
    return item.name.partition("[")[2]
