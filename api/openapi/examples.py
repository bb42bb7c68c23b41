"""The job that all examples show: that of docs/api.md, at an address of its own."""

from __future__ import annotations

from uuid import UUID

from shops import SHOPS, Target
from storage import file_urls

BASE = "http://127.0.0.1:5000"
ID = "7cbccea0-7f7b-4a92-958c-9671b54beafc"
STATUS_URL = f"{BASE}/status/{ID}"
FILE_URLS = file_urls(BASE, UUID(ID), has_failed=True, was_workbook=False)
INPUT_URL, OUTPUT_URL = "https://shop.example/rocket.jpg", f"{BASE}/processed_images/{ID}/1-1.jpg"

ACCEPTED = {
    "request_id": ID,
    "status": "Pending",
    "status_url": STATUS_URL,
    "rows": 6,
    "images": 12,
}
DRY_RUN = {
    "columns": [
        {"name": "SKU", "index": 0, "role": "serial_number", "because": "its name is known"},
        {"name": "Title", "index": 1, "role": "product_name", "because": "its name is known"},
        {"name": "Image Src", "index": 2, "role": "image_url", "because": "its name is known"},
        {"name": "Price", "index": 3, "role": None, "because": None},
    ],
    "dialect": {"delimiter": ",", "encoding": "utf-8", "header_row": 1},
    "first_rows": [
        {
            "row": 1,
            "serial_number": "P-1",
            "product_name": "Poster",
            "urls": ["https://shop.example/rocket.jpg"],
            "cells": ["P-1", "Poster", "https://shop.example/rocket.jpg", "9.90"],
        }
    ],
    "rows": 6,
    "images": 12,
    "problems": [],
    "hints": [],
    "sheets": None,
}
PROGRESS = {"total": 12, "completed": 11, "failed": 1, "pending": 0, "percent": 100.0}
FACTS = {
    "request_id": ID,
    "status": "Completed",
    "progress": PROGRESS,
    "bytes_in": 709389,
    "bytes_out": 267413,
    "saved_percent": 62.3,
    "file_name": "products.csv",
    "options": {
        "reduce_by": 50,
        "format": "keep",
        "max_width": None,
        "max_height": None,
        "max_bytes": None,
        "keep_dimensions": False,
        "names": "position",
        "for": None,
    },
    "created_at": "2026-11-22T02:57:10.386Z",
    "completed_at": "2026-11-22T02:57:13.309Z",
    **FILE_URLS,
}
IMAGE = {
    "row": 1,
    "position": 1,
    "serial_number": "1",
    "product_name": "Poster Rocket at Dusk",
    "input_url": INPUT_URL,
    "output_url": OUTPUT_URL,
    "status": "Completed",
    "attempts": 1,
    "error": None,
    "input_bytes": 112525,
    "output_bytes": 47727,
    "ratio": 0.4241,
    "width": 640,
    "height": 427,
    "format": "jpeg",
    "method": "quality",
    "quality": 85,
    "scale": 1.0,
    "encodes": 1,
    "target_met": True,
    "missed_because": None,
}
IMPORT_CHECK = {
    "request_id": ID,
    "target": "magento",
    "checked": 12,
    "total": 4,
    "counts": {"format": 3, "failed_image": 1},
    "findings": [
        {
            "row": 3,
            "position": 1,
            "url": OUTPUT_URL.replace("1-1.jpg", "3-1.webp"),
            "rule": "format",
            "message": "The image is a WebP: Magento refuses that; it takes JPEG, GIF, PNG.",
            "source": {
                "name": SHOPS[Target.MAGENTO].rules[0].source.name,
                "url": SHOPS[Target.MAGENTO].rules[0].source.url,
            },
            "certainty": "certain",
        }
    ],
    "advice": list(SHOPS[Target.MAGENTO].advice),
}
WEBHOOK = {
    "url": "https://shop.example/hook",
    "status": "Delivered",
    "next_attempt_at": None,
    "attempts": [
        {"at": "2026-11-22T02:57:13.402Z", "status_code": 204, "duration_ms": 38, "error": None}
    ],
}
FAULTS = {"dead_links": 1, "lost_pixels": 0, "missed_targets": 2, "shared_pictures": 0}
STATUS = {
    **FACTS,
    "faults": FAULTS,
    "webhook": WEBHOOK,
    "images": [IMAGE],
    "next": f"{STATUS_URL}?limit=1&after=1-1",
}
REQUESTS = {
    "requests": [{**FACTS, "status_url": STATUS_URL}],
    "next": f"{BASE}/requests?limit=1&before={ID}",
}
CHANGED = {"request_id": ID, "status_url": STATUS_URL}
NOTIFIED = {"request_id": ID, "webhook_url": "https://shop.example/hook"}
TESTED = {
    "webhook_url": "https://shop.example/hook",
    "delivered": True,
    "status_code": 204,
    "duration_ms": 41,
    "error": None,
    "signed": True,
}
COMPLETED = {
    "type": "request.completed",
    "request_id": ID,
    "status": "Completed",
    "progress": PROGRESS,
    "bytes_in": 709389,
    "bytes_out": 267413,
    **FILE_URLS,
    "status_url": STATUS_URL,
    "output_images": [{"row": 1, "input_url": INPUT_URL, "output_url": OUTPUT_URL}],
}
TEST = {"type": "webhook.test", "status_url": BASE}
HEALTHY = {"status": "ok", "version": "0.2.0"}
READY = {
    "status": "ok",
    "database": "ok",
    "storage": "ok",
    "redis": "ok",
    "workers": "ok",
    "work": "ok",
    "oldest_due_seconds": None,
}
SESSION = {
    "key": {"name": "shop", "prefix": "05874f7a38c6", "scope": "write"},
    "key_needed": False,
    "local": False,
}
OPERATOR = {
    "paused_at": None,
    "open_requests": 2,
    "waiting_images": 1480,
    "oldest_due_seconds": 12.4,
    "images_per_second": 21.5,
    "workers": "ok",
    "processes": [
        {
            "worker": "host:4711:9f2c01ab",
            "at_work": 14,
            "ended": 6120,
            "seen_at": "2026-11-28T09:30:01.107Z",
        }
    ],
    "pauses": [
        {
            "host": "slow.example",
            "paused_at": "2026-11-28T09:12:40.003Z",
            "waiting_images": 310,
        }
    ],
    "failure_hours": 6,
    "failures": [
        {
            "host": "slow.example",
            "code": "timed_out",
            "failed_last_hour": 4,
            "retried_last_hour": 12,
            "failed": 9,
            "retried": 31,
        }
    ],
}
PAUSED = {"host": "slow.example", "paused": True}
