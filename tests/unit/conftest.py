"""A home with a virtual clock for tests of the author's verbs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levada.testing import Harness, harness


@pytest.fixture
def test_home() -> Iterator[Harness]:
    """A home of its own in which sleeps and retry delays take no time."""
    with harness(virtual_clock=True) as test:
        yield test
