"""Pages by what is on them: how the OpenAPI document describes each list. The answers themselves are `Page`."""

from __future__ import annotations

from msgspec import Struct

from levada.wire.deployments import Deployment
from levada.wire.events import Event
from levada.wire.objects import ArtifactView, FlowRun, FlowView, Log, TaskRun, VariableView


class FlowPage(Struct):
    """A page of flows, by name."""

    items: list[FlowView]
    next: str | None = None


class FlowRunPage(Struct):
    """A page of flow runs."""

    items: list[FlowRun]
    next: str | None = None


class TaskRunPage(Struct):
    """A page of task runs."""

    items: list[TaskRun]
    next: str | None = None


class LogPage(Struct):
    """A page of log lines."""

    items: list[Log]
    next: str | None = None


class ArtifactPage(Struct):
    """A page of artifacts."""

    items: list[ArtifactView]
    next: str | None = None


class VariablePage(Struct):
    """A page of variables, by name."""

    items: list[VariableView]
    next: str | None = None


class EventPage(Struct):
    """A page of events."""

    items: list[Event]
    next: str | None = None


class DeploymentPage(Struct):
    """A page of deployments, by flow and name."""

    items: list[Deployment]
    next: str | None = None
