"""Orders: all that a worker must know to start a run that it got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from levada.control.deployments import Release, release
from levada.control.histories import tags_of, told
from levada.control.templates import job_configuration, merged_variables
from levada.core.errors import ObjectNotFound
from levada.core.states import datetime_of
from levada.store.base import FlowRunRow
from levada.store.bodies import RunBody
from levada.store.sql.deployments import DeploymentTable
from levada.store.sql.work import WAITING, HeadRow, WorkTables
from levada.wire.deployments import Code, Needs
from levada.wire.pools import PoolSpec, WorkOrder

if TYPE_CHECKING:
    from levada.control.places import Place
    from levada.store.base import Transaction


class Broken(NamedTuple):
    """A run that nobody can start, and why."""

    run: bytes
    reason: str


def hand_out(place: Place, heads: Sequence[HeadRow]) -> tuple[list[WorkOrder], list[Broken]]:
    """The orders of runs that a worker got; and those that nobody can start, which it did not get after all."""
    orders: list[WorkOrder] = []
    broken: list[Broken] = []
    rows = place.transaction.flow_runs.load(head.run for head in heads)
    releases = _Releases(place.transaction)
    for head in heads:
        row = rows.get(head.run)
        try:
            if row is None:
                raise ObjectNotFound("It was deleted.")
            orders.append(order_of(place.spec, row, head.epoch, *releases.of(row)))
        except ObjectNotFound as missing:
            broken.append(Broken(head.run, str(missing)))
    if broken:
        tables = WorkTables(place.transaction)
        there = tables.load(one.run for one in broken)
        tables.save([row._replace(stage=WAITING, worker=None) for row in there.values()])
    return orders, broken


class _Releases:
    """Versions of deployments, each loaded once."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: dict[tuple[bytes, int | None], tuple[Release, str | None]] = {}

    def of(self, row: FlowRunRow) -> tuple[Release | None, str | None]:
        """What a run executes, and its digest; None when it is of no deployment.

        Raises:
            ObjectNotFound: its deployment, or the version, is not there any more.
        """
        if row.deployment is None:
            return None, None
        key = (row.deployment, row.deployed)
        found = self._known.get(key)
        if found is None:
            table = DeploymentTable(self._transaction)
            deployment = table.get(row.deployment)
            if deployment is None:
                raise ObjectNotFound("Its deployment was deleted.")
            chosen = release(self._transaction, deployment, row.deployed)
            version = table.version(row.deployment, chosen.number)
            found = self._known[key] = (chosen, None if version is None else version.digest)
        return found


def order_of(
    spec: PoolSpec, row: FlowRunRow, epoch: int, version: Release | None = None, digest: str | None = None
) -> WorkOrder:
    """What a worker is told.

    Args:
        spec: the pool.
        row: the run.
        epoch: that its process opens.
        version: what it executes; None when it is of no deployment: then its own entrypoint says.
        digest: of that version.
    """
    body = RunBody.decode(row.body)
    own: dict[str, Any] = dict(told(body.openings, "job") or {})
    interval = told(body.openings, "interval")
    recalls = epoch > 1 or any(opening.forked_from is not None for opening in body.openings)
    order = WorkOrder(
        run=UUID(bytes=row.id),
        epoch=epoch,
        name=row.name,
        flow_name=row.flow,
        code=Code(entrypoint=told(body.openings, "entrypoint") or ""),
        parameters=told(body.openings, "parameters"),
        tags=tags_of(body),
        launcher=spec.launcher,
        job_variables=own,
        needs=Needs(),
        due=datetime_of(row.expected or row.created),
        recalls=recalls,
        retries=body.openings[0].retries or None,
        grace=spec.cancel_grace,
        interval=None if interval is None else (datetime_of(interval[0]), datetime_of(interval[1])),
    )
    if version is not None:
        deployed = version.spec
        order.code = deployed.code
        order.environment = deployed.environment
        order.launcher = deployed.launcher or spec.launcher
        order.job_variables = merged_variables(deployed.job_variables, own)
        order.needs = deployed.needs
        order.deployment_id = UUID(bytes=version.deployment.id)
        order.deployment_name = f"{version.deployment.flow}/{version.deployment.name}"
        order.deployment_version = version.number
        order.version_digest = digest
    order.job = job_configuration(spec, order.job_variables)
    return order
