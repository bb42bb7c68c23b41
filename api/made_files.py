"""What is made of a completed request when it is asked for: its tables, and its images in a ZIP.

Each is a stream, in flat memory however large the request is: rows come from the database a page at
a time, the upload is read where it is kept, and so are the images.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from api import report_rows
from api.service import Service
from manifest import (
    InvalidCsv,
    Manifest,
    ReadingOptions,
    open_manifest,
    output_links,
    workbook_writer,
)
from manifest.in_place import BOM, NewUrl, failed_csv, import_csv
from manifest.writer import lines_of
from storage import (
    FAILED_CSV,
    IMAGES_ZIP,
    IMPORT_CSV,
    IMPORT_XLSX,
    OUTPUT_CSV,
    OUTPUT_XLSX,
    REPORT_CSV,
    StoredFile,
    image_url,
)
from storage.zip_archive import zip_archive
from work_queue.read_queries import (
    PAGE,
    CompletedImage,
    ImageRow,
    RequestRow,
    find_completed,
    find_failed_rows,
    find_images,
    find_request,
)

CHUNK_CHARS = 64 * 1024
Chunks = Generator[bytes, None, None]

logger = logging.getLogger(__name__)


class RequestChanged(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """While its file was made, a request was deleted or tried again: what was sent is mixed."""


@dataclass(frozen=True)
class MadeFiles:
    """The files of one request; they raise FileNotFoundError or InvalidCsv before their first bytes
    where its upload is gone, or is not what it was.
    """

    service: Service
    request: RequestRow

    def make(self, name: str) -> Chunks:
        """The one with this name. Raises RequestChanged at its end, so that it breaks off."""
        makers = {
            IMPORT_CSV: self._import_csv,
            REPORT_CSV: self._report_csv,
            FAILED_CSV: self._failed_csv,
            IMAGES_ZIP: self._images_zip,
            OUTPUT_XLSX: self._output_xlsx,
            IMPORT_XLSX: self._import_xlsx,
        }
        yield from makers[name]()
        found = self.service.database.read(find_request, self.request.public_id)
        if found is None or found.request.completed_at != self.request.completed_at:
            raise RequestChanged

    def _import_csv(self) -> Chunks:
        with self._uploaded() as manifest:
            yield from _encoded(import_csv(manifest, self._new_urls()))

    def _import_xlsx(self) -> Chunks:
        """Blank rows stay where they were, too."""
        with self._uploaded() as manifest:
            texts = (text for text in import_csv(manifest, self._new_urls()) if text != BOM)
            lines = (line for text in texts for line in text.splitlines(keepends=True))
            yield from _workbook(csv.reader(lines, delimiter=manifest.delimiter))

    def _output_xlsx(self) -> Chunks:
        """Made of the output CSV, so its formulas are defused in the same way."""
        public_id, base = self.request.public_id, self.service.settings.public_base_url
        with self.service.storage.open(public_id, OUTPUT_CSV).content as file:
            rows = output_links.rows(cast(BinaryIO, file), image_url("", public_id, ""), base)
            yield from _workbook(rows)

    def _new_urls(self) -> Iterator[NewUrl]:
        folder_url = self._folder_url
        return (
            (row_number, old, f"{folder_url}/{output_name}")
            for row_number, _, old, output_name, _ in self._completed()
        )

    def _failed_csv(self) -> Chunks:
        with self._uploaded() as manifest:
            yield from _encoded(failed_csv(manifest, self._failed_rows()))

    def _report_csv(self) -> Chunks:
        """Written as the output CSV is; the upload may be gone."""
        begin, delimiter = "", ","
        try:
            with self._uploaded() as manifest:
                begin, delimiter = BOM if manifest.from_excel else "", manifest.delimiter
        except (FileNotFoundError, InvalidCsv):
            logger.info("upload not readable", extra={"request_id": self.request.public_id})
        images = (report_rows.cells_of(self._folder_url, image) for image in self._images())
        lines = lines_of(chain([report_rows.COLUMNS], images), delimiter)
        yield from _encoded(chain([begin], lines))

    def _images_zip(self) -> Chunks:
        yield from zip_archive(self._files())

    @cached_property
    def _folder_url(self) -> str:
        base = self.service.settings.public_base_url
        return image_url(base, self.request.public_id, "").rstrip("/")

    @contextmanager
    def _uploaded(self) -> Iterator[Manifest]:
        # Without limits: it was accepted, and one that was lowered since must not stop it.
        asked = ReadingOptions.stored(self.request.reading, self.request.url_column)
        with self.service.storage.upload(self.request.public_id) as path:
            yield open_manifest(path, asked)

    def _files(self) -> Iterator[tuple[str, StoredFile]]:
        """Each file once. One that is missing is left out: the others are worth having."""
        public_id = self.request.public_id
        for image in self._completed():
            if image.copy_of is not None:
                continue
            try:
                yield image.output_name, self.service.storage.open(public_id, image.output_name)
            except FileNotFoundError:
                logger.error("file is missing", extra={"request_id": public_id})

    def _completed(self) -> Iterator[CompletedImage]:
        return self._pages(find_completed)

    def _images(self) -> Iterator[ImageRow]:
        return self._pages(partial(find_images, limit=PAGE))

    def _pages(self, find: Any) -> Iterator[Any]:
        """All images that a query finds, a page at a time, by (row, position)."""
        after = (0, 0)
        while page := self.service.database.read(find, self.request.id, after=after):
            yield from page
            after = (page[-1].row_number, page[-1].position)

    def _failed_rows(self) -> Iterator[int]:
        after = 0
        while page := self.service.database.read(find_failed_rows, self.request.id, after=after):
            yield from page
            after = page[-1]


def _workbook(rows: Iterable[Sequence[str]]) -> Chunks:
    with TemporaryFile() as file:
        workbook_writer.write(rows, file)
        file.seek(0)
        yield from iter(partial(file.read, CHUNK_CHARS), b"")


def _encoded(texts: Iterator[str]) -> Chunks:
    """The same as UTF-8, in chunks that are worth sending."""
    kept, length = [], 0
    for text in texts:
        kept.append(text)
        length += len(text)
        if length >= CHUNK_CHARS:
            yield "".join(kept).encode()
            kept, length = [], 0
    yield "".join(kept).encode()
