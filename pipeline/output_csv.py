"""The end of a request: its output CSV is written, then it is completed with its webhook."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from database import Database
from manifest import InvalidCsv, Manifest, ReadingOptions, Row, open_manifest, writer
from manifest.writer import Result
from pipeline import unclaimed_files
from settings import Settings
from storage import Storage, image_url
from work_queue.completion import (
    ClaimLost,
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
    claim has expired.
    """
    completed = 0
    while request := db.write(claim_finished, worker, settings.lease_seconds):
        try:
            OutputCsv(db, storage, settings, worker, request).write()
            unclaimed = unclaimed_files.of_finished(db, storage, request)
        except OSError:
            logger.exception("output CSV not written", extra={"request_id": request.public_id})
            continue
        except ClaimLost:
            logger.info("another worker completes it", extra={"request_id": request.public_id})
            continue
        if db.write(complete_request, worker, request, settings.webhook_schedule[0]):
            completed += 1
            unclaimed_files.remove(storage, unclaimed)
            logger.info("request completed", extra={"request_id": request.public_id})
    return completed


@dataclass(frozen=True)
class OutputCsv:
    """The output CSV of one request that this worker has claimed."""

    db: Database
    storage: Storage
    settings: Settings
    worker: str
    request: FinishedRequest

    def write(self) -> None:
        """Write it from the uploaded file, or from the database where that can't be read any more.

        A request must end, whatever happened to its upload. Raises OSError.
        """
        try:
            with self.storage.upload(self.request.public_id) as path:
                self._write(self._uploaded(path))
        except (FileNotFoundError, InvalidCsv, ValueError):
            logger.exception("upload not readable", extra={"request_id": self.request.public_id})
            self._write(StoredManifest(self.db, self.request.id))

    def _uploaded(self, path: Path) -> Manifest:
        # Without limits: it was accepted, and one that was lowered since must not stop it.
        asked = ReadingOptions.stored(self.request.reading, self.request.url_column)
        return open_manifest(path, asked)

    def _write(self, rows: writer.Rows) -> None:
        with self.storage.output_csv(self.request.public_id) as file:
            writer.write(rows, self._results(), file)

    def _results(self) -> Iterator[Result]:
        base, public_id = self.settings.public_base_url, self.request.public_id
        lease_seconds = self.settings.lease_seconds
        for image in finished_images(self.db, self.worker, self.request, lease_seconds):
            name = image.output_name
            yield Result(
                row_number=image.row_number,
                position=image.position,
                output_url=image_url(base, public_id, name) if name else "",
                error=image.error_message or "",
            )


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
