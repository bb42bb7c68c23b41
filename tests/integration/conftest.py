"""Requests in a real database, without the rest of the system."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from database import Database
from pipeline.lease_renewal import LeaseRenewal
from pipeline.result_writer import ResultWriter
from storage import Storage
from work_queue.claims import ClaimedImage
from work_queue.intake import NewRequest, store_request
from work_queue.models import Figures
from work_queue.outcomes import Outcome
from work_queue.read_queries import RequestRow, find_request


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


def request_of(database: Database, public_id: uuid.UUID) -> RequestRow:
    """A request that is there."""
    found = database.read(find_request, public_id)
    assert found is not None
    return found.request


def completed(image: ClaimedImage, output_name: str = "1-1.jpg") -> Outcome:
    """An image of 100 bytes that was compressed to 40."""
    return Outcome.completed(
        image, output_name=output_name, input_bytes=100, output_bytes=40, figures=Figures()
    )


@contextmanager
def writing(
    database: Database, storage: Storage, ended: list[bool]
) -> Iterator[tuple[LeaseRenewal, ResultWriter]]:
    """What a worker keeps its claims with, and writes its results with; ``ended`` gets True when
    the last image of a request is recorded."""
    with (
        LeaseRenewal(database, worker="ann", lease_seconds=2) as leases,
        ResultWriter(
            database,
            storage,
            leases,
            worker="ann",
            lease_seconds=2,
            when_request_ends=lambda: ended.append(True),
        ) as results,
    ):
        yield leases, results
