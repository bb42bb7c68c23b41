"""``source_url`` of an upload: a table that is fetched in place of one that is sent.

The client is the guarded one, so its rules hold: public addresses, also after a redirect, a cap on
bytes, and one deadline. Links to Google Sheets lead to pages; they are turned into those of CSVs.
"""

from __future__ import annotations

import re
import threading
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from api.problems import Problem, upload_too_large
from api.service import service
from pipeline.download import DownloadFailed, download

MAX_AT_ONCE = 2  # of a process: each takes a thread for up to DOWNLOAD_SECONDS, and its memory
ACCEPT = "text/csv, */*;q=0.5"
GOOGLE = "docs.google.com"
SHEET = re.compile(r"/spreadsheets(?:/u/\d+)?/d/(?P<published>e/)?(?P<id>[\w-]+)/?(?P<page>\w*)")
PAGES = ("", "edit", "view", "preview", "htmlview", "copy")
PUBLISHED_PAGES = ("", "pub", "pubhtml")
PAGE_BEGINS = (b"<!doctype html", b"<html")

slots = threading.BoundedSemaphore(MAX_AT_ONCE)


def fetch(url: str) -> bytes:
    """The table at a URL. Raises a Problem that says why there is none."""
    if not slots.acquire(blocking=False):
        sentence = "Other tables are being fetched just now."
        raise Problem(429, "too_many_sources", sentence, headers={"Retry-After": "5"})
    try:
        return _fetch(csv_url(url))
    finally:
        slots.release()


def _fetch(url: str) -> bytes:
    my = service()
    max_bytes, seconds = my.settings.max_upload_bytes, my.settings.download_seconds
    try:
        content = download(my.client, url, seconds=seconds, max_bytes=max_bytes)
    except DownloadFailed as error:
        if error.code == "too_large":
            raise upload_too_large(max_bytes) from None
        raise _unreachable(str(error)) from None
    if content[:1000].lstrip().lower().startswith(PAGE_BEGINS):
        raise _unreachable(
            "It is a web page and no table. A Google Sheet must be published, or shared with "
            "everybody who has the link."
        )
    return content


def csv_url(url: str) -> str:
    """The CSV behind a link to a Google Sheet, or to one that is published; any other as it is."""
    parts = urlsplit(url)
    sheet = SHEET.fullmatch(parts.path)
    if parts.hostname != GOOGLE or sheet is None:
        return url
    query = parse_qs(parts.query)
    tab = (query.get("gid") or parse_qs(parts.fragment).get("gid") or [""])[0]
    of_tab = {"gid": tab} if tab else {}
    base = f"https://{GOOGLE}/spreadsheets/d"
    if not sheet["published"] and sheet["page"] in PAGES:
        return f"{base}/{sheet['id']}/export?{urlencode({'format': 'csv', **of_tab})}"
    if sheet["published"] and sheet["page"] in PUBLISHED_PAGES and "output" not in query:
        single = {**of_tab, "single": "true"} if tab else {}
        return f"{base}/e/{sheet['id']}/pub?{urlencode({'output': 'csv', **single})}"
    return url


def file_name(url: str) -> str:
    """What the table is called in lists."""
    parts = urlsplit(url)
    if parts.hostname == GOOGLE:
        return "google-sheet.csv"
    return PurePosixPath(unquote(parts.path)).name or "source.csv"


def _unreachable(reason: str) -> Problem:
    sentence = f"The table at source_url could not be fetched. {reason}"
    return Problem(422, "source_unreachable", sentence, field="source_url")
