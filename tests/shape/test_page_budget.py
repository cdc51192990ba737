"""The page stays small enough to be there at once, and is all of it ours."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "src" / "levada" / "server" / "page"
FIRST_LOAD = 350 * 1024
"""Bytes, packed, of what a browser fetches before it shows anything."""


@pytest.fixture
def index() -> str:
    path = PAGE / "index.html"
    if not path.is_file():
        pytest.skip("the page is not built (make ui)")
    return path.read_text()


def test_the_first_load_is_small(index) -> None:
    named = re.findall(r'(?:src|href)="/([^"]+)"', index)
    assert any(name.endswith(".js") for name in named)
    packed = {name: len(gzip.compress((PAGE / name).read_bytes(), 9)) for name in named}
    assert sum(packed.values()) + len(gzip.compress(index.encode())) <= FIRST_LOAD, packed


def test_nothing_is_fetched_from_elsewhere(index) -> None:
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', index)
    for style in PAGE.glob("assets/*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//|@import", style.read_text()), style.name
