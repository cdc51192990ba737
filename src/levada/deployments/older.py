"""Deployments as programs of Prefect 2 make them: ``Deployment.build_from_flow(…)`` and ``.apply()``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from levada.core.errors import ConfigurationError
from levada.wire.pools import DEFAULT_AGENT_POOL

if TYPE_CHECKING:
    from levada.deployments.deployment import Deployment
    from levada.flows import Flow

_MEANS_NOTHING = ("skip_upload", "ignore_file", "load_existing", "upload", "manifest_path", "path")
_BLOCKS = ("infrastructure", "storage")


def build_from_flow(made_of: type[Deployment], flow: Flow[Any, Any], name: str, **options: Any) -> Deployment:
    """What `Deployment.build_from_flow` does.

    Args:
        made_of: the class of the deployment.
        flow: the flow.
        name: of the deployment.
        **options: `output` (a file to write), `apply` (deploy at once), and fields of a deployment under their new or
            older names; its runs go to `default-agent-pool` unless `work_pool_name` says another one.

    Raises:
        ConfigurationError: a storage or infrastructure block was given, or an option cannot be used.
    """
    output = options.pop("output", None)
    at_once = options.pop("apply", False)
    for block in _BLOCKS:
        if options.pop(block, None) is not None:
            raise ConfigurationError(
                f"`{block}=` takes a block, and this version of Levada has none. Code elsewhere: flow.from_source(…). "
                "Where runs execute: the work pool and `job_variables`."
            )
    for option in _MEANS_NOTHING:
        options.pop(option, None)
    overrides = options.pop("infra_overrides", None)
    if overrides is not None:
        options.setdefault("job_variables", overrides)
    entrypoint = options.pop("entrypoint", None)
    active = options.pop("is_schedule_active", None)
    if options.get("work_pool_name") is None:
        options["work_pool_name"] = DEFAULT_AGENT_POOL
    deployment = made_of.from_flow(flow, name, **options)
    if entrypoint is not None:
        deployment.entrypoint = entrypoint
    if active is False and deployment.schedules:
        deployment.schedules = [msgspec.structs.replace(one, active=False) for one in deployment.schedules]
    if output is not None:
        deployment.to_yaml(Path(output))
    if at_once:
        deployment.apply()
    return deployment
