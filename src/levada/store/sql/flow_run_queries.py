"""Which flow runs a query wants, and along which index they are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from levada.core.errors import ParameterError
from levada.core.states import us_of
from levada.store.facts import label_fact, parameter_fact, tag_fact
from levada.store.sql.connection import Dialect
from levada.store.sql.selection import (
    Arm,
    Filters,
    Selection,
    filter_state_names,
    prefix_range,
    raw,
    raw_or_none,
    state_codes,
    units,
)
from levada.wire.filters import FlowRunQuery

SORTS = {
    "started": "coalesce(r.started, r.expected)",
    "ended": f"coalesce(r.ended, {1 << 62})",
    "expected": "r.expected",
    "name": "r.name",
    "duration": "coalesce(r.ended - r.started, -1)",
}
"""What lists can be sorted by, each with its index `flow_runs_by_<name>`. A run that did not start yet is sorted by
when it should; one that did not end comes after all that did, and is of no duration."""

_ABOUT_ONE = ("id", "parent_task", "parent_run", "name")
"""Columns whose filters leave so few rows that no other filter can do better."""


def select(query: FlowRunQuery, dialect: Dialect) -> Selection:
    """Which rows a query wants, and along which index they are found.

    Raises:
        ParameterError: they cannot be sorted so.
    """
    filters = Filters(dialect)
    order, _ = order_of(query)
    codes = state_codes(query.state_types, query.state_names)
    given = _given(query, codes)
    facts, key = _facts(query), "r.id"
    if not facts or set(_ABOUT_ONE).intersection(given):
        arms = _arms(query, given, order, filters)
    else:
        along = dialect.through("flow_run_facts AS g", "flow_runs AS r", "flow_runs_by_id", "r.id = g.run")
        arms, key = [Arm(along, "g.fact = ?", (fact,)) for fact in facts.pop()], "g.run"
        _drop(filters, given)
    for group in facts:
        condition, parameters = dialect.one_of("t.fact", group)
        filters.add(f"EXISTS (SELECT 1 FROM flow_run_facts AS t WHERE {condition} AND t.run = r.id)", *parameters)
    if len(arms) > 1 and key == "g.run":
        arms = _of_any_fact(arms, dialect)
        key = "r.id"
    selection = Selection(arms, filters, key, sort=SORTS.get(order), order=order)
    if query.id_prefix is not None:
        selection.low, selection.high = prefix_range(query.id_prefix)
    _filter(filters, query)
    return selection


def order_of(query: FlowRunQuery) -> tuple[str, bool]:
    """Name of a query's order, and whether the greatest comes first.

    Raises:
        ParameterError: it is none that lists can have.
    """
    if query.sort is None:
        return "id", not query.oldest_first
    order = query.sort.removeprefix("-")
    if order != "id" and order not in SORTS:
        raise ParameterError(
            f"Flow runs cannot be sorted by {query.sort!r}, only by {', '.join(['id', *SORTS])}, each with `-` before "
            "it for the greatest first."
        )
    return order, query.sort.startswith("-")


def _facts(query: FlowRunQuery) -> list[list[str]]:
    """Groups of facts; a run must have one of each group. The one to walk along comes last."""
    groups = [[tag_fact(tag)] for tag in query.tags_all or ()]
    groups += [[label_fact(name, value)] for name, value in (query.labels or {}).items()]
    groups += [[parameter_fact(name, value)] for name, value in (query.parameters or {}).items()]
    if query.tags_any is not None:
        groups.insert(0, list(dict.fromkeys(tag_fact(tag) for tag in query.tags_any)))
    return groups


def _of_any_fact(arms: list[Arm], dialect: Dialect) -> list[Arm]:
    """One arm in the place of several that may find the same run."""
    condition, parameters = dialect.one_of("g.fact", [arm.parameters[0] for arm in arms])
    source = dialect.along("flow_runs AS r", "flow_runs_by_id")
    return [Arm(source, f"r.id IN (SELECT g.run FROM flow_run_facts AS g WHERE {condition})", tuple(parameters))]


def _given(query: FlowRunQuery, codes: list[int] | None) -> dict[str, list[object]]:
    """The values wanted of each column that has an index, the most selective column first."""
    wanted: dict[str, Sequence[object] | None] = {
        "id": raw_or_none(query.ids),
        "parent_task": raw_or_none(query.parent_task_run_ids),
        "parent_run": raw_or_none(query.parent_flow_run_ids),
        "name": query.names,
        "deployment": raw_or_none(query.deployment_ids),
        "pool": query.work_pool_names,
        "flow": query.flow_names,
        "state": codes,
    }
    return {column: list(dict.fromkeys(values)) for column, values in wanted.items() if values is not None}


def _arms(query: FlowRunQuery, given: dict[str, list[object]], order: str, filters: Filters) -> list[Arm]:
    """The walks of the most selective filter given; every other filter that it could have been goes to `filters`."""
    dialect = filters.dialect

    def along(index: str, condition: str = "", values: Iterable[tuple[object, ...]] = ((),)) -> list[Arm]:
        return [Arm(dialect.along("flow_runs AS r", index), condition, tuple(value)) for value in values]

    columns = list(given)
    for column in columns:
        if column in _ABOUT_ONE:
            values = given.pop(column)
            _drop(filters, given)
            return along(f"flow_runs_by_{column}", f"r.{column} = ?", [(value,) for value in values])
    if query.schedule_ids is not None and query.deployment_ids is None:
        _drop(filters, given)
        condition, parameters = dialect.one_of("o.schedule", raw(query.schedule_ids))
        made = f"r.id IN (SELECT o.run FROM occurrences AS o WHERE {condition})"
        return along("flow_runs_by_id", made, [tuple(parameters)])
    if order != "id":
        _drop(filters, given)
        return along(f"flow_runs_by_{order}")
    if query.error_like is not None:
        _drop(filters, given)
        return along("flow_runs_with_message", "r.message IS NOT NULL")
    timed = _time_index(query)
    if timed is not None:
        _drop(filters, given)
        return along(timed)
    if columns == ["flow", "state"]:
        pairs = [(flow, state) for flow, state in product(given["flow"], given["state"])]
        return along("flow_runs_by_flow_state", "r.flow = ? AND r.state = ?", pairs)
    if columns:
        values = given.pop(columns[0])
        _drop(filters, given)
        return along(f"flow_runs_by_{columns[0]}", f"r.{columns[0]} = ?", [(value,) for value in values])
    return along({True: "flow_runs_on_top", False: "flow_runs_below", None: "flow_runs_by_id"}[query.top_level])


def _time_index(query: FlowRunQuery) -> str | None:
    """The index of the time that a query bounds; the runs of a range are sorted by id when they are found."""
    if query.created_after is not None or query.created_before is not None:
        return "flow_runs_by_created"
    if query.expected_after is not None or query.expected_before is not None:
        return "flow_runs_by_expected"
    if query.started_after is not None or query.started_before is not None:
        return "flow_runs_by_started"
    if query.ended_after is not None or query.ended_before is not None:
        return "flow_runs_by_ended"
    if query.min_seconds is not None or query.max_seconds is not None:
        return "flow_runs_by_duration"
    return None


def _drop(filters: Filters, given: dict[str, list[object]]) -> None:
    """Drop the rows that have none of the values wanted of a column."""
    for column, values in given.items():
        filters.one_of(f"r.{column}", values)


def _filter(filters: Filters, query: FlowRunQuery) -> None:
    """The filters that no index serves, and the bounds of those that one does."""
    filter_state_names(filters, query.state_names)
    if query.name_like is not None:
        filters.contains("r.name", query.name_like)
    if query.error_like is not None:
        filters.contains("r.message", query.error_like)
    if query.created_by is not None:
        filters.one_of("r.created_by", query.created_by)
    if query.deployment_versions is not None:
        filters.one_of("r.deployed", query.deployment_versions)
    if query.work_queue_names is not None:
        filters.one_of("r.queue", query.work_queue_names)
    if query.schedule_ids is not None:
        condition, parameters = filters.dialect.one_of("o.schedule", raw(query.schedule_ids))
        filters.add(f"EXISTS (SELECT 1 FROM occurrences AS o WHERE o.run = r.id AND {condition})", *parameters)
    if query.flow_versions is not None:
        filters.one_of("r.version", query.flow_versions)
    if query.top_level is not None:
        filters.add("r.parent_run IS NULL" if query.top_level else "r.parent_run IS NOT NULL")
    for column, after, before in (
        ("created", query.created_after, query.created_before),
        ("started", query.started_after, query.started_before),
        ("ended", query.ended_after, query.ended_before),
        ("expected", query.expected_after, query.expected_before),
    ):
        low, high = (None if moment is None else us_of(moment) for moment in (after, before))
        if low is None and high is None:
            continue
        # The index is one of the expression that is sorted by; runs that did not start or end are no part of a range.
        filters.between(SORTS.get(column, f"r.{column}"), low, high)
        if column in {"started", "ended"}:
            filters.add(f"r.{column} IS NOT NULL")
    if query.min_seconds is not None or query.max_seconds is not None:
        low = units(query.min_seconds or 0, 1_000_000)
        filters.add(f"{SORTS['duration']} >= ?", low)
        if query.max_seconds is not None:
            filters.add(f"{SORTS['duration']} <= ?", units(query.max_seconds, 1_000_000))
