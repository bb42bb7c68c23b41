"""A ZIP archive that is sent while it is made, as other programs read it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from storage import StoredFile
from storage.zip_archive import READ_BYTES, zip_archive

MODIFIED = datetime(2026, 11, 28, 12, 30, 44, tzinfo=UTC)
BLOCK = bytes(READ_BYTES)


def stored(content: bytes) -> StoredFile:
    return StoredFile(io.BufferedReader(io.BytesIO(content)), 0, "", MODIFIED)


def archive_of(**files: bytes) -> bytes:
    return b"".join(zip_archive((name, stored(content)) for name, content in files.items()))


def test_the_files_come_out_as_they_went_in_and_in_their_order() -> None:
    content = archive_of(b=b"hat" * 100_000, a=b"", c=b"cup")

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["b", "a", "c"]
        assert archive.read("b") == b"hat" * 100_000
        (first, *_) = archive.infolist()
    assert first.compress_type == zipfile.ZIP_STORED
    assert first.date_time == (2026, 11, 28, 12, 30, 44)


def test_an_archive_without_files_is_one() -> None:
    with zipfile.ZipFile(io.BytesIO(archive_of())) as archive:
        assert archive.namelist() == []


def test_sizes_stand_before_contents_for_readers_that_cannot_seek() -> None:
    content = archive_of(a=b"hat")

    assert content[6:8] == b"\0\0"  # no flags: nothing is left for behind the content
    assert content[18:22] == (3).to_bytes(4, "little")


def test_more_files_than_two_bytes_can_count_are_all_there() -> None:
    number = 0xFFFF + 2
    files = ((f"{n}.jpg", stored(b"%d" % n)) for n in range(number))

    with zipfile.ZipFile(io.BytesIO(b"".join(zip_archive(files)))) as archive:
        assert len(archive.namelist()) == number
        assert archive.read("65536.jpg") == b"65536"


class Zeros(io.BytesIO):
    """So many blocks of zeros that they make an archive large, without keeping any."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self._blocks, self._at = blocks, 0

    def tell(self) -> int:
        return self._at * READ_BYTES

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = 0
        return 0

    def read(self, size: int | None = -1) -> bytes:
        self._at += 1
        return BLOCK if self._at <= self._blocks else b""


def test_a_file_behind_four_gibibytes_is_found(tmp_path: Path) -> None:
    half = 2 * 1024**3 // READ_BYTES
    large = [(str(n), StoredFile(Zeros(half), 0, "", MODIFIED)) for n in range(2)]  # type: ignore[arg-type]
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for part in zip_archive([*large, ("last.jpg", stored(b"hat"))]):
            if part is BLOCK:
                file.seek(len(part), io.SEEK_CUR)  # a hole, which takes no room
            else:
                file.write(part)

    with zipfile.ZipFile(path) as archive:
        assert archive.read("last.jpg") == b"hat"
