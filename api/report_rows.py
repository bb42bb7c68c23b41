"""The lines of ``report.csv``: what became of each image, under the names of ``/status``."""

from __future__ import annotations

from api.status_response import saved_percent
from work_queue.read_queries import ImageRow

COLUMNS = (
    *("row", "position", "serial_number", "product_name", "input_url", "output_url"),
    *("status", "error_code", "error_message", "input_bytes", "output_bytes", "saved_percent"),
    *("width", "height", "format", "method", "quality", "scale", "target_met", "missed_because"),
    *("attempts", "content_hash"),
)


def cells_of(folder_url: str, image: ImageRow) -> list[str | int | float | None]:
    """The cells of an image; ``folder_url`` is where the request's files are served."""
    figures = image.figures
    target_met = None if figures.target_met is None else str(bool(figures.target_met)).lower()
    return [
        *(image.row_number, image.position, image.serial_number, image.product_name),
        *(image.input_url, image.output_name and f"{folder_url}/{image.output_name}"),
        *(image.status, image.error_code, image.error_message),
        *(image.input_bytes, image.output_bytes),
        saved_percent(image.input_bytes or 0, image.output_bytes or 0),
        *(figures.width, figures.height, figures.format, figures.method, figures.quality),
        *(figures.scale, target_met, figures.missed_because),
        *(image.attempts, image.content_hash),
    ]
