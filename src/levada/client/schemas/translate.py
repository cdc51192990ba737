"""Turns what a list is asked with into fields of its query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from levada.core.errors import ObjectUnsupported
from levada.core.states import StateType
from levada.wire.deployments import DeploymentQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery

_FIELDS: Final[dict[type[Struct], dict[str, str]]] = {
    FlowRunQuery: {
        "flow_filter.name.any_": "flow_names",
        "flow_run_filter.id.any_": "ids",
        "flow_run_filter.name.any_": "names",
        "flow_run_filter.name.like_": "name_like",
        "flow_run_filter.tags.all_": "tags_all",
        "flow_run_filter.state.type.any_": "state_types",
        "flow_run_filter.state.name.any_": "state_names",
        "flow_run_filter.start_time.after_": "started_after",
        "flow_run_filter.start_time.before_": "started_before",
        "flow_run_filter.tags.any_": "tags_any",
        "flow_run_filter.end_time.after_": "ended_after",
        "flow_run_filter.end_time.before_": "ended_before",
        "flow_run_filter.expected_start_time.after_": "expected_after",
        "flow_run_filter.expected_start_time.before_": "expected_before",
        "flow_run_filter.deployment_id.any_": "deployment_ids",
        "deployment_filter.id.any_": "deployment_ids",
        "deployment_filter.name.any_": "deployment_names",
        "work_pool_filter.name.any_": "work_pool_names",
        "work_queue_filter.name.any_": "work_queue_names",
        "flow_run_filter.flow_version.any_": "flow_versions",
        "flow_run_filter.parent_flow_run_id.any_": "parent_flow_run_ids",
        "flow_run_filter.parent_task_run_id.any_": "parent_task_run_ids",
        "flow_run_filter.parent_task_run_id.is_null_": "top_level",
    },
    TaskRunQuery: {
        "flow_run_filter.id.any_": "flow_run_ids",
        "task_run_filter.id.any_": "ids",
        "task_run_filter.name.any_": "names",
        "task_run_filter.name.like_": "name_like",
        "task_run_filter.tags.all_": "tags_all",
        "task_run_filter.state.type.any_": "state_types",
        "task_run_filter.state.name.any_": "state_names",
        "task_run_filter.flow_run_id.any_": "flow_run_ids",
    },
    LogQuery: {
        "log_filter.level.ge_": "min_level",
        "log_filter.timestamp.after_": "after",
        "log_filter.timestamp.before_": "before",
        "log_filter.flow_run_id.any_": "flow_run_ids",
        "log_filter.task_run_id.any_": "task_run_ids",
        "log_filter.text.query": "text",
    },
    ArtifactQuery: {
        "flow_run_filter.id.any_": "flow_run_ids",
        "artifact_filter.id.any_": "ids",
        "artifact_filter.key.any_": "keys",
        "artifact_filter.type.any_": "types",
        "artifact_filter.flow_run_id.any_": "flow_run_ids",
    },
    DeploymentQuery: {
        "flow_filter.name.any_": "flow_names",
        "deployment_filter.id.any_": "ids",
        "deployment_filter.name.any_": "names",
        "deployment_filter.name.like_": "name_like",
        "deployment_filter.tags.all_": "tags",
        "deployment_filter.paused.eq_": "paused",
        "work_pool_filter.name.any_": "pools",
    },
}

_NEWEST_FIRST: Final[dict[type[Struct], tuple[str, bool] | None]] = {
    FlowRunQuery: ("oldest_first", False),
    TaskRunQuery: ("newest_first", True),
    LogQuery: ("newest_first", True),
    ArtifactQuery: None,
    DeploymentQuery: None,
}
"""The field that turns the order round, and its value for newest first; None where newest first is the only order."""

FLOW_RUN_SORTS: Final = frozenset({"id", "started", "ended", "expected", "name", "duration"})
"""What flow runs can be sorted by, see `FlowRunQuery.sort`; each with `-` before it for the greatest first."""

_COLUMNS: Final = {"NAME": "name", "END_TIME": "ended", "DURATION": "duration"}
"""The same in the words of other orchestrators; all other times of theirs are in the order in which runs were made."""


def fields_of(kind: type[Struct], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a query for keywords that are fields already, filters, or a sort order.

    Raises:
        TypeError: a keyword is none of these.
        ObjectUnsupported: a filter or an order asks for what this list cannot be asked for.
    """
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name == "sort":
            fields.update(_order(kind, value))
        elif name in kind.__struct_fields__:
            fields[name] = _converted(name, value)
        elif name.endswith("_filter"):
            fields.update(_conditions(kind, name, value))
        else:
            known = ", ".join(kind.__struct_fields__)
            raise TypeError(f"This list cannot be asked for {name!r}; there are: {known}.")
    return fields


def _conditions(kind: type[Struct], name: str, given: Any) -> dict[str, Any]:
    fields = {}
    for path, value in _leaves(name, given):
        field = _FIELDS[kind].get(path)
        if field is None:
            known = ", ".join(_FIELDS[kind])
            raise ObjectUnsupported(f"This list cannot be filtered by {path}; there are: {known}.")
        fields[field] = _converted(field, value)
    return fields


def _leaves(path: str, given: Any) -> Iterator[tuple[str, Any]]:
    if given is None:
        return
    if isinstance(given, Struct):
        given = {name: getattr(given, name) for name in given.__struct_fields__}
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from _leaves(f"{path}.{name}", value)
    else:
        yield path, given


def _order(kind: type[Struct], sort: Any) -> dict[str, Any]:
    text = str(getattr(sort, "value", sort))
    word = text.upper()
    column, _, direction = word.rpartition("_")
    if kind is FlowRunQuery and (text.removeprefix("-") in FLOW_RUN_SORTS or column in _COLUMNS):
        return {"sort": ("-" if direction == "DESC" else "") + _COLUMNS[column] if column in _COLUMNS else text}
    if direction not in {"ASC", "DESC"} or column in {"", "NAME"}:
        raise ObjectUnsupported(f"This list cannot be sorted by {text!r}; it is sorted by time.")
    newest_first = direction == "DESC"
    turned = _NEWEST_FIRST[kind]
    if turned is None:
        if not newest_first:
            raise ObjectUnsupported("This list gives the newest first, and has no other order.")
        return {}
    field, value = turned
    return {field: value if newest_first else not value}


def _converted(field: str, value: Any) -> Any:
    if field == "state_types":
        return [item if isinstance(item, StateType) else StateType(str(item).upper()) for item in value]
    if field == "ids" or field.endswith("_ids"):
        return [item if isinstance(item, UUID) else UUID(str(item)) for item in value]
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return value
