from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.results import preview


@dataclasses.dataclass
class Point:
    x: int
    y: list[int]


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("nobody asked")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.5, "1.5"),
        ("a", "'a'"),
        (b"a", "b'a'"),
        ([1, "a"], "[1, 'a']"),
        ((1,), "(1,)"),
        ((), "()"),
        ({1}, "{1}"),
        (set(), "set()"),
        (frozenset(), "frozenset()"),
        ({"a": [1]}, "{'a': [1]}"),
        ([[[[1]]]], "[[[[…]]]]"),
        ([[[]]], "[[[]]]"),
        ([1] * 20, "[1, 1, 1, 1, 1, 1, 1, 1, …] 20 items"),
        ({str(n): n for n in range(9)}, "{'0': 0, '1': 1, '2': 2, '3': 3, '4': 4, '5': 5, '6': 6, '7': 7, …} 9 items"),
        (date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
        (Path("/a"), "PosixPath('/a')"),
        (ValueError("x", 1), "ValueError('x', 1)"),
        (ValueError, "<class builtins.ValueError>"),
        (Point(1, [2]), "Point(x=1, y=[2])"),
        (2**600, "int of 601 bits"),
    ],
)
def test_small_values_are_shown_whole_and_large_ones_counted(value, text):
    assert preview(value) == text


def test_no_repr_of_an_unknown_class_is_called():
    assert preview([Rude()]).endswith("Rude>]")


def test_long_text_is_cut():
    assert len(preview("x" * 10_000)) == 120
    assert len(preview(["x" * 100] * 100)) <= 120
    assert preview("x" * 100, 10) == "'xxxxxxxx…"


def test_tables_are_shown_by_their_shape():
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    assert preview(pandas.DataFrame({"a": [1, 2]})) == "DataFrame 2×1"
    assert preview(numpy.zeros((3, 4, 5))) == "ndarray 3×4×5"


def test_models_are_shown_by_their_fields():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        a: int

    assert preview(Model(a=1)).endswith("Model(a=1)")


anything = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


@given(value=anything)
def test_a_preview_is_never_longer_than_asked(value: Any):
    assert len(preview(value)) <= 120
