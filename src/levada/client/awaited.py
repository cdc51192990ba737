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
