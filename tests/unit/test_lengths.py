"""What a validator lets through fits its column, and what is cut is cut to its column."""

from __future__ import annotations

from typing import Any

import pytest

from api import form
from manifest import reader, url_cells
from shops import Target
from storage.names import IMAGE_TYPES, MAX_IMAGE_NAME, image_name
from work_queue.models import (
    MAX_ERROR,
    MAX_FILE_NAME,
    MAX_HOST,
    MAX_READING,
    MAX_URL_COLUMN,
    MAX_WEBHOOK_URL,
    Host,
    Image,
    Product,
    Request,
    Webhook,
    WebhookAttempt,
)

LARGEST_INT = 2**31 - 1


def length(column: Any) -> int:
    found: int = column.property.columns[0].type.length
    return found


@pytest.mark.parametrize(
    ("limit", "column"),
    [
        (reader.MAX_SERIAL_NUMBER, Product.serial_number),
        (reader.MAX_PRODUCT_NAME, Product.product_name),
        (url_cells.MAX_URL, Image.input_url),
        (MAX_URL_COLUMN, Request.url_column),
        (MAX_READING, Request.reading),
        (MAX_WEBHOOK_URL, Request.webhook_url),
        (MAX_WEBHOOK_URL, Webhook.url),
        (MAX_FILE_NAME, Request.file_name),
        (MAX_HOST, Host.host),
        (MAX_ERROR, Image.error_message),
        (MAX_ERROR, WebhookAttempt.error),
    ],
    ids=lambda value: getattr(value, "key", str(value)),
)
def test_a_limit_is_the_length_of_its_column(limit: int, column: Any) -> None:
    assert limit == length(column)


def test_the_longest_name_of_an_image_fits() -> None:
    longest = max(IMAGE_TYPES, key=len)

    assert len(image_name(LARGEST_INT, LARGEST_INT, longest)) <= MAX_IMAGE_NAME
    assert length(Image.output_name) == MAX_IMAGE_NAME


def test_the_kinds_of_names_fit_the_request() -> None:
    assert max(map(len, form.NAMES)) <= length(Request.names)


def test_the_presets_fit_the_request() -> None:
    assert max(map(len, Target)) <= length(Request.preset)


def test_the_formats_of_the_form_fit_the_request_and_the_image() -> None:
    assert max(map(len, form.FORMATS)) <= min(length(Request.format), length(Image.format))
