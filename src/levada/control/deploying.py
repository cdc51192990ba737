"""The verbs of deployments; see `levada.wire.verbs.Deployments`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.control import releasing
from levada.control.deciding import Deciding
from levada.control.deployments import DeploymentRun, Named, deployment_row
from levada.control.pools import places_with_workers
from levada.control.proposing import cancel
from levada.control.scheduling import replace_schedules, schedules_of
from levada.control.views import flow_run_view, name_of_state, state_of
from levada.core.errors import LevadaError
from levada.core.states import StateType, datetime_of
from levada.store.sql.deployments import DeploymentRow, DeploymentTable, version_of
from levada.store.sql.work import WAITING, WorkTables
from levada.wire.deployments import Deployment, DeploymentChange, DeploymentQuery, DeploymentVersion
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import Page

if TYPE_CHECKING:
    from levada.store.base import Transaction
    from levada.wire.deployments import NewDeployment, NewDeploymentRun
    from levada.wire.objects import FlowRun

_AT_ONCE = 200
"""Waiting runs of a deleted deployment that are looked up at once."""

_logger = logging.getLogger(__name__)


class Deploying(Deciding):
    """What runs without anybody at hand."""

    def deploy(self, new: NewDeployment, by: str = "") -> Deployment:
        """Make a deployment, or change the one of this flow and name; a new version when what runs is not what ran.

        Args:
            new: as it is to be. `default-agent-pool` is made when it is not there; other pools must be.
            by: who deploys.

        Raises:
            RequestInvalid, InvalidNameError: something in it cannot be used, or its pool or queue is not there.
            RequestTooLarge: it is larger than 1 MiB, or its parameters larger than 512 KiB.
        """
        spec = releasing.looked_over(new)

        def work(transaction: Transaction) -> Deployment:
            identifier = releasing.deploy(transaction, spec, by)
            return _shown(transaction, UUID(bytes=identifier))

        return self.store.transact(work)

    def read_deployment(self, deployment: Named) -> Deployment:
        """One deployment.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
        """
        with self.store.read() as transaction:
            return _shown(transaction, deployment)

    def read_deployments(self, query: DeploymentQuery) -> Page:
        """A page of `Deployment`, by flow and name.

        Raises:
            ParameterError: the cursor or the limit cannot be used.
        """
        with self.store.read() as transaction:
            rows, following = DeploymentTable(transaction).page(query, _wanted(query))
            return Page(_views(transaction, rows), following)

    def count_deployments(self, query: DeploymentQuery) -> int:
        """How many deployments the query finds."""
        with self.store.read() as transaction:
            return DeploymentTable(transaction).count(query, _wanted(query))

    def change_deployment(self, deployment: Named, change: DeploymentChange, by: str = "") -> Deployment:
        """Change a deployment without deploying its code again.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
            RequestInvalid, InvalidNameError, RequestTooLarge: what it would be cannot be kept.
        """

        def work(transaction: Transaction) -> Deployment:
            row = releasing.change(transaction, deployment_row(transaction, deployment), change, by)
            return _views(transaction, [row])[0]

        return self.store.transact(work)

    def delete_deployment(self, deployment: Named, by: str = "") -> None:
        """Delete a deployment with its versions and schedules. Runs that wait are cancelled, those begun go on.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
        """

        def work(transaction: Transaction) -> bytes:
            row = deployment_row(transaction, deployment)
            transaction.lock(f"deployment:{row.flow}/{row.name}")
            replace_schedules(transaction, row.id, [])
            DeploymentTable(transaction).delete(row.id)
            releasing.note_deployment(transaction, row, "deleted", {"version": row.live}, by)
            return row.id

        self._cancel_waiting(self.store.transact(work), by)

    def read_versions(self, deployment: Named) -> list[DeploymentVersion]:
        """The versions of a deployment, the newest first.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
        """
        with self.store.read() as transaction:
            row = deployment_row(transaction, deployment)
            return [
                DeploymentVersion(
                    deployment_id=UUID(bytes=row.id),
                    number=version.number,
                    digest=version.digest,
                    spec=body.spec,
                    live=version.number == row.live,
                    created=datetime_of(version.created),
                    created_by=body.by,
                )
                for version in DeploymentTable(transaction).versions(row.id)
                for body in (version_of(version),)
            ]

    def promote_version(self, deployment: Named, number: int, by: str = "") -> Deployment:
        """Make another version the live one; runs that exist keep theirs.

        Raises:
            ObjectNotFound: there is no such deployment or version.
        """

        def work(transaction: Transaction) -> Deployment:
            row = releasing.promote(transaction, deployment_row(transaction, deployment), number, by)
            return _views(transaction, [row])[0]

        return self.store.transact(work)

    def run_deployment(self, deployment: Named, new: NewDeploymentRun, by: str = "") -> FlowRun:
        """Make a run of a deployment; asked again with the same idempotency key, the same one.

        Raises:
            ObjectNotFound: there is no such deployment, version or calling task run.
            RequestInvalid, InvalidNameError: its parameters are not what the flow takes, or something else of it
                cannot be used.
            RequestTooLarge: its parameters are larger than 512 KiB.
        """
        return flow_run_view(self.wishes.do(DeploymentRun(deployment, new, by)))

    def _cancel_waiting(self, deployment: bytes, by: str) -> None:
        """Cancel the runs of a deployment that no worker has taken."""
        query = FlowRunQuery(
            deployment_ids=[UUID(bytes=deployment)],
            state_types=[StateType.SCHEDULED],
            limit=_AT_ONCE,
            oldest_first=True,
        )
        cursor: str | None = None
        while True:
            query.cursor = cursor
            with self.store.read() as transaction:
                page = transaction.flow_runs.page(query)
                work = WorkTables(transaction).load(row.id for row in page.rows)
            taken = {run for run, place in work.items() if place.stage != WAITING}
            for row in page.rows:
                if row.id not in taken:
                    self._give_up(row.id, by)
            cursor = page.next
            if cursor is None:
                return

    def _give_up(self, run: bytes, by: str) -> None:
        try:
            self.wishes.do(cancel(run, by))
        except LevadaError:
            _logger.warning("Run %s of a deleted deployment was not cancelled.", run.hex(), exc_info=True)


def _wanted(query: DeploymentQuery) -> Callable[[DeploymentRow], bool] | None:
    """What drops the rows that lack a tag; None when none is asked for."""
    tags = set(query.tags or ())
    return (lambda row: tags.issubset(row.spec.tags)) if tags else None


def _shown(transaction: Transaction, deployment: Named) -> Deployment:
    return _views(transaction, [deployment_row(transaction, deployment)])[0]


def _views(transaction: Transaction, rows: Sequence[DeploymentRow]) -> list[Deployment]:
    """Deployments with what their schedules and runs are doing."""
    ids = [row.id for row in rows]
    work = DeploymentTable(transaction).work_of(ids)
    last = _last_runs(transaction, ids)
    schedules = schedules_of(transaction, ids)
    places = {(row.pool, row.queue or "") for row in rows if row.pool is not None}
    ready = places_with_workers(transaction, places)
    return [
        Deployment(
            id=UUID(bytes=row.id),
            flow_name=row.flow,
            name=row.name,
            live=row.live,
            spec=row.spec,
            schedules=schedules.get(row.id, []),
            paused=bool(row.paused),
            status="ready" if (row.pool, row.queue or "") in ready else "not_ready",
            waiting=work.get(row.id, (0, 0))[0],
            active=work.get(row.id, (0, 0))[1],
            **last.get(row.id, {}),
            created=datetime_of(row.created),
            updated=datetime_of(row.updated),
        )
        for row in rows
    ]


def _last_runs(transaction: Transaction, ids: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
    """What is told of the newest run of each deployment."""
    newest = DeploymentTable(transaction).last_runs(ids)
    runs = transaction.flow_runs.load(newest.values())
    return {
        deployment: {
            "last_run": UUID(bytes=run),
            "last_state_type": state_of(runs[run].state),
            "last_state_name": name_of_state(runs[run].state, runs[run].state_name),
        }
        for deployment, run in newest.items()
        if run in runs
    }
