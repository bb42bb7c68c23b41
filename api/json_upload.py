"""An upload as JSON, turned into the CSV of the same table.

``{"images": [url, …]}`` or ``{"products": [{"sku", "name", "urls"}, …]}`` with the options of the
form beside it, or one of the lists alone; with ``source_url`` among the options there is no list.
What is wrong is a 422 with a JSON pointer (RFC 6901).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from api.form import FILE_FIELDS
from api.problems import UNSUPPORTED_UPLOAD, Problem
from manifest.url_cells import texts

MAX_BYTES = 4 * 1024 * 1024  # parsed, JSON takes up to 25 times as much memory
MEMBERS = ("sku", "name", "urls")
COLUMNS = ("SKU", "Product Name", "Input Image Urls")
Table = Iterator[Sequence[str]]


class JsonUpload(NamedTuple):
    """The options, as the fields of a form, and the table as a CSV: empty where they name a URL."""

    options: list[tuple[str, str]]
    content: bytes


def read(body: bytes) -> JsonUpload:
    """Raises a Problem for JSON of another shape."""
    if len(body) > MAX_BYTES:
        sentence = f"JSON may have {MAX_BYTES} bytes; send a larger table as a CSV."
        raise Problem(413, "json_too_large", sentence)
    sent = _parsed(body)
    if isinstance(sent, list):
        table = _products if sent and isinstance(sent[0], dict) else _images
        return JsonUpload([], _csv(table(sent, "")))
    if not isinstance(sent, dict):
        raise _wrong("", "must be an object or a list.")
    if any(isinstance(sent.get(name), str) for name in FILE_FIELDS):
        raise UNSUPPORTED_UPLOAD
    if not sent.keys() & {"images", "products"} and sent.keys() & {"source_url", "sourceUrl"}:
        return JsonUpload([*_options(sent)], b"")
    if ("images" in sent) == ("products" in sent):
        raise _wrong("", "must have one of the members images and products.")
    name, table = ("images", _images) if "images" in sent else ("products", _products)
    content = _csv(table(sent.pop(name), f"/{name}"))
    return JsonUpload([*_options(sent)], content)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_object, parse_constant=_no_json)
    except RecursionError:
        raise _wrong("", "is nested too deeply.") from None
    except ValueError as error:  # also of text that is no UTF-8, and of huge numbers
        raise Problem(400, "malformed_json", f"The body is no JSON: {error}"[:200]) from None


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member of an object stands there twice")
    return found


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _images(entries: Any, pointer: str) -> Table:
    yield COLUMNS[-1:]
    for index, entry in enumerate(_filled_list(entries, pointer)):
        yield (_url(entry, f"{pointer}/{index}"),)


def _products(entries: Any, pointer: str) -> Table:
    yield COLUMNS
    for index, entry in enumerate(_filled_list(entries, pointer)):
        yield _product(entry, f"{pointer}/{index}", index + 1)


def _product(entry: Any, pointer: str, number: int) -> Sequence[str]:
    if not isinstance(entry, dict):
        raise _wrong(pointer, f"must be an object with {', '.join(MEMBERS)}.")
    for name in entry:
        if name not in MEMBERS:
            known = f"is not known; a product has {', '.join(MEMBERS)}."
            raise _wrong(f"{pointer}/{_escaped(name)}", known)
    if "urls" not in entry:
        raise _wrong(pointer, "has no urls.")
    urls = _list(entry["urls"], f"{pointer}/urls")
    found = [_url(url, f"{pointer}/urls/{index}") for index, url in enumerate(urls)]
    sku, name = (_text(entry.get(each), f"{pointer}/{each}") for each in MEMBERS[:2])
    return sku.strip() or str(number), name, "\n".join(found)


def _options(members: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts, numbers and booleans; a list is an option given several times."""
    for name, value in members.items():
        pointer = f"/{_escaped(name)}"
        _text(name, pointer)
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            place = f"{pointer}/{index}" if isinstance(value, list) else pointer
            yield name, str(int(each)) if isinstance(each, bool) else _text(each, place)


def _list(value: Any, pointer: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(pointer, "must be a list.")
    return value


def _filled_list(value: Any, pointer: str) -> list[Any]:
    if not (filled := _list(value, pointer)):
        raise _wrong(pointer, "has no image URL: the list is empty.")
    return filled


def _url(value: Any, pointer: str) -> str:
    """One URL, as whatever reads the CSV will find it; whether it is a good one is seen there."""
    if not isinstance(value, str) or "\\," in value or texts(value) != [value.strip()]:
        raise _wrong(pointer, "must be one URL, a text.")
    return _text(value, pointer)


def _text(value: Any, pointer: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(pointer, "must be a text or a number.")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise _wrong(pointer, "has half a character (a lone surrogate) in it.") from None
    return str(value)


def _csv(rows: Table) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def _escaped(name: str) -> str:
    """RFC 6901, section 3; no longer than a message can bear."""
    shown = name[:50].encode("utf-8", "replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")


def _wrong(pointer: str, reason: str) -> Problem:
    place = pointer or "The JSON"
    return Problem(422, "invalid_json", f"{place} {reason}", pointer=pointer)
