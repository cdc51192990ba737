"""The verbs of `SyncLevadaClient` about deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from levada.client.schemas.translate import fields_of
from levada.wire.deployments import (
    Deployment,
    DeploymentChange,
    DeploymentQuery,
    DeploymentVersion,
    NewDeployment,
    NewDeploymentRun,
)
from levada.wire.objects import FlowRun
from levada.wire.verbs import Plane

Named = UUID | str
"""A deployment by its id, by ``flow/name``, or by its name when only one is called so."""

_PAGE = 200


class DeployingVerbs:
    """Verbs about deployments; the same on a home and on a server."""

    def _look(self) -> Plane:
        raise NotImplementedError

    def deploy(self, deployment: NewDeployment) -> Deployment:
        """Make a deployment, or change the one of this flow and name; a new version when what runs is not what ran.

        Raises:
            RequestInvalid: something in it cannot be used, or its work pool is not there.
        """
        return self._look().deploy(deployment)

    def read_deployment(self, deployment_id: Named) -> Deployment:
        """One deployment, by id or name.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
        """
        return self._look().read_deployment(deployment_id)

    def read_deployment_by_name(self, name: str) -> Deployment:
        """One deployment, by ``flow/name``.

        Raises:
            ObjectNotFound: there is none.
        """
        return self._look().read_deployment(name)

    def read_deployments(
        self, query: DeploymentQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[Deployment]:
        """Deployments by flow and name; fields as in `levada.wire.deployments.DeploymentQuery`."""
        plane, asked = self._look(), _asked(query, fields)
        wanted = offset + (asked.limit if limit is None else limit)
        found: list[Deployment] = []
        cursor = asked.cursor
        while len(found) < wanted:
            page = plane.read_deployments(replace(asked, limit=min(_PAGE, wanted - len(found)), cursor=cursor))
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        return found[offset:]

    def count_deployments(self, query: DeploymentQuery | None = None, /, **fields: Any) -> int:
        """How many deployments a query finds."""
        return self._look().count_deployments(_asked(query, fields))

    def update_deployment(
        self, deployment_id: Named, change: DeploymentChange | None = None, /, **fields: Any
    ) -> Deployment:
        """Change some of a deployment; fields as in `levada.wire.deployments.DeploymentChange`.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
            RequestInvalid: what it would be cannot be kept.
        """
        asked = DeploymentChange() if change is None else change
        return self._look().change_deployment(deployment_id, replace(asked, **fields))

    def pause_deployment(self, deployment_id: Named) -> Deployment:
        """Let the schedules of a deployment stand still; it can still be run by hand."""
        return self._look().change_deployment(deployment_id, DeploymentChange(paused=True))

    def resume_deployment(self, deployment_id: Named) -> Deployment:
        """Let the schedules of a deployment go on."""
        return self._look().change_deployment(deployment_id, DeploymentChange(paused=False))

    def delete_deployment(self, deployment_id: Named) -> None:
        """Delete a deployment with its versions and schedules; runs that wait are cancelled.

        Raises:
            ObjectNotFound: there is none, or there are several of this name.
        """
        self._look().delete_deployment(deployment_id)

    def read_deployment_versions(self, deployment_id: Named) -> list[DeploymentVersion]:
        """The versions of a deployment, the newest first."""
        return self._look().read_versions(deployment_id)

    def promote_deployment_version(self, deployment_id: Named, number: int) -> Deployment:
        """Have new runs execute another version; also how one rolls back.

        Raises:
            ObjectNotFound: there is no such deployment or version.
        """
        return self._look().promote_version(deployment_id, number)

    def create_flow_run_from_deployment(
        self,
        deployment_id: Named,
        *,
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        labels: Mapping[str, Any] | None = None,
        scheduled_time: datetime | None = None,
        idempotency_key: str | None = None,
        parent_task_run_id: UUID | None = None,
        work_queue_name: str | None = None,
        job_variables: Mapping[str, Any] | None = None,
        priority: int | None = None,
        retries: int | None = None,
        version: int | None = None,
    ) -> FlowRun:
        """Make a run of a deployment; a worker of its pool takes it.

        Args:
            deployment_id: id or name.
            parameters: over the deployment's; values that JSON can hold.
            name: of the run; ``{flow_name}``, ``{deployment_name}``, ``{version}`` and parameters in braces are
                filled in. Made up when it is not given.
            tags: beside the deployment's.
            labels: over the deployment's.
            scheduled_time: when it should start; now when it is not given.
            idempotency_key: with the same key for the same deployment, the run that is there already is given.
            parent_task_run_id: the task run that stands for it in another flow run.
            work_queue_name: another queue of the deployment's pool.
            job_variables: over the deployment's.
            priority: higher ones of a queue are taken first.
            retries: of the flow, for this run.
            version: number of the version to execute; the live one unless given.

        Raises:
            ObjectNotFound: there is no such deployment or version.
            RequestInvalid: its parameters are not what the flow takes.
        """
        new = NewDeploymentRun(
            parameters=dict(parameters or {}),
            name=name,
            tags=list(tags),
            labels=dict(labels or {}),
            scheduled_time=scheduled_time,
            idempotency_key=idempotency_key,
            parent_task_run_id=parent_task_run_id,
            version=version,
            queue=work_queue_name,
            priority=priority,
            retries=retries,
            job_variables=dict(job_variables or {}),
        )
        return self._look().run_deployment(deployment_id, new)


def _asked(query: DeploymentQuery | None, fields: dict[str, Any]) -> DeploymentQuery:
    asked = DeploymentQuery() if query is None else query
    changes = fields_of(DeploymentQuery, fields)
    return replace(asked, **changes) if changes else asked
