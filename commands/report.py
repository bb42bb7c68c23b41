"""What the demo says in the end: the table of its images, and whatever is not as it should be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import standardwebhooks

from commands.neighbours import Notification

LINE = "{:>3}  {:<24}  {:<22}  {:>9}  {:>9}  {:>6}"
HEADING = LINE.format("row", "product", "image", "before", "after", "saved")
RULE = "-" * len(HEADING)


def table(status: dict[str, Any]) -> str:
    """A line for each image, and their sum."""
    together = LINE.format("", "", "together", *_figures(status["bytes_in"], status["bytes_out"]))
    return "\n".join([HEADING, RULE, *map(_line, status["images"]), RULE, together])


def _line(image: dict[str, Any]) -> str:
    figures = ("", "", "")
    if image["status"] == "Completed":
        figures = _figures(image["input_bytes"], image["output_bytes"])
    what = (image["row"], image["product_name"][:24], _file_name(image["input_url"]))
    line = LINE.format(*what, *figures).rstrip()
    return f"{line}  Failed: {image['error']['message']}" if image["error"] else line


def _figures(before: int, after: int) -> tuple[str, str, str]:
    return f"{before:,}", f"{after:,}", f"{1 - after / before:.1%}" if before else ""


def _file_name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def wrong_images(
    images: Sequence[dict[str, Any]], photos: Path, session: requests.Session
) -> Iterator[str]:
    """A photo that exists is served at half its bytes or less; one that doesn't has failed."""
    for image in images:
        name = _file_name(image["input_url"])
        expected = "Completed" if (photos / name).exists() else "Failed"
        if image["status"] != expected:
            yield f"{name} is {image['status']} and should be {expected}"
        elif expected == "Completed":
            served = len(session.get(image["output_url"], timeout=10).content)
            if served != image["output_bytes"] or 2 * served > (photos / name).stat().st_size:
                yield f"{name} is served with {served} bytes"


def wrong_csv(status: dict[str, Any], session: requests.Session) -> Iterator[str]:
    """The output CSV has the new URLs in the order of the images, and nothing where one failed."""
    answer = session.get(status["output_csv_url"], timeout=10)
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    urls = [url for row in rows for url in row["Output Image Urls"].split(",")]
    if urls != [image["output_url"] or "" for image in status["images"]]:
        yield f"the output CSV has other URLs: {urls}"


def wrong_webhook(notification: Notification, secret: str, request_id: str) -> Iterator[str]:
    """It is signed with the secret and tells of this request."""
    try:
        standardwebhooks.Webhook(secret).verify(notification.body, notification.headers)
    except standardwebhooks.WebhookVerificationError as error:
        yield f"the webhook's signature: {error}"
    told = json.loads(notification.body)
    if (told["type"], told["request_id"]) != ("request.completed", request_id):
        yield f"the webhook tells of {told['type']} {told['request_id']}"
