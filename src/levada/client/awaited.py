"""The verbs for async code: each is the sync one, run in a thread, so that the event loop goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

from levada.client.server_only import NEEDS_SERVER
from levada.client.verbs import SyncLevadaClient, why_server
from levada.core.errors import ServerRequired
from levada.wire.records import Payload
from levada.wire.verbs import Plane

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    verb: Callable[Concatenate[SyncLevadaClient, P], R],
) -> Callable[Concatenate[LevadaClient, P], Awaitable[R]]:
    async def in_thread(self: LevadaClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio  # lazy: only async authors pay for it

        return await asyncio.to_thread(verb, self.sync, *args, **kwargs)

    update_wrapper(in_thread, verb)
    return in_thread


class LevadaClient:
    """`SyncLevadaClient` for async code: the same verbs, to be awaited.

    Args:
        home: the Levada home.
        decode: reads a recorded value; without it, states of runs carry no results.
        drain: take in what journals have gained before each look.
        plane: opens the control plane to ask; that of the home unless given.
    """

    def __init__(
        self,
        home: Path,
        decode: Callable[[Payload], Any] | None = None,
        *,
        drain: bool = True,
        plane: Callable[[], Plane] | None = None,
    ) -> None:
        self.sync = SyncLevadaClient(home, decode, drain=drain, plane=plane)

    @property
    def home(self) -> Path:
        """The Levada home."""
        return self.sync.home

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[NoReturn]]:
        if name not in NEEDS_SERVER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        async def refuse(*_: object, **__: object) -> NoReturn:
            raise ServerRequired(why_server(name))

        return refuse

    close = _awaited(SyncLevadaClient.close)
    hello = _awaited(SyncLevadaClient.hello)
    api_healthcheck = _awaited(SyncLevadaClient.api_healthcheck)
    api_version = _awaited(SyncLevadaClient.api_version)
    drain = _awaited(SyncLevadaClient.drain)

    read_flow_run = _awaited(SyncLevadaClient.read_flow_run)
    read_flow_runs = _awaited(SyncLevadaClient.read_flow_runs)
    count_flow_runs = _awaited(SyncLevadaClient.count_flow_runs)
    read_flow_run_states = _awaited(SyncLevadaClient.read_flow_run_states)
    delete_flow_run = _awaited(SyncLevadaClient.delete_flow_run)
    why = _awaited(SyncLevadaClient.why)

    read_task_run = _awaited(SyncLevadaClient.read_task_run)
    read_task_runs = _awaited(SyncLevadaClient.read_task_runs)
    count_task_runs = _awaited(SyncLevadaClient.count_task_runs)
    read_task_run_states = _awaited(SyncLevadaClient.read_task_run_states)

    read_logs = _awaited(SyncLevadaClient.read_logs)
    read_artifacts = _awaited(SyncLevadaClient.read_artifacts)
    read_latest_artifacts = _awaited(SyncLevadaClient.read_latest_artifacts)
    read_artifact = _awaited(SyncLevadaClient.read_artifact)

    read_flows = _awaited(SyncLevadaClient.read_flows)
    read_flow_by_name = _awaited(SyncLevadaClient.read_flow_by_name)
    read_flow = _awaited(SyncLevadaClient.read_flow)

    create_variable = _awaited(SyncLevadaClient.create_variable)
    set_variable = _awaited(SyncLevadaClient.set_variable)
    read_variable_by_name = _awaited(SyncLevadaClient.read_variable_by_name)
    read_variables = _awaited(SyncLevadaClient.read_variables)
    count_variables = _awaited(SyncLevadaClient.count_variables)
    update_variable = _awaited(SyncLevadaClient.update_variable)
    delete_variable_by_name = _awaited(SyncLevadaClient.delete_variable_by_name)

    create_global_concurrency_limit = _awaited(SyncLevadaClient.create_global_concurrency_limit)
    read_global_concurrency_limit_by_name = _awaited(SyncLevadaClient.read_global_concurrency_limit_by_name)
    read_global_concurrency_limits = _awaited(SyncLevadaClient.read_global_concurrency_limits)
    update_global_concurrency_limit = _awaited(SyncLevadaClient.update_global_concurrency_limit)
    upsert_global_concurrency_limit_by_name = _awaited(SyncLevadaClient.upsert_global_concurrency_limit_by_name)
    delete_global_concurrency_limit_by_name = _awaited(SyncLevadaClient.delete_global_concurrency_limit_by_name)
    reset_global_concurrency_limit_by_name = _awaited(SyncLevadaClient.reset_global_concurrency_limit_by_name)
    create_concurrency_limit = _awaited(SyncLevadaClient.create_concurrency_limit)
    read_concurrency_limit_by_tag = _awaited(SyncLevadaClient.read_concurrency_limit_by_tag)
    read_concurrency_limits = _awaited(SyncLevadaClient.read_concurrency_limits)
    delete_concurrency_limit_by_tag = _awaited(SyncLevadaClient.delete_concurrency_limit_by_tag)
    reset_concurrency_limit_by_tag = _awaited(SyncLevadaClient.reset_concurrency_limit_by_tag)

    create_flow_run = _awaited(SyncLevadaClient.create_flow_run)
    update_flow_run = _awaited(SyncLevadaClient.update_flow_run)
    update_flow_run_labels = _awaited(SyncLevadaClient.update_flow_run_labels)
    set_flow_run_name = _awaited(SyncLevadaClient.set_flow_run_name)
    set_flow_run_state = _awaited(SyncLevadaClient.set_flow_run_state)
    set_task_run_state = _awaited(SyncLevadaClient.set_task_run_state)
    cancel_flow_run = _awaited(SyncLevadaClient.cancel_flow_run)
    suspend_flow_run = _awaited(SyncLevadaClient.suspend_flow_run)
    resume_flow_run = _awaited(SyncLevadaClient.resume_flow_run)
    retry_flow_run = _awaited(SyncLevadaClient.retry_flow_run)
    fork_flow_run = _awaited(SyncLevadaClient.fork_flow_run)
    plan_rerun = _awaited(SyncLevadaClient.plan_rerun)
    read_flow_run_history = _awaited(SyncLevadaClient.read_flow_run_history)
    read_flow_run_lateness = _awaited(SyncLevadaClient.read_flow_run_lateness)
    read_flow_run_graph = _awaited(SyncLevadaClient.read_flow_run_graph)
    create_flow_run_input = _awaited(SyncLevadaClient.create_flow_run_input)
    filter_flow_run_input = _awaited(SyncLevadaClient.filter_flow_run_input)
    read_flow_run_input = _awaited(SyncLevadaClient.read_flow_run_input)
    delete_flow_run_input = _awaited(SyncLevadaClient.delete_flow_run_input)
    start_bulk_job = _awaited(SyncLevadaClient.start_bulk_job)
    read_bulk_job = _awaited(SyncLevadaClient.read_bulk_job)
    cancel_bulk_job = _awaited(SyncLevadaClient.cancel_bulk_job)
    read_events = _awaited(SyncLevadaClient.read_events)
    count_events = _awaited(SyncLevadaClient.count_events)
    emit_events = _awaited(SyncLevadaClient.emit_events)
    delete_artifact = _awaited(SyncLevadaClient.delete_artifact)
    increment_concurrency_slots_with_lease = _awaited(SyncLevadaClient.increment_concurrency_slots_with_lease)
    renew_concurrency_lease = _awaited(SyncLevadaClient.renew_concurrency_lease)
    release_concurrency_slots_with_lease = _awaited(SyncLevadaClient.release_concurrency_slots_with_lease)
    deploy = _awaited(SyncLevadaClient.deploy)
    read_deployment = _awaited(SyncLevadaClient.read_deployment)
    read_deployment_by_name = _awaited(SyncLevadaClient.read_deployment_by_name)
    read_deployments = _awaited(SyncLevadaClient.read_deployments)
    count_deployments = _awaited(SyncLevadaClient.count_deployments)
    update_deployment = _awaited(SyncLevadaClient.update_deployment)
    pause_deployment = _awaited(SyncLevadaClient.pause_deployment)
    resume_deployment = _awaited(SyncLevadaClient.resume_deployment)
    delete_deployment = _awaited(SyncLevadaClient.delete_deployment)
    read_deployment_versions = _awaited(SyncLevadaClient.read_deployment_versions)
    promote_deployment_version = _awaited(SyncLevadaClient.promote_deployment_version)
    create_flow_run_from_deployment = _awaited(SyncLevadaClient.create_flow_run_from_deployment)
    create_deployment_schedules = _awaited(SyncLevadaClient.create_deployment_schedules)
    read_deployment_schedules = _awaited(SyncLevadaClient.read_deployment_schedules)
    update_deployment_schedule = _awaited(SyncLevadaClient.update_deployment_schedule)
    delete_deployment_schedule = _awaited(SyncLevadaClient.delete_deployment_schedule)
    preview_schedule = _awaited(SyncLevadaClient.preview_schedule)
    read_upcoming_runs = _awaited(SyncLevadaClient.read_upcoming_runs)
    start_backfill = _awaited(SyncLevadaClient.start_backfill)
    read_backfill = _awaited(SyncLevadaClient.read_backfill)
    read_backfills = _awaited(SyncLevadaClient.read_backfills)
    pause_backfill = _awaited(SyncLevadaClient.pause_backfill)
    resume_backfill = _awaited(SyncLevadaClient.resume_backfill)
    cancel_backfill = _awaited(SyncLevadaClient.cancel_backfill)
    create_work_pool = _awaited(SyncLevadaClient.create_work_pool)
    read_work_pool = _awaited(SyncLevadaClient.read_work_pool)
    read_work_pools = _awaited(SyncLevadaClient.read_work_pools)
    update_work_pool = _awaited(SyncLevadaClient.update_work_pool)
    delete_work_pool = _awaited(SyncLevadaClient.delete_work_pool)
    create_work_queue = _awaited(SyncLevadaClient.create_work_queue)
    read_work_queue = _awaited(SyncLevadaClient.read_work_queue)
    read_work_queues = _awaited(SyncLevadaClient.read_work_queues)
    update_work_queue = _awaited(SyncLevadaClient.update_work_queue)
    delete_work_queue = _awaited(SyncLevadaClient.delete_work_queue)
    read_workers = _awaited(SyncLevadaClient.read_workers)
    read_queued_runs = _awaited(SyncLevadaClient.read_queued_runs)
    move_flow_run = _awaited(SyncLevadaClient.move_flow_run)

    read_saved_searches = _awaited(SyncLevadaClient.read_saved_searches)
    save_search = _awaited(SyncLevadaClient.save_search)
    delete_saved_search = _awaited(SyncLevadaClient.delete_saved_search)
    create_api_key = _awaited(SyncLevadaClient.create_api_key)
    read_api_keys = _awaited(SyncLevadaClient.read_api_keys)
    revoke_api_key = _awaited(SyncLevadaClient.revoke_api_key)
    read_table_sizes = _awaited(SyncLevadaClient.read_table_sizes)
