"""What is checked of every request beyond its types, and how names travel in paths."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.core.errors import RequestInvalid
from levada.server.api.checks import checked, within
from levada.wire.changes import NewFlowRun
from levada.wire.filters import FlowRunQuery
from levada.wire.paths import RESERVED, name_in, segment


def paths_of(value: Any, **options: Any) -> list[str]:
    with pytest.raises(RequestInvalid) as told:
        checked(value, **options)
    return [path for path, _ in told.value.fields]


@given(st.text(min_size=1) | st.sampled_from(sorted(RESERVED)))
def test_every_name_comes_out_of_a_path_as_it_went_in(name: str) -> None:
    try:
        part = segment(name)
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text, and no name can have it
    assert "/" not in part
    assert part not in RESERVED
    assert name_in(part, decoded=False) == name


def test_everything_that_is_wrong_is_told_at_once() -> None:
    query = FlowRunQuery(limit=0, names=["\0"], created_after=datetime(2024, 1, 1), max_seconds=1e200)
    assert paths_of(query, most_per_page=10) == ["$.names[0]", "$.created_after", "$.max_seconds", "$.limit"]


def test_what_users_give_may_be_long_but_not_unstorable() -> None:
    assert checked(NewFlowRun(flow_name="f", parameters={str(number): number for number in range(5000)}))
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    wrong = NewFlowRun(flow_name="f", parameters={"a\0": 1, "big": 1 << 64, "deep": deep, "inf": float("inf")})
    found = paths_of(wrong)
    assert any("big" in path for path in found)
    assert any("deep" in path for path in found)
    assert any("inf" in path for path in found)
    assert len(found) == 4


def test_a_page_is_as_large_as_the_server_allows() -> None:
    assert within(10, 10) == 10
    with pytest.raises(RequestInvalid, match="1 to 10"):
        within(11, 10)
