"""The end of a request: its output CSV is written, then it is completed with its webhook."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from database import Database
from manifest import InvalidCsv, Manifest, Row, open_manifest, writer
from manifest.columns import column_names
from manifest.writer import Result
from settings import Settings
from storage import Storage, image_url
from work_queue.completion import (
    FinishedRequest,
    claim_finished,
    complete_request,
    finished_images,
)
from work_queue.read_queries import ProductRow, find_products, find_urls

logger = logging.getLogger(__name__)


def complete_requests(db: Database, storage: Storage, settings: Settings, worker: str) -> int:
    """Complete the requests whose images have all ended; returns how many.

    One whose output CSV can't be written now, as on a full disk, is tried again when this worker's
    claim has run out.
    """
    finished = 0
    while request := db.write(claim_finished, worker, settings.lease_seconds):
        try:
            _write_output_csv(db, storage, settings, worker, request)
        except OSError:
            logger.exception("output CSV not written", extra={"request_id": request.public_id})
            continue
        if db.write(complete_request, worker, request, settings.webhook_schedule[0]):
            finished += 1
            logger.info("request completed", extra={"request_id": request.public_id})
    return finished


def _write_output_csv(
    db: Database, storage: Storage, settings: Settings, worker: str, request: FinishedRequest
) -> None:
    """From the uploaded file, or, where that is gone or no longer what was taken in, from the
    database: a request must end."""
    try:
        with storage.upload(request.public_id) as path:
            _write(db, storage, settings, worker, request, _uploaded(path, request))
    except (FileNotFoundError, InvalidCsv, ValueError):
        logger.exception("upload not readable", extra={"request_id": request.public_id})
        _write(db, storage, settings, worker, request, StoredManifest(db, request.id))


def _uploaded(path: Path, request: FinishedRequest) -> Manifest:
    return open_manifest(
        path,
        url_columns=column_names(request.url_column),
        max_rows=sys.maxsize,  # it was taken in; a limit lowered since must not keep it from ending
    )


def _write(
    db: Database,
    storage: Storage,
    settings: Settings,
    worker: str,
    request: FinishedRequest,
    rows: writer.Rows,
) -> None:
    with storage.output_csv(request.public_id) as file:
        writer.write(rows, _results(db, settings, worker, request), file)


class StoredManifest:
    """The rows of a request as the database knows them: number, name and URLs."""

    columns = ("S. No.", "Product Name", "Input Image Urls")
    delimiter = ","
    from_excel = False

    def __init__(self, db: Database, request_id: int) -> None:
        self._database, self._request_id = db, request_id

    def __iter__(self) -> Iterator[Row]:
        after = 0
        while products := self._database.read(find_products, self._request_id, after=after):
            after = products[-1].row_number
            rows = (products[0].row_number, after)
            urls = self._database.read(find_urls, self._request_id, rows=rows)
            for product in products:
                yield self._row(product, urls.get(product.row_number, []))

    def _row(self, product: ProductRow, urls: list[str]) -> Row:
        names = (product.serial_number, product.product_name)
        return Row(product.row_number, *names, tuple(urls), (*names, ",".join(urls)))


def _results(
    db: Database, settings: Settings, worker: str, request: FinishedRequest
) -> Iterator[Result]:
    base = settings.public_base_url
    for image in finished_images(db, worker, request, settings.lease_seconds):
        name, error = image.output_name, image.error_message
        yield Result(
            row_number=image.row_number,
            position=image.position,
            output_url=image_url(base, request.public_id, name) if name else "",
            error=error or "",
        )
