"""An upload may come packed with gzip, as a whole body; a bomb is refused."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
import requests

from tests.system import PATIENCE, System, csv_of

MIB = 1024 * 1024
CSV = csv_of(("Cup", "http://127.0.0.1:8/cup.jpg")).encode()


def sent(system: System, body: bytes, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{system.url}/upload", data=body, headers=named, timeout=PATIENCE)


def packed_csv(system: System, content: bytes) -> requests.Response:
    return sent(system, gzip.compress(content), Content_Encoding="gzip", Content_Type="text/csv")


def form_of(system: System, content: bytes, **fields: str) -> tuple[bytes, str]:
    """A multipart body with a file, and its type."""
    files = {"file": ("products.csv", content)}
    made = requests.Request("POST", system.url, files=files, data=fields).prepare()
    assert isinstance(made.body, bytes)
    return made.body, made.headers["Content-Type"]


def code_of(response: requests.Response) -> tuple[int, str]:
    body: dict[str, Any] = response.json()
    return response.status_code, body["code"]


def test_a_packed_csv_is_the_same_upload_as_a_plain_one(system: System) -> None:
    key = {"Idempotency_Key": "packed-or-plain", "Content_Type": "text/csv"}

    packed = sent(system, gzip.compress(CSV), Content_Encoding="gzip", **key)
    plain = sent(system, CSV, **key)

    assert packed.status_code == 202
    assert (packed.json()["rows"], packed.json()["images"]) == (1, 1)
    assert packed.json() == plain.json()


def test_a_packed_form_has_its_file_and_its_fields(system: System) -> None:
    body, kind = form_of(system, CSV, reduce_by="70")

    answer = sent(system, gzip.compress(body), Content_Encoding="X-GZIP", Content_Type=kind)

    assert answer.status_code == 202
    status = system.get(f"/status/{answer.json()['request_id']}").json()
    assert (status["file_name"], status["options"]["reduce_by"]) == ("products.csv", 70)


def test_the_most_that_is_taken_is_counted_after_unpacking(system: System) -> None:
    whole = CSV + b"," * (MIB - len(CSV))

    assert packed_csv(system, whole).status_code == 202
    assert code_of(packed_csv(system, whole + b",")) == (413, "upload_too_large")


@pytest.mark.parametrize("as_form", [False, True])
def test_a_bomb_costs_neither_memory_nor_disk(system: System, as_form: bool) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    parts = [bomb.compress(CSV), *(bomb.compress(bytes(16 * MIB)) for _ in range(32))]
    packed, kind = b"".join([*parts, bomb.flush()]), "text/csv"
    if as_form:
        body, kind = form_of(system, CSV + bytes(256 * MIB))
        packed = gzip.compress(body, 1)
    assert len(packed) < 2 * MIB
    before, files = memory_of(system), sorted((system.folder / "uploads").iterdir())

    assert code_of(sent(system, packed[: MIB - 1], Content_Encoding="gzip", Content_Type=kind)) == (
        413,
        "upload_too_large",
    )

    assert memory_of(system) - before < 32 * MIB
    assert sorted((system.folder / "uploads").iterdir()) == files


def memory_of(system: System) -> int:
    """The most that the API's processes have had of the machine's memory so far, in bytes."""
    peaks = 0
    for pid in system.api_processes():
        with open(f"/proc/{pid}/status") as lines:  # noqa: PTH123
            peaks += next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return peaks * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"plain,text\n",
        gzip.compress(CSV)[:-1],
        gzip.compress(CSV)[:-8] + bytes(8),
        gzip.compress(CSV) + b"more",
        gzip.compress(CSV) + gzip.compress(CSV),
        b"",
    ],
    ids=["no gzip", "cut short", "a wrong checksum", "more behind it", "two streams", "nothing"],
)
def test_what_is_not_one_whole_stream_is_refused(system: System, body: bytes) -> None:
    answer = sent(system, body, Content_Encoding="gzip", Content_Type="text/csv")

    assert code_of(answer) == (400, "broken_encoding")
    assert sent(system, CSV, Content_Type="text/csv", Content_Encoding="identity").ok


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_another_encoding_is_refused_with_the_one_that_is_taken(
    system: System, encoding: str
) -> None:
    answer = sent(system, CSV, Content_Encoding=encoding, Content_Type="text/csv")

    assert code_of(answer) == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_a_packed_file_in_a_form_is_refused_in_words(system: System) -> None:
    answer = system.upload(gzip.compress(CSV))

    assert code_of(answer) == (415, "not_a_csv")
    assert "is a gzip archive" in answer.json()["detail"]
