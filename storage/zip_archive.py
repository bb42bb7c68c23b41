"""Files as a ZIP archive that is sent while it is made: stored, not deflated, of any size.

Pictures are compressed already, so deflating them costs time and saves nothing. Python's zipfile
keeps an object for each entry, and cannot write sizes before contents where it can't seek, which
some readers refuse; here an entry costs its line of the directory, in a temporary file.

The format is that of PKWARE's APPNOTE.TXT 6.3.10; the sections are named beside their records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from settings import MIB
from storage.base import StoredFile

READ_BYTES = 64 * 1024
ZIP64_FROM = 0xFFFFFFFF  # bytes: then a field of four has no room
MANY = 0xFFFF  # entries: likewise of two bytes
PLAIN, ZIP64 = 20, 45  # the version that a reader must know
MADE_ON_UNIX = 3 << 8
MODE = 0o100644 << 16  # a file that its owner may write

ENTRY = struct.Struct("<4sHHHHHIIIHH")  # 4.3.7, local file header
LISTED = struct.Struct("<4sHHHHHHIIIHHHHHII")  # 4.3.12, central directory header
FAR = struct.Struct("<HHQ")  # 4.5.3, ZIP64 extended information, of an offset
END64 = struct.Struct("<4sQHHIIQQQQ")  # 4.3.14
LOCATOR64 = struct.Struct("<4sIQI")  # 4.3.15
END = struct.Struct("<4sHHHHIIH")  # 4.3.16


def zip_archive(files: Iterable[tuple[str, StoredFile]]) -> Iterator[bytes]:
    """The archive, a part at a time; a file is read twice, then closed. Names are ASCII."""
    offset = number = 0
    with SpooledTemporaryFile(MIB) as directory:
        for name, stored in files:
            with stored.content as content:
                crc, size = _measured(content)
                facts = (0, 0, *_dos_time(stored.modified), crc, size, size, len(name))
                yield ENTRY.pack(b"PK\3\4", PLAIN, *facts, 0) + name.encode()
                yield from iter(partial(content.read, READ_BYTES), b"")
            directory.write(_listed(name, facts, offset))
            offset += ENTRY.size + len(name) + size
            number += 1
        length = directory.tell()
        directory.seek(0)
        yield from iter(partial(directory.read, READ_BYTES), b"")
        yield _end(number, length, offset)


def _measured(content: IO[bytes]) -> tuple[int, int]:
    """The checksum and the size of a file, which is at its beginning again."""
    crc = 0
    for part in iter(partial(content.read, READ_BYTES), b""):
        crc = zlib.crc32(part, crc)
    size = content.tell()
    content.seek(0)
    return crc, size


def _dos_time(moment: datetime) -> tuple[int, int]:
    """4.4.6: the time and the date, in steps of two seconds."""
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def _listed(name: str, facts: tuple[int, ...], offset: int) -> bytes:
    is_far = offset >= ZIP64_FROM
    extra = FAR.pack(1, 8, offset) if is_far else b""
    version = ZIP64 if is_far else PLAIN
    rest = (len(extra), 0, 0, 0, MODE, min(offset, ZIP64_FROM))
    begin = LISTED.pack(b"PK\1\2", MADE_ON_UNIX | version, version, *facts, *rest)
    return begin + name.encode() + extra


def _end(number: int, length: int, offset: int) -> bytes:
    """The end of an archive whose directory, of so many entries and bytes, begins at an offset."""
    numbers = (min(number, MANY), min(number, MANY))
    end = END.pack(b"PK\5\6", 0, 0, *numbers, min(length, ZIP64_FROM), min(offset, ZIP64_FROM), 0)
    if number < MANY and offset + length < ZIP64_FROM:
        return end
    size = END64.size - 12  # 4.3.14.1: without the first two fields
    end64 = END64.pack(b"PK\6\6", size, ZIP64, ZIP64, 0, 0, number, number, length, offset)
    return end64 + LOCATOR64.pack(b"PK\6\7", 0, offset + length, 1) + end
