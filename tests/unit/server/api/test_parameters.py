"""Parameters of addresses: those that nobody knows are refused, with what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import TestClient

from tests.unit.server.api.conftest import Story


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/api/flow_runs/{run}/logs/download?fomr=csv", "fomr", "Did you mean form? It takes form"),
        ("/api/flow_runs/{run}/graph?sinec=2026-01-01T00:00:00Z", "sinec", "Did you mean since?"),
        ("/api/version?verbose=1", "verbose", "It takes none."),
    ],
)
def test_a_parameter_that_an_address_does_not_have_is_refused_with_what_was_meant(
    api: TestClient[Any], story: Story, path: str, name: str, said: str
) -> None:
    answer = api.get(path.format(run=story.done))
    assert answer.status_code == 422
    problem = answer.json()
    assert said in problem["detail"]
    assert [field["path"] for field in problem["fields"]] == [f"$.{name}"]


def test_a_parameter_of_an_address_is_taken_in_any_spelling_of_its_letters(api: TestClient[Any], story: Story) -> None:
    answer = api.get(f"/api/flow_runs/{story.done}/graph?%6Cimit=1&limit=2")
    assert answer.status_code == 200
