"""What a dry run found, as JSON."""

from __future__ import annotations

from typing import Any

from api.problems import of_csv_problem
from api.workbook_upload import Table
from manifest.dry_run import Findings
from manifest.header import Header
from manifest.reader import Row
from manifest.url_cells import ellipsis

ENCODINGS = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}


def dry_run(found: Findings, table: Table) -> dict[str, Any]:
    """The whole response."""
    dialect = found.header.dialect
    return {
        "columns": _columns(found.header),
        "dialect": {
            "delimiter": dialect.delimiter,
            "encoding": ENCODINGS.get(dialect.encoding, dialect.encoding),
            "header_row": found.header.line,
        },
        "first_rows": [_row(row) for row in found.first_rows],
        "rows": found.rows,
        "images": found.images,
        "problems": [of_csv_problem(problem) for problem in found.problems],
        "hints": table.hints,
        "sheets": table.sheets,
    }


def _columns(header: Header) -> list[dict[str, Any]]:
    found = header.roles
    role_of = dict.fromkeys(found.urls, "image_url")
    role_of |= dict.fromkeys(found.serials[:1], "serial_number")
    if found.name is not None:
        role_of[found.name] = "product_name"
    return [
        {
            "name": ellipsis(name),
            "index": index,
            "role": role_of.get(index),
            "because": found.because.get(index),
        }
        for index, name in enumerate(header.columns)
    ]


def _row(row: Row) -> dict[str, Any]:
    return {
        "row": row.number,
        "serial_number": row.serial_number,
        "product_name": row.product_name,
        "urls": row.urls,
        "cells": [ellipsis(cell) for cell in row.cells],
    }
