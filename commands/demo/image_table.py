"""The table of a request's images that the demo prints."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

LINE = "{:>3}  {:<24}  {:<22}  {:>9}  {:>9}  {:>6}"
HEADING = LINE.format("row", "product", "image", "before", "after", "saved")
RULE = "-" * len(HEADING)


def image_table(status: dict[str, Any]) -> str:
    """A line for each image of a status response, and a line with the totals."""
    totals = LINE.format("", "", "together", *_figures(status["bytes_in"], status["bytes_out"]))
    return "\n".join([HEADING, RULE, *map(_line, status["images"]), RULE, totals])


def file_name(url: str) -> str:
    """The last part of a URL's path."""
    return urlsplit(url).path.rpartition("/")[2]


def _line(image: dict[str, Any]) -> str:
    figures = ("", "", "")
    if image["status"] == "Completed":
        figures = _figures(image["input_bytes"], image["output_bytes"])
    names = (image["row"], image["product_name"][:24], file_name(image["input_url"]))
    line = LINE.format(*names, *figures).rstrip()
    return f"{line}  Failed: {image['error']['message']}" if image["error"] else line


def _figures(before: int, after: int) -> tuple[str, str, str]:
    """The bytes before and after, and the share that was saved."""
    return f"{before:,}", f"{after:,}", f"{1 - after / before:.1%}" if before else ""
