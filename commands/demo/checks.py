"""Whether the demo's results are right; each check yields its problems in words."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
import standardwebhooks

from commands.demo.image_table import file_name
from commands.support.servers import Notification


def image_problems(
    images: Sequence[dict[str, Any]], photos: Path, session: requests.Session
) -> Iterator[str]:
    """A photo that exists must be served at half its bytes or less; one that doesn't must fail."""
    for image in images:
        name = file_name(image["input_url"])
        expected = "Completed" if (photos / name).exists() else "Failed"
        if image["status"] != expected:
            yield f"{name} is {image['status']} and should be {expected}"
        elif expected == "Completed":
            served = len(session.get(image["output_url"], timeout=10).content)
            if served != image["output_bytes"] or 2 * served > (photos / name).stat().st_size:
                yield f"{name} is served with {served} bytes"


def output_csv_problems(status: dict[str, Any], session: requests.Session) -> Iterator[str]:
    """The CSV must have the new URLs in the order of the images, and nothing where one failed."""
    response = session.get(status["output_csv_url"], timeout=10)
    rows = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")))
    urls = [url for row in rows for url in row["Output Image Urls"].split(",")]
    if urls != [image["output_url"] or "" for image in status["images"]]:
        yield f"the output CSV has other URLs: {urls}"


def webhook_problems(notification: Notification, secret: str, request_id: str) -> Iterator[str]:
    """It must be signed with the secret and say that this request is completed."""
    try:
        standardwebhooks.Webhook(secret).verify(notification.body, notification.headers)
    except standardwebhooks.WebhookVerificationError as error:
        yield f"the webhook's signature: {error}"
    payload = json.loads(notification.body)
    if (payload["type"], payload["request_id"]) != ("request.completed", request_id):
        yield f"the webhook tells of {payload['type']} {payload['request_id']}"
