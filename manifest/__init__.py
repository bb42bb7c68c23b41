"""The user's table: read from the uploaded CSV, and written again as the output CSV."""

from manifest.errors import CsvProblem, InvalidCsv
from manifest.reader import Manifest, Row, open_manifest

__all__ = ["CsvProblem", "InvalidCsv", "Manifest", "Row", "open_manifest"]
