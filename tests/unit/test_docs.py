"""The documents name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "README.md"]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}


def test_the_architecture_s_table_lists_every_room() -> None:
    rows = re.findall(
        r"^\| (`.*?`.*?) \|", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE
    )
    listed = {name for row in rows for name in re.findall(r"`(\w+)/`", row)}

    assert listed == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_says_its_purpose_in_one_line(room: str) -> None:
    first = (ROOT / room / "__init__.py").read_text().splitlines()[0]

    assert re.fullmatch(r'""".+[.:](""")?', first), first


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_s_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if not link.startswith(("http:", "https:")):
            assert (document.parent / link).exists(), link


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"])
def test_the_files_and_folders_that_a_document_names_are_there(name: str) -> None:
    text = (ROOT / name).read_text()

    for path in re.findall(r"`([\w./]+(?:\.py|\.sql|\.toml|/))`", text):
        assert (ROOT / path).exists() or list(ROOT.glob(f"*/{path}")), path


def test_a_function_that_the_architecture_names_is_in_the_file_beside_it() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = [
        (file, function)
        for file, words in re.findall(r"([\w/]+\.py) {2,}(.*)", text)
        for function in re.findall(r"(\w+)\(\)", words)
    ]

    assert len(named) > 10
    for file, function in named:
        assert re.search(rf"^ *def {function}\b", (ROOT / file).read_text(), re.MULTILINE), function
