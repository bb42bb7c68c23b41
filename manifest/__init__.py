"""The user's table: read from the uploaded CSV, and written again as the output CSV."""

from manifest.errors import CsvProblem, InvalidCsv
from manifest.reader import Manifest, Row, open_manifest
from manifest.reading_options import ReadingOptions

__all__ = ["CsvProblem", "InvalidCsv", "Manifest", "ReadingOptions", "Row", "open_manifest"]
