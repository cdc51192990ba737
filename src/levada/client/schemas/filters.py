"""Filters in nested form: `FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["FAILED"])))`.

Every part may also be given as a dict. Conditions must all hold; a part that is None asks for nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class AnyOf(Struct, omit_defaults=True, kw_only=True):
    """One of these values."""

    any_: list[Any] | None = None


class Named(Struct, omit_defaults=True, kw_only=True):
    """One of these names, or one that contains this text."""

    any_: list[str] | None = None
    like_: str | None = None


class Tagged(Struct, omit_defaults=True, kw_only=True):
    """All of these tags."""

    all_: list[str] | None = None


class Between(Struct, omit_defaults=True, kw_only=True):
    """Not before one moment, not after another."""

    after_: datetime | None = None
    before_: datetime | None = None


class Parent(Struct, omit_defaults=True, kw_only=True):
    """One of these parents, or none at all."""

    any_: list[Any] | None = None
    is_null_: bool | None = None


class InState(Struct, omit_defaults=True, kw_only=True):
    """In a state of this type, of this name."""

    type: AnyOf | dict[str, Any] | None = None
    name: AnyOf | dict[str, Any] | None = None


class AtLevel(Struct, omit_defaults=True, kw_only=True):
    """At this level of logging or above."""

    ge_: int | None = None


class WithText(Struct, omit_defaults=True, kw_only=True):
    """Containing this text."""

    query: str | None = None


class Equal(Struct, omit_defaults=True, kw_only=True):
    """Is, or is not."""

    eq_: bool | None = None


class FlowFilter(Struct, omit_defaults=True, kw_only=True):
    """Which flows."""

    name: Named | dict[str, Any] | None = None


class FlowRunFilter(Struct, omit_defaults=True, kw_only=True):
    """Which flow runs."""

    id: AnyOf | dict[str, Any] | None = None
    name: Named | dict[str, Any] | None = None
    tags: Tagged | dict[str, Any] | None = None
    state: InState | dict[str, Any] | None = None
    start_time: Between | dict[str, Any] | None = None
    deployment_id: AnyOf | dict[str, Any] | None = None
    parent_flow_run_id: AnyOf | dict[str, Any] | None = None
    parent_task_run_id: Parent | dict[str, Any] | None = None


class TaskRunFilter(Struct, omit_defaults=True, kw_only=True):
    """Which task runs."""

    id: AnyOf | dict[str, Any] | None = None
    name: Named | dict[str, Any] | None = None
    tags: Tagged | dict[str, Any] | None = None
    state: InState | dict[str, Any] | None = None
    flow_run_id: AnyOf | dict[str, Any] | None = None


class LogFilter(Struct, omit_defaults=True, kw_only=True):
    """Which lines of log."""

    level: AtLevel | dict[str, Any] | None = None
    timestamp: Between | dict[str, Any] | None = None
    flow_run_id: AnyOf | dict[str, Any] | None = None
    task_run_id: AnyOf | dict[str, Any] | None = None
    text: WithText | dict[str, Any] | None = None


class ArtifactFilter(Struct, omit_defaults=True, kw_only=True):
    """Which artifacts."""

    id: AnyOf | dict[str, Any] | None = None
    key: AnyOf | dict[str, Any] | None = None
    type: AnyOf | dict[str, Any] | None = None
    flow_run_id: AnyOf | dict[str, Any] | None = None


class DeploymentFilter(Struct, omit_defaults=True, kw_only=True):
    """Which deployments."""

    id: AnyOf | dict[str, Any] | None = None
    name: Named | dict[str, Any] | None = None
    tags: Tagged | dict[str, Any] | None = None
    paused: Equal | dict[str, Any] | None = None


class WorkPoolFilter(Struct, omit_defaults=True, kw_only=True):
    """In which work pools."""

    name: AnyOf | dict[str, Any] | None = None


class WorkQueueFilter(Struct, omit_defaults=True, kw_only=True):
    """In which queues."""

    name: AnyOf | dict[str, Any] | None = None


FlowFilterName = FlowRunFilterName = TaskRunFilterName = Named
FlowRunFilterDeploymentId = FlowRunFilterId = TaskRunFilterId = ArtifactFilterId = AnyOf
FlowRunFilterTags = TaskRunFilterTags = Tagged
FlowRunFilterState = TaskRunFilterState = InState
FlowRunFilterStateType = FlowRunFilterStateName = TaskRunFilterStateType = TaskRunFilterStateName = AnyOf
FlowRunFilterStartTime = LogFilterTimestamp = Between
FlowRunFilterParentFlowRunId = TaskRunFilterFlowRunId = LogFilterFlowRunId = ArtifactFilterFlowRunId = AnyOf
FlowRunFilterParentTaskRunId = Parent
LogFilterTaskRunId = ArtifactFilterKey = ArtifactFilterType = AnyOf
LogFilterLevel = AtLevel
LogFilterTextSearch = WithText
ArtifactCollectionFilter = ArtifactFilter
DeploymentFilterId = WorkPoolFilterName = WorkQueueFilterName = AnyOf
DeploymentFilterName = Named
DeploymentFilterTags = Tagged
DeploymentFilterPaused = Equal
