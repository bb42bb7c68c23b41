"""An output CSV under another address: its links change, and nothing else does."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from manifest import open_manifest, output_links
from manifest.writer import Result, write

FOLDER = "/processed_images/7cbccea0-7f7b-4a92-958c-9671b54beafc/"
OLD, NEW = "http://127.0.0.1:5000", "https://images.example/shop"
CELLS = (
    'No{d}Name{d}Images{d}"A ""note""\nof ours"\n'
    '1{d}Hat{d}https://a/1 https://a/2{d}"=1+1\nand ""more"""\n'
    "2{d}Mütze{d}{d}\n"
    "3{d}{old}{folder}3-1.jpg{d}https://a/3{d}{old}{folder}1-1.jpg\n"
)


def written(folder: Path, base: str, delimiter: str, encoding: str) -> io.BytesIO:
    upload = CELLS.format(d=delimiter, old=OLD, folder=FOLDER)
    (folder / "upload.csv").write_bytes(upload.encode(encoding))
    manifest = open_manifest(folder / "upload.csv", url_columns=("Images",))
    results = [
        Result(1, 1, "", 'Gone, with a "comma".'),
        Result(1, 2, f"{base}{FOLDER}1-2.jpg", ""),
        Result(3, 1, f"{base}{FOLDER}3-1.jpg", ""),
    ]
    file = io.BytesIO()
    write(manifest, results, file)
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_is_what_would_have_been_written_under_that_address(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    old, moved = written(tmp_path, OLD, delimiter, encoding), io.BytesIO()

    assert output_links.base_url(old, FOLDER) == OLD
    output_links.rewrite(old, moved, FOLDER, NEW)

    assert moved.getvalue() == written(tmp_path, NEW, delimiter, encoding).getvalue()
    assert output_links.base_url(moved, FOLDER) == NEW


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no output CSV\r\n",
        b"\xff\xfe\x00",
        b"Output Image Urls,Errors\r\n,1: Gone.\r\n",
        b"Errors\r\n",
    ],
)
def test_a_file_without_links_has_no_address(content: bytes) -> None:
    assert output_links.base_url(io.BytesIO(content), FOLDER) is None
