"""Deploying: handing deployments to the control plane of a server, or of the home."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, LevadaError, ServerUnavailable, StoreUnavailable
from levada.deployments.deployment import Deployment
from levada.loading import is_loading
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from levada.wire.deployments import Deployment as Deployed
    from levada.wire.verbs import Plane


_logger = logging.getLogger("levada.deployments")


class DeploymentApplyError(ConfigurationError):
    """A deployment was not taken."""


def register(deployments: Sequence[Deployment], plane: Plane | None = None) -> list[Deployed]:
    """Deploy; every one is tried, also after one that was not taken.

    Args:
        deployments: what to deploy.
        plane: to whom; the control plane that settings name unless given.

    Raises:
        DeploymentApplyError: some were not taken; the message says which, why, and which were.
        ServerUnavailable: nobody answers.
    """
    if plane is None:
        with plane_of(get_current_settings(), version=__version__) as opened:
            return register(deployments, opened)
    if is_loading():
        # `deployment.apply()` stands at the top of a file from which a run loads its flow: it was meant once.
        _logger.warning("Nothing is deployed while a file is loaded; put that under `if __name__ == '__main__':`.")
        return [plane.read_deployment(one.full_name) for one in deployments]
    taken: list[Deployed] = []
    refused: list[tuple[Deployment, LevadaError]] = []
    for one in deployments:
        try:
            taken.append(plane.deploy(one.to_new()))
        except (ServerUnavailable, StoreUnavailable):
            raise
        except LevadaError as error:
            refused.append((one, error))
    if refused:
        lines = [f"{one.full_name}: {error}" for one, error in refused]
        also = f"\nDeployed were: {', '.join(found.full_name for found in taken)}." if taken else ""
        whole = lines[0] if len(lines) == 1 else "\n".join(f"  {line}" for line in lines)
        beginning = "" if len(lines) == 1 else f"{len(lines)} of {len(deployments)} deployments were not taken:\n"
        raise DeploymentApplyError(f"{beginning}{whole}{also}") from refused[0][1]
    return taken


def deploy(
    *deployments: Deployment,
    work_pool_name: str | None = None,
    image: Any = None,
    build: bool = True,
    push: bool = True,
    print_next_steps_message: bool = True,
    ignore_warnings: bool = False,
) -> list[UUID]:
    """Deploy to a work pool, whose workers will execute the runs.

    Args:
        deployments: made by `flow.to_deployment`.
        work_pool_name: for those that name none themselves.
        image: name of a container image that is there already; it becomes the job variable `image`.
        build, push: must be False with an image: building images comes with container pools.
        print_next_steps_message: say what to do next.
        ignore_warnings: not looked at; there for programs written for other orchestrators.

    Returns:
        The ids, in the order of the deployments.

    Raises:
        ConfigurationError: no pool was named, or an image is to be built.
        DeploymentApplyError: some were not taken.
    """
    del ignore_warnings
    if not deployments:
        raise ConfigurationError("Nothing to deploy was given; make deployments with `flow.to_deployment(name)`.")
    with_pool = [_in_pool(one, work_pool_name, _image(image, build, push)) for one in deployments]
    taken = register(with_pool)
    if print_next_steps_message:
        print(next_steps(taken))  # noqa: T201 - it is for the person who called
    return [one.id for one in taken]


async def adeploy(*deployments: Deployment, **options: Any) -> list[UUID]:
    """`deploy` for async code."""
    import asyncio  # lazy: only async callers need a loop

    return await asyncio.to_thread(lambda: deploy(*deployments, **options))


def next_steps(taken: Sequence[Deployed]) -> str:
    """What a person who deployed may want to do now."""
    lines = [f"Deployed {one.full_name} as version {one.live}." for one in taken]
    pools = sorted({one.spec.pool for one in taken if one.spec.pool})
    lines += [f"Start a worker:  levada worker start --pool {pool}" for pool in pools]
    lines.append(f"Run it now:      levada deployment run '{taken[0].full_name}'")
    return "\n".join(lines)


def _in_pool(one: Deployment, pool: str | None, image: str | None) -> Deployment:
    if one.work_pool_name is None and pool is None:
        raise ConfigurationError(
            f"Say in which work pool {one.full_name} runs: work_pool_name='…' (`levada work-pool create NAME` makes "
            "one). To run it in this process, call `serve` instead."
        )
    variables = {**one.job_variables, "image": image} if image else one.job_variables
    return replace(one, work_pool_name=one.work_pool_name or pool, job_variables=variables)


def _image(image: Any, build: bool, push: bool) -> str | None:
    if image is None:
        return None
    if not isinstance(image, str) or build or push:
        raise ConfigurationError(
            "Building and pushing images comes with container pools, which this version of Levada does not have. "
            "Build the image yourself and give its name with build=False, push=False."
        )
    return image
