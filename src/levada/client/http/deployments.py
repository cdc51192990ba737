"""Deployments over HTTP; see `levada.wire.verbs.Deployments`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from msgspec.structs import replace

from levada.wire.deployments import (
    Deployment,
    DeploymentChange,
    DeploymentQuery,
    DeploymentVersion,
    NewDeployment,
    NewDeploymentRun,
)
from levada.wire.objects import Count, FlowRun, Page
from levada.wire.pages import DeploymentPage
from levada.wire.paths import segment

if TYPE_CHECKING:
    from levada.client.http.transport import Transport


def deployment_path(deployment: UUID | str) -> str:
    """The path of a deployment."""
    return f"/deployments/{segment(str(deployment))}"


class RemoteDeployments:
    """The verbs of deployments; the server knows by whom it is asked."""

    transport: Transport

    def deploy(self, new: NewDeployment, by: str = "") -> Deployment:
        """Make a deployment, or change the one of this name."""
        del by
        return self.transport.ask("POST", "/deployments", Deployment, body=new)

    def read_deployment(self, deployment: UUID | str) -> Deployment:
        """One deployment."""
        return self.transport.ask("GET", deployment_path(deployment), Deployment)

    def read_deployments(self, query: DeploymentQuery) -> Page:
        """A page of `Deployment`, by flow and name."""
        sent = self.transport.ask("POST", "/deployments/filter", DeploymentPage, body=query)
        return Page(sent.items, sent.next)

    def count_deployments(self, query: DeploymentQuery) -> int:
        """How many deployments the query finds."""
        return self.transport.ask("POST", "/deployments/count", Count, body=query).count

    def change_deployment(self, deployment: UUID | str, change: DeploymentChange, by: str = "") -> Deployment:
        """Change a deployment without deploying its code again."""
        del by
        return self.transport.ask("PATCH", deployment_path(deployment), Deployment, body=change)

    def delete_deployment(self, deployment: UUID | str, by: str = "") -> None:
        """Delete a deployment with its versions and schedules."""
        del by
        self.transport.ask("DELETE", deployment_path(deployment), once=True)

    def read_versions(self, deployment: UUID | str) -> list[DeploymentVersion]:
        """The versions of a deployment, the newest first."""
        return self.transport.ask("GET", f"{deployment_path(deployment)}/versions", list[DeploymentVersion])

    def promote_version(self, deployment: UUID | str, number: int, by: str = "") -> Deployment:
        """Make another version the live one."""
        del by
        return self.transport.ask("POST", f"{deployment_path(deployment)}/versions/{number}/promote", Deployment)

    def run_deployment(self, deployment: UUID | str, new: NewDeploymentRun, by: str = "") -> FlowRun:
        """Make a run of a deployment."""
        del by
        if new.idempotency_key is None:
            new = replace(new, idempotency_key=uuid4().hex)  # asked twice because an answer was lost, it is made once
        return self.transport.ask("POST", f"{deployment_path(deployment)}/runs", FlowRun, body=new)
