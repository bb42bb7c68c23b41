"""Requests in a real database, without the rest of the system."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

import pytest

from engine import Database
from intake import NewRequest, store_request


class Product(NamedTuple):
    """A row of a CSV."""

    number: int
    urls: tuple[str, ...]
    serial_number: str = "1"
    product_name: str = "Cup"


Stores = Callable[..., uuid.UUID]


@pytest.fixture
def store(database: Database) -> Stores:
    """Stores a request of one product with these URLs, and returns its public id."""

    def stored(*urls: str, webhook_url: str | None = None) -> uuid.UUID:
        new = NewRequest(public_id=uuid.uuid4(), file_name="a.csv", webhook_url=webhook_url)
        store_request(database, new, [Product(1, urls)])
        return new.public_id

    return stored
