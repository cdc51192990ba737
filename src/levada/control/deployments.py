"""Deployments, found, shown, and made runs of.

A run of a deployment is an ordinary scheduled run that knows its version, its pool and its queue. `made_run` makes its
row without a look at the database, so that whoever makes many (a schedule's tick, a backfill) saves them all at once;
`make_run` makes one and saves it; `DeploymentRun` is the wish of somebody who asks for one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from levada.control.making import Creation, Origin, creation, made
from levada.control.pools import check_queue, pool_spec
from levada.control.saving import save_flow_runs
from levada.control.sheet import Aims, Sheet
from levada.control.templates import template_of
from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.core.ids import uuid7_bytes
from levada.core.json_schema import UNKNOWN, Problem, problems_of
from levada.core.naming import BANNED
from levada.core.states import datetime_of
from levada.store.base import FlowRunRow, Transaction
from levada.store.sql.deployments import DeploymentRow, DeploymentTable, version_of
from levada.wire.changes import NewFlowRun
from levada.wire.deployments import NewDeployment, NewDeploymentRun

Named = UUID | str
"""A deployment by its id, by text of it, by ``flow/name``, or by its name when only one is called so."""

VERSIONED: Final = (
    "code",
    "version",
    "parameters",
    "parameter_schema",
    "enforce_parameter_schema",
    "job_variables",
    "environment",
    "needs",
    "launcher",
    "retries",
    "crash_retries",
)
"""What a version keeps: all that decides what a run executes, and with what. The rest holds for all versions."""

_SHOWN = 5
_BLANK = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLAIN = str.maketrans(dict.fromkeys(BANNED, "-"))


class Release(NamedTuple):
    """A version of a deployment, ready to make runs of.

    Attributes:
        deployment: its row.
        number: of the version.
        spec: what the version executes, on the deployment's settings as they are now.
    """

    deployment: DeploymentRow
    number: int
    spec: NewDeployment


# Finding -----------------------------------------------------------------------------------------------------------


def deployment_row(transaction: Transaction, deployment: Named) -> DeploymentRow:
    """The row of a deployment.

    Raises:
        ObjectNotFound: there is none, or there are several of this name.
    """
    table = DeploymentTable(transaction)
    identifier = _id_in(deployment)
    if identifier is not None:
        found = table.get(identifier.bytes)
        if found is None:
            raise ObjectNotFound(f"There is no deployment {identifier}.")
        return found
    flow, slash, name = str(deployment).partition("/")
    if slash:
        found = table.named(flow, name)
        if found is None:
            raise ObjectNotFound(f"There is no deployment {str(deployment)!r}. `levada deployment ls` lists them.")
        return found
    rows = table.of_name(flow, _SHOWN + 1)
    if not rows:
        raise ObjectNotFound(f"There is no deployment {flow!r}. Deployments are named flow/name.")
    if len(rows) > 1:
        shown = ", ".join(f"{row.flow}/{row.name}" for row in rows[:_SHOWN])
        raise ObjectNotFound(f"Several deployments are called {flow!r}: {shown}. Say whose it is.")
    return rows[0]


def release(transaction: Transaction, deployment: DeploymentRow, number: int | None = None) -> Release:
    """A version of a deployment; the live one unless another is asked for.

    Raises:
        ObjectNotFound: there is no such version.
    """
    spec = deployment.spec
    if number is None or number == deployment.live:
        return Release(deployment, deployment.live, spec)
    row = DeploymentTable(transaction).version(deployment.id, number)
    if row is None:
        raise ObjectNotFound(f"Deployment {deployment.flow}/{deployment.name} has no version {number}.")
    return Release(deployment, number, with_version(spec, version_of(row).spec))


def with_version(spec: NewDeployment, version: NewDeployment) -> NewDeployment:
    """A deployment's settings with what one of its versions executes."""
    return replace(spec, **{field: getattr(version, field) for field in VERSIONED})


def _id_in(deployment: Named) -> UUID | None:
    if isinstance(deployment, UUID):
        return deployment
    try:
        return UUID(deployment)
    except ValueError:
        return None


# Runs --------------------------------------------------------------------------------------------------------------


def wanted_run(
    release: Release,
    new: NewDeploymentRun,
    *,
    by: str = "",
    schedule: bytes | None = None,
    nominal: int | None = None,
    interval: tuple[int, int] | None = None,
) -> Creation:
    """A run of a deployment, looked over; no look at the database.

    Args:
        release: what it executes.
        new: what is to be different from the deployment.
        by: who asks, for people.
        schedule: the schedule or backfill that makes it.
        nominal: the time of its schedule, at which it is due unless `new` says when; microseconds since 1970.
        interval: the range of data that it is about, microseconds since 1970.

    Raises:
        RequestInvalid: its parameters are not what the flow takes, or something else cannot be used.
        RequestTooLarge: its parameters are larger than 512 KiB.
        InvalidNameError: its name cannot be used.
    """
    deployment, spec = release.deployment, release.spec
    parameters = {**spec.parameters, **new.parameters}
    if spec.enforce_parameter_schema and spec.parameter_schema is not None:
        _refuse_parameters(deployment, problems_of(parameters, spec.parameter_schema, "$.parameters"))
    due = new.scheduled_time
    if due is None and nominal is not None:
        due = datetime_of(nominal)
    name = new.name if new.name is None else _filled(new.name, release, parameters, nominal)
    wanted = NewFlowRun(
        flow_name=deployment.flow,
        name=name,
        parameters=parameters,
        tags=list(dict.fromkeys([*spec.tags, *new.tags])),
        labels={**spec.labels, **new.labels},
        idempotency_key=new.idempotency_key,
        scheduled_time=due,
        deployment_id=UUID(bytes=deployment.id),
        parent_task_run_id=new.parent_task_run_id,
        flow_version=spec.version,
        entrypoint=spec.code.entrypoint,
        retries=(new.retries if new.retries is not None else spec.retries) or 0,
        crash_retries=spec.crash_retries or 0,
        work_pool_name=deployment.pool,
        work_queue_name=new.queue or deployment.queue,
        priority=spec.priority if new.priority is None else new.priority,
        job_variables=new.job_variables,
    )
    return creation(wanted, by, Origin(release.number, schedule, interval))


def made_run(
    release: Release,
    new: NewDeploymentRun,
    now: int,
    *,
    by: str = "",
    schedule: bytes | None = None,
    nominal: int | None = None,
    interval: tuple[int, int] | None = None,
) -> tuple[FlowRunRow, list[str]]:
    """Row and facts of a new run, for `save_flow_runs`, which takes many at once; no look at the database.

    For those whom nobody called and no idempotency key protects, in the deployment's own queue.

    Args:
        release: what it executes.
        new: what is to be different from the deployment.
        now: microseconds since 1970.
        by: who asks, for people.
        schedule: the schedule or backfill that makes it.
        nominal: the time of its schedule, at which it is due unless `new` says when; microseconds since 1970.
        interval: the range of data that it is about, microseconds since 1970.

    Raises:
        LevadaError: as `wanted_run`.
    """
    wanted = wanted_run(release, new, by=by, schedule=schedule, nominal=nominal, interval=interval)
    return made(wanted, uuid7_bytes(now, os.urandom(8)), now, None, None)


def make_run(
    transaction: Transaction,
    deployment: DeploymentRow,
    new: NewDeploymentRun,
    *,
    by: str = "",
    schedule: bytes | None = None,
    nominal: int | None = None,
    interval: tuple[int, int] | None = None,
    version: int | None = None,
) -> FlowRunRow:
    """Make a run of a deployment and save it.

    Args:
        transaction: a writing one.
        deployment: its row.
        new: what is to be different from the deployment.
        by: who asks, for people.
        schedule: the schedule or backfill that makes it.
        nominal: the time of its schedule, at which it is due unless `new` says when; microseconds since 1970.
        interval: the range of data that it is about, microseconds since 1970.
        version: number of the version; what `new` says, or the live one, unless given.

    Raises:
        ObjectNotFound: there is no such version.
        RequestInvalid, RequestTooLarge, InvalidNameError: it cannot be made; see `wanted_run`.
    """
    chosen = release(transaction, deployment, new.version if version is None else version)
    check_overrides(transaction, chosen, new)
    now = transaction.now
    row, facts = made_run(chosen, new, now, by=by, schedule=schedule, nominal=nominal, interval=interval)
    save_flow_runs(transaction, {}, [(row, facts)])
    return row


class DeploymentRun(NamedTuple):
    """A run of a deployment that somebody asks for. See `levada.control.sheet.Asked`."""

    deployment: Named
    new: NewDeploymentRun
    by: str = ""

    def aims(self, transaction: Transaction) -> Aims:
        """Its idempotency key, which is one of its deployment.

        Raises:
            ObjectNotFound: there is no such deployment.
        """
        row = deployment_row(transaction, self.deployment)
        return Aims(key=None if self.new.idempotency_key is None else _key_of(row, self.new), found=row)

    def carry_out(self, sheet: Sheet, aims: Aims) -> FlowRunRow:
        """The row of the new run, or of the one that the same key made.

        Raises:
            ObjectNotFound: there is no such version or task run.
            RequestInvalid, RequestTooLarge, InvalidNameError: it cannot be made; see `wanted_run`.
        """
        transaction = sheet.transaction
        chosen = release(transaction, aims.found, self.new.version)
        check_overrides(transaction, chosen, self.new)
        return wanted_run(chosen, self.new, by=self.by).carry_out(sheet, aims)


def _key_of(deployment: DeploymentRow, new: NewDeploymentRun) -> tuple[str, str]:
    return deployment.flow, f"{UUID(bytes=deployment.id)}:{new.idempotency_key}"


# What is looked over -----------------------------------------------------------------------------------------------


def check_overrides(transaction: Transaction, release: Release, new: NewDeploymentRun) -> None:
    """Look whether what a run has of its own fits its pool.

    Raises:
        RequestInvalid: there is no such queue, or its job variables are not those of the pool.
    """
    pool = release.deployment.pool
    if new.queue is not None:
        if pool is None:
            raise RequestInvalid(
                f"Deployment {release.deployment.flow}/{release.deployment.name} has no work pool, so its runs have no "
                "queue.",
                (("$.queue", "has no pool"),),
            )
        check_queue(transaction, pool, new.queue)
    if new.job_variables and pool is not None:
        given = {**release.spec.job_variables, **new.job_variables}
        check_job_variables(transaction, pool, given, complete=True)


def check_job_variables(transaction: Transaction, pool: str, given: Mapping[str, Any], *, complete: bool) -> None:
    """Look whether job variables are what the template of their pool takes.

    Args:
        transaction: any.
        pool: a pool that is there.
        given: the variables.
        complete: none that is required may be missing.

    Raises:
        RequestInvalid: they are not; each with its field.
    """
    schema = template_of(pool_spec(transaction, pool)).get("variables")
    if not isinstance(schema, dict):
        return
    problems = problems_of(dict(given), schema if complete else without_required(schema), "$.job_variables")
    if problems:
        path, problem = problems[0]
        raise RequestInvalid(f"The job variables do not fit work pool {pool!r}: {path} {problem}.", tuple(problems))


def check_parameters(spec: NewDeployment) -> None:
    """Look whether the default parameters of a deployment are what its flow takes; more may be given with each run.

    Raises:
        RequestInvalid: they are not; each with its field.
    """
    if spec.enforce_parameter_schema and spec.parameter_schema is not None:
        problems = problems_of(spec.parameters, without_required(spec.parameter_schema), "$.parameters")
        if problems:
            path, problem = problems[0]
            raise RequestInvalid(
                f"The parameters of deployment {spec.flow_name}/{spec.name} are not what the flow takes: "
                f"{path} {problem}.",
                tuple(problems),
            )


def without_required(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of an object of which parts may be missing."""
    return {key: value for key, value in schema.items() if key != "required"}


def _refuse_parameters(deployment: DeploymentRow, problems: Sequence[Problem]) -> None:
    if problems:
        path, problem = problems[0]
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        names = (deployment.spec.parameter_schema or {}).get("properties") or {}
        known = f" The flow takes: {', '.join(names) or 'none'}." if problem == UNKNOWN else ""
        raise RequestInvalid(
            f"Deployment {deployment.flow}/{deployment.name} cannot run with these parameters: {path} {problem}{more}."
            + known,
            tuple(problems),
        )


def _filled(name: str, release: Release, parameters: Mapping[str, Any], nominal: int | None) -> str:
    """A run's name with what stands for something else in it filled in; what stands for nothing known stays."""
    described = (release.spec.parameter_schema or {}).get("properties") or {}
    defaults = {key: one["default"] for key, one in described.items() if isinstance(one, dict) and "default" in one}
    known: dict[str, str] = {key: str(value) for key, value in {**defaults, **parameters}.items()}
    known |= {"flow_name": release.deployment.flow, "deployment_name": release.deployment.name}
    known["version"] = str(release.number)
    if nominal is not None:
        known["scheduled_time"] = datetime_of(nominal).isoformat()
    return _BLANK.sub(lambda found: known.get(found[1], found[0]).translate(_PLAIN), name)
