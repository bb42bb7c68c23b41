"""What the services of tests are forked from."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.starter import LIBRARIES


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_is_imported_early_is_there(name: str) -> None:
    assert find_spec(name), "where it is not, starts are slow, and nothing says so"
