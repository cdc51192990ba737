"""The resources of the API, one file each; see the front door of `levada.server` for how one is written.

May import what the server's room may. A handler parses, calls one verb of the plane, and gives what that gives.
"""

from __future__ import annotations

from typing import Final

from litestar import Router

from levada.server.api import (
    admin,
    api_keys,
    artifacts,
    backfills,
    bulk_jobs,
    concurrency_limits,
    deployments,
    events,
    flow_run_decisions,
    flow_run_endings,
    flow_runs,
    flows,
    ingest,
    logs,
    saved_searches,
    schedules,
    task_runs,
    variables,
    work_pools,
)

ROUTERS: Final[list[Router]] = [
    flows.router,
    flow_runs.router,
    flow_run_decisions.router,
    flow_run_endings.router,
    task_runs.router,
    logs.router,
    artifacts.router,
    deployments.router,
    schedules.router,
    backfills.router,
    work_pools.router,
    work_pools.workers,
    work_pools.moves,
    variables.router,
    concurrency_limits.router,
    events.router,
    saved_searches.router,
    bulk_jobs.router,
    api_keys.router,
    admin.router,
    ingest.router,
]
"""Every resource."""
