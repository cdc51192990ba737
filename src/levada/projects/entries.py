"""The fields of a deployment in a project file, and what each means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from levada.core.errors import LevadaError
from levada.deployments.deployment import Deployment, with_catchup
from levada.deployments.options import as_environment, as_needs, concurrency
from levada.deployments.timing import as_spec
from levada.projects.reading import At, Project, check_names

if TYPE_CHECKING:
    from levada.flows import Flow


class Field(Struct, frozen=True):
    """A field of an entry.

    Attributes:
        kind: what it holds, for people and for the check: text, number, whole number, yes or no, list, table, anything.
        does: what it says, for the reference.
    """

    kind: str
    does: str


FIELDS: dict[str, Field] = {
    "name": Field("text", "Name of the deployment."),
    "entrypoint": Field("text", "`path/file.py:function`, from the folder of this file, or `package.module:function`."),
    "flow_name": Field("text", "Name of the flow; only looked at to choose entries before flows are loaded."),
    "description": Field("text", "For people; the flow's docstring unless given."),
    "version": Field("anything", "A name for the version, for people. Versions are numbered by themselves."),
    "tags": Field("list", "Tags of every run."),
    "labels": Field("table", "Labels of every run."),
    "parameters": Field("table", "Defaults of the flow's parameters."),
    "enforce_parameter_schema": Field("yes or no", "Refuse runs whose parameters do not fit; yes unless given."),
    "schedule": Field("table", "One schedule; see below."),
    "schedules": Field("list", "Schedules; an empty list takes away those it has. Without the field they stay."),
    "catchup": Field("anything", "What becomes of missed times: `none`, `last`, `all`, or a number of runs."),
    "paused": Field("yes or no", "Whether it stands still; stays as it is without the field."),
    "concurrency_limit": Field("anything", "A number, or a table of `limit` and `collision_strategy`."),
    "work_pool": Field("table", "`name`, `work_queue_name`, `job_variables`."),
    "environment": Field("anything", "Python packages of its runs: a list, or a requirements, lock or pyproject file."),
    "needs": Field("table", "What a worker must have free: `cpu`, `memory` (`2GiB`), `gpu`, `labels`."),
    "priority": Field("whole number", "Higher ones of a queue are taken first."),
    "fairness_key": Field("text", "Runs of different keys take turns."),
    "weight": Field("number", "Share of its key among others."),
    "retries": Field("whole number", "Flow retries, over those of the flow."),
    "crash_retries": Field("whole number", "How often a run is taken up again when its process is gone."),
    "start_deadline": Field("number", "Seconds after which a run that could not begin is skipped."),
    "launcher": Field("text", "`process` or `warm`; as the pool says unless given."),
    "entrypoint_type": Field("text", "`file_path` or `module_path`."),
    "build": Field("list", "Steps before deploying, in place of those of the file."),
    "push": Field("list", "Steps after building, in place of those of the file."),
    "pull": Field("list", "Steps by which a run fetches its code, in place of those of the file."),
    "triggers": Field("list", "Not in this version; must be empty."),
    "version_type": Field("anything", "Not looked at."),
    "sla": Field("anything", "Not looked at."),
}
"""Every field of an entry of `deployments`."""

POOL_FIELDS = ("name", "work_queue_name", "job_variables")
STEP_FIELDS = ("build", "push", "pull")

_KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "yes or no": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "table": lambda value: isinstance(value, Mapping),
    "anything": lambda _: True,
}
_PLAIN = (
    "priority",
    "fairness_key",
    "weight",
    "retries",
    "crash_retries",
    "start_deadline",
    "launcher",
    "labels",
)


def check_entry(project: Project, at: At, entry: Mapping[str, Any]) -> None:
    """Look whether an entry has only fields that there are.

    Raises:
        ProjectError: it has another one, or one that does not come with this version.
    """
    check_names(project, at, entry, FIELDS)
    if entry.get("triggers"):
        raise project.error((*at, "triggers"), "triggers come with automations, which this version does not have.")
    pool = entry.get("work_pool")
    if isinstance(pool, Mapping):
        check_names(project, (*at, "work_pool"), pool, POOL_FIELDS)
    if entry.get("schedule") is not None and entry.get("schedules") is not None:
        raise project.error((*at, "schedules"), "write either `schedule` or `schedules`.")


def check_values(project: Project, at: At, entry: Mapping[str, Any]) -> None:
    """Look whether the values of an entry are of their kinds, after placeholders were filled.

    Raises:
        ProjectError: one is not.
    """
    for name, value in entry.items():
        kind = FIELDS[name].kind
        if value is not None and not _KINDS[kind](value):
            raise project.error((*at, name), f"{kind} is expected; got {value!r}.")


def deployment_of(
    project: Project, at: At, entry: Mapping[str, Any], flow: Flow[Any, Any], pull: list[dict[str, Any]] | None
) -> Deployment:
    """The deployment that an entry means.

    Args:
        project: for errors.
        at: where the entry stands.
        entry: with placeholders filled.
        flow: what it runs.
        pull: steps that fetch the code; None: it is used where it lies.

    Raises:
        ProjectError: a value cannot be used.
    """
    check_values(project, at, entry)

    def made(name: str, make: Callable[[Any], Any]) -> Any:
        try:
            return make(entry.get(name))
        except (LevadaError, TypeError, ValueError) as error:
            raise project.error((*at, name), str(error)) from error

    pool = entry.get("work_pool") or {}
    try:
        deployment = Deployment.from_flow(
            flow,
            str(entry["name"]),
            paused=entry.get("paused"),
            parameters=entry.get("parameters"),
            description=entry.get("description"),
            tags=entry.get("tags"),
            version=None if entry.get("version") is None else str(entry["version"]),
            enforce_parameter_schema=entry.get("enforce_parameter_schema") is not False,
            work_pool_name=pool.get("name"),
            work_queue_name=pool.get("work_queue_name"),
            job_variables=pool.get("job_variables"),
            entrypoint_type=entry.get("entrypoint_type") or "file_path",
            environment=made("environment", as_environment),
            needs=made("needs", as_needs),
            here=project.folder,
            **{name: entry[name] for name in _PLAIN if entry.get(name) is not None},
        )
    except (LevadaError, ValueError) as error:
        raise project.error(at, str(error)) from error
    limit, strategy = made("concurrency_limit", concurrency)
    schedules = _schedules(project, at, entry)
    return replace(
        deployment,
        concurrency_limit=limit,
        collision_strategy=strategy,
        schedules=made("catchup", lambda given: with_catchup(schedules, given)),
        pull=pull,
    )


def _schedules(project: Project, at: At, entry: Mapping[str, Any]) -> list[Any] | None:
    if entry.get("schedule") is not None:
        listed: list[tuple[At, Any]] = [((*at, "schedule"), entry["schedule"])]
    elif entry.get("schedules") is not None:
        listed = [((*at, "schedules", position), one) for position, one in enumerate(entry["schedules"])]
    else:
        return None
    made = []
    for place, one in listed:
        try:
            made.append(as_spec(one))
        except LevadaError as error:
            raise project.error(place, str(error)) from error
    return made
