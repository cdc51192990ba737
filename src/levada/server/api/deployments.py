"""Deployments over HTTP: made, found, changed, run; their versions.

A deployment is named by its id or by `flow/name`, written as one segment of the path (`flow~1name`).
"""

from __future__ import annotations

from litestar import Router, delete, get, patch, post

from levada.control.deployments import DeploymentRun
from levada.control.views import flow_run_view
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import READ, By, ThePlane, TheSettings, TheWishes
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


@post(
    "/",
    operation_id="deploy",
    summary="Deploy",
    status_code=200,
    responses=answers(200, "The deployment as it is now.", Deployment, 413),
    sync_to_thread=True,
)
def deploy(plane: ThePlane, data: NewDeployment, by: By) -> Deployment:
    """Make a deployment, or change the one of this flow and name; a new version when what runs is not what ran."""
    return plane.deploy(checked(data), by=by)


@get(
    "/{deployment:str}",
    operation_id="read_deployment",
    summary="Read a deployment",
    responses=answers(200, "The deployment with its schedules.", Deployment, 404),
    sync_to_thread=True,
)
def read_deployment(plane: ThePlane, deployment: str) -> Deployment:
    """One deployment, named by id, by `flow/name`, or by a name only it has."""
    return plane.read_deployment(named(deployment))


@post(
    "/filter",
    operation_id="read_deployments",
    opt=READ,
    summary="List deployments",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", DeploymentPage),
    sync_to_thread=True,
)
def read_deployments(plane: ThePlane, data: DeploymentQuery, settings: TheSettings) -> Page:
    """A page of the deployments for which every filter given holds, by flow and name."""
    return plane.read_deployments(checked(data, most_per_page=settings.server.max_page_size))


@post(
    "/count",
    operation_id="count_deployments",
    opt=READ,
    summary="Count deployments",
    status_code=200,
    responses=answers(200, "How many.", Count),
    sync_to_thread=True,
)
def count_deployments(plane: ThePlane, data: DeploymentQuery) -> Count:
    """How many deployments the query finds, its limit and cursor aside."""
    return Count(plane.count_deployments(checked(data)))


@patch(
    "/{deployment:str}",
    operation_id="change_deployment",
    summary="Change a deployment",
    responses=answers(200, "The deployment as it is now.", Deployment, 404, 413),
    sync_to_thread=True,
)
def change_deployment(plane: ThePlane, deployment: str, data: DeploymentChange, by: By) -> Deployment:
    """Pause or resume a deployment, or change its parameters, pool, limits or tags. Other parameters, new version."""
    return plane.change_deployment(named(deployment), checked(data), by=by)


@delete(
    "/{deployment:str}",
    operation_id="delete_deployment",
    summary="Delete a deployment",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_deployment(plane: ThePlane, deployment: str, by: By) -> None:
    """Delete a deployment with its versions and schedules; its runs that wait are cancelled, those begun go on."""
    plane.delete_deployment(named(deployment), by=by)


@get(
    "/{deployment:str}/versions",
    operation_id="read_versions",
    summary="Versions of a deployment",
    responses=answers(200, "Every version, the newest first.", list[DeploymentVersion], 404),
    sync_to_thread=True,
)
def read_versions(plane: ThePlane, deployment: str) -> list[DeploymentVersion]:
    """Everything that was ever deployed under this name, with who did it and when."""
    return plane.read_versions(named(deployment))


@post(
    "/{deployment:str}/versions/{number:int}/promote",
    operation_id="promote_version",
    summary="Promote a version",
    status_code=200,
    responses=answers(200, "The deployment as it is now.", Deployment, 404),
    sync_to_thread=True,
)
def promote_version(plane: ThePlane, deployment: str, number: int, by: By) -> Deployment:
    """Have new runs execute another version, older or newer; runs that exist keep theirs."""
    return plane.promote_version(named(deployment), checked(number), by=by)


@post(
    "/{deployment:str}/runs",
    operation_id="run_deployment",
    summary="Run a deployment",
    status_code=201,
    responses=answers(201, "The run, or the one that the same idempotency key made before.", FlowRun, 404, 409, 413),
)
async def run_deployment(wishes: TheWishes, deployment: str, data: NewDeploymentRun) -> FlowRun:
    """Make a run of a deployment, due now or at a time of its own; a worker of its pool takes it."""
    return flow_run_view(await wishes.granted(lambda by: DeploymentRun(named(deployment), checked(data), by)))


router = Router(
    "/deployments",
    route_handlers=[
        deploy,
        read_deployment,
        read_deployments,
        count_deployments,
        change_deployment,
        delete_deployment,
        read_versions,
        promote_version,
        run_deployment,
    ],
    tags=["Deployments"],
)
