"""What a deployment may say, and what its digest is of."""

from __future__ import annotations

from typing import Any

import pytest

from levada.control.releasing import LARGEST, digest_of, looked_over
from levada.core.errors import InvalidNameError, RequestInvalid, RequestTooLarge
from levada.wire.changes import LARGEST_PARAMETERS
from levada.wire.deployments import Code, EnvironmentSpec, Needs, NewDeployment

CODE = Code(entrypoint="etl.py:etl", digest="d", commit="c")


def spec(**fields: Any) -> NewDeployment:
    return NewDeployment(**{"flow_name": "etl", "name": "nightly", "code": CODE, **fields})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"pool": ""}, "$.pool"),
        ({"launcher": "x" * 256}, "$.launcher"),
        ({"description": "x" * 20_001}, "$.description"),
        ({"code": Code(entrypoint=" ")}, "$.code.entrypoint"),
        ({"concurrency_limit": 0}, "$.concurrency_limit"),
        ({"retries": -1}, "$.retries"),
        ({"crash_retries": 1 << 31}, "$.crash_retries"),
        ({"priority": 1 << 40}, "$.priority"),
        ({"start_deadline": 0.0}, "$.start_deadline"),
        ({"weight": 0.0}, "$.weight"),
        ({"needs": Needs(cpu=-1)}, "$.needs.cpu"),
        ({"environment": EnvironmentSpec(python="3.12")}, "$.environment"),
        ({"environment": EnvironmentSpec(lock="uv.lock", pyproject=".")}, "$.environment"),
        ({"parameters": {"a": object()}}, "$"),
        ({"weight": float("nan")}, "$"),
        ({"weight": "heavy"}, "$"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        looked_over(spec(**fields))
    assert [where for where, _ in caught.value.fields] == [path]


def test_names_and_tags_are_those_that_runs_may_have() -> None:
    for fields in ({"name": "a/b"}, {"flow_name": ""}):
        with pytest.raises(InvalidNameError):
            looked_over(spec(**fields))
    with pytest.raises(RequestInvalid, match="Tag"):
        looked_over(spec(tags=["\n"]))


def test_what_is_too_large_is_refused() -> None:
    for fields in ({"parameters": {"a": "x" * LARGEST_PARAMETERS}}, {"job_variables": {"a": "x" * LARGEST}}):
        with pytest.raises(RequestTooLarge):
            looked_over(spec(**fields))


def test_values_of_a_program_become_what_json_makes_of_them() -> None:
    assert looked_over(spec(parameters={"days": (1, 2)}, tags=["b", "a", "b"])) == spec(
        parameters={"days": [1, 2]}, tags=["b", "a"]
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"code": Code(entrypoint="other.py:etl", digest="d")},
        {"code": Code(entrypoint="etl.py:etl", digest="d2")},
        {"code": Code(entrypoint="etl.py:etl", digest="d", path="/srv")},
        {"code": Code(entrypoint="etl.py:etl", digest="d", pull=[{"git_clone": {"repository": "r"}}])},
        {"parameters": {"a": 1}},
        {"parameter_schema": {}},
        {"enforce_parameter_schema": False},
        {"job_variables": {"a": 1}},
        {"environment": EnvironmentSpec(requirements=["x"])},
        {"needs": Needs(cpu=1)},
        {"launcher": "warm"},
        {"retries": 0},
        {"crash_retries": 1},
        {"version": "2"},
    ],
    ids=str,
)
def test_all_that_decides_what_runs_is_in_the_digest(fields: dict[str, Any]) -> None:
    assert digest_of(spec(**fields)) != digest_of(spec())


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "x"},
        {"tags": ["x"]},
        {"pool": "p"},
        {"concurrency_limit": 1},
        {"priority": 1},
        {"start_deadline": 5.0},
        {"code": Code(entrypoint="etl.py:etl", digest="d", commit="c2", branch="main", dirty=True)},
    ],
    ids=str,
)
def test_settings_and_where_the_code_came_from_are_not(fields: dict[str, Any]) -> None:
    assert digest_of(spec(**fields)) == digest_of(spec())


def test_the_commit_counts_when_the_content_is_not_known() -> None:
    one, other = (Code(entrypoint="etl.py:etl", commit=commit) for commit in "ab")
    assert digest_of(spec(code=one)) != digest_of(spec(code=other))


def test_the_order_in_which_parameters_are_written_does_not_count() -> None:
    assert digest_of(spec(parameters={"a": 1, "b": 2})) == digest_of(spec(parameters={"b": 2, "a": 1}))
