"""Deployments, made and changed: looked over, put into a pool, and kept as versions that never change.

A version is made when what runs is not what ran: its digest covers `levada.control.deployments.VERSIONED`. Everything
else (description, tags, limits, pool, schedules) belongs to the deployment and holds for whatever version is live.
"""

from __future__ import annotations

import os
from _blake2 import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from levada.control.deployments import VERSIONED, check_job_variables, check_parameters, with_version
from levada.control.making import LONGEST_NAME, check_tags
from levada.control.noting import note
from levada.control.pools import check_queue, ensure_pool
from levada.control.scheduling import pause_schedules, replace_schedules
from levada.core.errors import ObjectNotFound, RequestInvalid, RequestTooLarge
from levada.core.ids import uuid7_bytes
from levada.core.json_schema import Problem
from levada.core.naming import check_name
from levada.store.base import Transaction
from levada.store.sql.deployments import DeploymentRow, DeploymentTable, VersionRow, packed, packed_version, version_of
from levada.wire.changes import LARGEST_PARAMETERS
from levada.wire.deployments import DeploymentChange, EnvironmentSpec, NewDeployment

RESOURCE: Final = "levada.deployment."
"""What the resource id of a deployment begins with; its UUID follows."""

LARGEST: Final = 1024 * 1024
"""Bytes of a deployment as JSON, schedules included."""

LONGEST_DESCRIPTION: Final = 20_000

_WHERE_IT_CAME_FROM = ("commit", "branch", "repository", "dirty")
_ENVIRONMENTS = ("requirements", "requirements_file", "pyproject", "lock")
_decode = msgspec.json.Decoder(NewDeployment).decode


class _Change(NamedTuple):
    """What is to become of a deployment that is there."""

    spec: NewDeployment
    paused: bool | None
    by: str


def looked_over(new: NewDeployment) -> NewDeployment:
    """A deployment as it would come over the wire, when it can be kept; only what is stored can still stand against it.

    Raises:
        InvalidNameError, RequestInvalid: something in it cannot be used.
        RequestTooLarge: it is larger than 1 MiB, or its parameters larger than 512 KiB.
    """
    try:
        data = msgspec.json.encode(new)
        spec = _decode(data)
        parameters = len(msgspec.json.encode(new.parameters))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise RequestInvalid(f"The deployment is no JSON: {error}", (("$", str(error)),)) from error
    if len(data) > LARGEST or parameters > LARGEST_PARAMETERS:
        raise RequestTooLarge(
            f"The deployment takes {len(data)} bytes, its parameters {parameters}; {LARGEST} and {LARGEST_PARAMETERS} "
            "are the most. Put large values somewhere else and pass a reference."
        )
    check_name("flow", spec.flow_name)
    check_name("deployment", spec.name)
    check_tags(spec.tags)
    problems = _problems(spec)
    if problems:
        path, problem = problems[0]
        raise RequestInvalid(
            f"Deployment {spec.flow_name}/{spec.name} cannot be kept: {path} {problem}.", tuple(problems)
        )
    check_parameters(spec)
    return replace(spec, tags=list(dict.fromkeys(spec.tags)))


def deploy(transaction: Transaction, spec: NewDeployment, by: str) -> bytes:
    """Make a deployment, or change the one of this name; its id.

    Args:
        transaction: a writing one.
        spec: as `looked_over` gives it.
        by: who deploys.

    Raises:
        RequestInvalid: its pool or queue is not there, its job variables do not fit the pool, or a schedule cannot be.
    """
    transaction.lock(f"deployment:{spec.flow_name}/{spec.name}")
    schedules, paused = spec.schedules, spec.paused
    spec = _placed(transaction, replace(spec, schedules=None, paused=None))
    row = DeploymentTable(transaction).named(spec.flow_name, spec.name)
    if row is None:
        row = _new(transaction, spec, bool(paused), by)
    else:
        row = _changed(transaction, row, _Change(spec, paused, by))
    if schedules is not None:
        replace_schedules(transaction, row.id, schedules)
    return row.id


def change(transaction: Transaction, row: DeploymentRow, change: DeploymentChange, by: str) -> DeploymentRow:
    """Change some of a deployment.

    Raises:
        LevadaError: as `looked_over` and `deploy`.
    """
    transaction.lock(f"deployment:{row.flow}/{row.name}")
    row = _again(transaction, row)
    given = {key: value for key, value in asdict(change).items() if value is not None and key != "paused"}
    if given.get("concurrency_limit") == -1:
        given["concurrency_limit"] = None
    if "pool" in given and given["pool"] != row.pool:
        given.setdefault("queue", None)
    spec = replace(row.spec, **given)
    if given:
        spec = _placed(transaction, looked_over(spec))
    return _changed(transaction, row, _Change(spec, change.paused, by))


def promote(transaction: Transaction, row: DeploymentRow, number: int, by: str) -> DeploymentRow:
    """Make another version the live one.

    Raises:
        ObjectNotFound: there is no such version.
        RequestInvalid: its job variables do not fit the pool in which the deployment is now.
    """
    transaction.lock(f"deployment:{row.flow}/{row.name}")
    row = _again(transaction, row)
    table = DeploymentTable(transaction)
    version = table.version(row.id, number)
    if version is None:
        raise ObjectNotFound(f"Deployment {row.flow}/{row.name} has no version {number}.")
    if number == row.live:
        return row
    spec = _placed(transaction, with_version(row.spec, version_of(version).spec))
    promoted = row._replace(live=number, updated=transaction.now, body=packed(spec))
    table.update(promoted)
    note_deployment(transaction, promoted, "version-promoted", {"version": number, "before": row.live}, by)
    return promoted


def note_deployment(transaction: Transaction, row: DeploymentRow, what: str, payload: dict[str, Any], by: str) -> None:
    """Write down what happened to a deployment: the event ``levada.deployment.<what>``."""
    resource = {"id": f"{RESOURCE}{UUID(bytes=row.id)}", "name": f"{row.flow}/{row.name}"}
    related = [{"id": f"levada.flow.{row.flow}", "role": "flow"}]
    if row.pool is not None:
        related.append({"id": f"levada.work-pool.{row.pool}", "role": "work-pool"})
    note(transaction, f"{RESOURCE}{what}", resource, related, payload, by)


def digest_of(spec: NewDeployment) -> str:
    """Of all that a run of it executes. Where the code came from does not count when its content is known."""
    run = {field: getattr(spec, field) for field in VERSIONED}
    if spec.code.digest is not None:
        run["code"] = replace(spec.code, **dict.fromkeys(_WHERE_IT_CAME_FROM, None))
    return blake2b(msgspec.json.encode(run, order="deterministic"), digest_size=16).hexdigest()


def _again(transaction: Transaction, row: DeploymentRow) -> DeploymentRow:
    """The row, now that nobody else changes it.

    Raises:
        ObjectNotFound: it was deleted meanwhile.
    """
    found = DeploymentTable(transaction).get(row.id)
    if found is None:
        raise ObjectNotFound(f"There is no deployment {row.flow}/{row.name}.")
    return found


def _placed(transaction: Transaction, spec: NewDeployment) -> NewDeployment:
    """A deployment whose pool and queue are there; the pool's default queue unless it names one."""
    if spec.pool is None:
        if spec.queue is not None:
            problem = (("$.queue", "needs a pool"),)
            raise RequestInvalid(f"Deployment {spec.flow_name}/{spec.name} names a queue but no work pool.", problem)
        return spec
    try:
        pool = ensure_pool(transaction, spec.pool)
    except ObjectNotFound as problem:
        raise RequestInvalid(str(problem), (("$.pool", "is not there"),)) from problem
    queue = pool.default_queue if spec.queue is None else spec.queue
    check_queue(transaction, spec.pool, queue)
    check_job_variables(transaction, spec.pool, spec.job_variables, complete=False)
    return replace(spec, queue=queue)


def _new(transaction: Transaction, spec: NewDeployment, paused: bool, by: str) -> DeploymentRow:
    table, now = DeploymentTable(transaction), transaction.now
    identifier = uuid7_bytes(now, os.urandom(8))
    digest = digest_of(spec)
    row = DeploymentRow(
        identifier, spec.flow_name, spec.name, int(paused), spec.pool, spec.queue, 1, now, now, packed(spec)
    )
    table.insert(row)
    table.add_version(VersionRow(identifier, 1, digest, now, packed_version(spec, by)))
    transaction.flows.note({spec.flow_name: now})
    note_deployment(transaction, row, "created", {"version": 1, "digest": digest}, by)
    return row


def _changed(transaction: Transaction, row: DeploymentRow, wanted: _Change) -> DeploymentRow:
    """A deployment as it is to be; nothing is written when that is how it is."""
    table, now = DeploymentTable(transaction), transaction.now
    spec, by = wanted.spec, wanted.by
    live, digest = row.live, digest_of(spec)
    if digest != digest_of(row.spec):
        live = table.last_number(row.id) + 1
        table.add_version(VersionRow(row.id, live, digest, now, packed_version(spec, by)))
    paused = row.paused if wanted.paused is None else int(wanted.paused)
    changed = row._replace(paused=paused, pool=spec.pool, queue=spec.queue, live=live, body=packed(spec))
    if changed == row:
        return row
    changed = changed._replace(updated=now)
    table.update(changed)
    if (changed.body, changed.live) != (row.body, row.live):
        payload: dict[str, Any] = {"version": live, "digest": digest}
        if live != row.live:
            payload["before"] = row.live
        note_deployment(transaction, changed, "updated", payload, by)
    if paused != row.paused:
        note_deployment(transaction, changed, "paused" if paused else "resumed", {}, by)
        pause_schedules(transaction, row.id, paused=bool(paused))
    for pool in {row.pool, changed.pool}:
        if pool is not None:
            transaction.announce("work", pool)  # its limits may be others now
    return changed


def _problems(spec: NewDeployment) -> list[Problem]:
    problems: list[Problem] = []
    for field in ("flow_name", "name", "pool", "queue", "fairness_key", "launcher", "version"):
        text = getattr(spec, field)
        if text is not None and not 0 < len(text) <= LONGEST_NAME:
            problems.append((f"$.{field}", f"must have 1 to {LONGEST_NAME} characters"))
    if spec.description is not None and len(spec.description) > LONGEST_DESCRIPTION:
        problems.append(("$.description", f"must have {LONGEST_DESCRIPTION} characters at most"))
    if not spec.code.entrypoint.strip():
        problems.append(("$.code.entrypoint", "must not be empty"))
    if spec.concurrency_limit is not None and not 1 <= spec.concurrency_limit < 1 << 31:
        problems.append(("$.concurrency_limit", "must be 1 or more"))
    for field in ("retries", "crash_retries"):
        count = getattr(spec, field)
        if count is not None and not 0 <= count < 1 << 31:
            problems.append((f"$.{field}", "must not be negative"))
    if not abs(spec.priority) < 1 << 31:
        problems.append(("$.priority", "is too large"))
    if spec.start_deadline is not None and not 0 < spec.start_deadline <= 1e9:
        problems.append(("$.start_deadline", "must be more than 0 seconds"))
    if not 0 < spec.weight <= 1e6:
        problems.append(("$.weight", "must be more than 0 and at most 1,000,000"))
    problems += [
        (f"$.needs.{field}", "must not be negative")
        for field in ("cpu", "memory", "gpu")
        if not getattr(spec.needs, field) >= 0
    ]
    if spec.environment is not None:
        problems += _environment_problems(spec.environment)
    return problems


def _environment_problems(environment: EnvironmentSpec) -> list[Problem]:
    given = [field for field in _ENVIRONMENTS if getattr(environment, field)]
    if len(given) == 1:
        return []
    return [("$.environment", f"must say exactly one of {', '.join(_ENVIRONMENTS)}")]
