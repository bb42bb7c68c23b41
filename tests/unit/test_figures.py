"""A figure of an image has one name, from the compression to the status."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

import pytest

from compress import Compressed
from work_queue.models import Figures, Image


@pytest.mark.parametrize("name", Figures._fields)
def test_a_figure_is_a_field_of_the_compression_and_a_column(name: str) -> None:
    assert name in {field.name for field in fields(Compressed)} | vars(Compressed).keys()
    assert name in Image.__table__.columns


@pytest.mark.parametrize("name", Figures._fields)
def test_a_figure_has_the_type_of_its_column(name: str) -> None:
    (column_type,) = get_type_hints(Image)[name].__args__

    assert get_type_hints(Figures)[name] == column_type
