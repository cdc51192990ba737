"""Which of Levada's modules answers for which of Prefect's, and under which names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


class Window:
    """What one alias module shows.

    Attributes:
        homes: Levada's modules in which names are looked up, in order.
        renamed: names that are called something else: ``module:attribute``.
        made: names that are made when they are asked for (functions that guess their colour).
        lasting: a name stands for the same thing for ever; what belongs to the current run does not.
    """

    missing: Any = object()

    def __init__(
        self,
        *homes: str,
        renamed: Mapping[str, str] | None = None,
        made: Mapping[str, Callable[[], Any]] | None = None,
        only: tuple[str, ...] | None = None,
        lasting: bool = True,
    ) -> None:
        self.homes = homes
        self.renamed = dict(renamed or {})
        self.made = dict(made or {})
        self.only = only
        self.lasting = lasting

    def find(self, name: str) -> Any:
        """What the name stands for; `missing` when it stands for nothing."""
        if name in self.made:
            return self.made[name]()
        if name in self.renamed:
            home, _, attribute = self.renamed[name].partition(":")
            module = importlib.import_module(home)
            return getattr(module, attribute) if attribute else module
        if name.startswith("_") or (self.only is not None and name not in self.only):
            return self.missing
        for home in self.homes:
            value = getattr(importlib.import_module(home), name, self.missing)
            if value is not self.missing:
                return value
        return self.missing

    def names(self) -> list[str]:
        """All names of the module."""
        found = {*self.made, *self.renamed, *(self.only or ())}
        if self.only is None:
            for home in self.homes:
                module = importlib.import_module(home)
                found.update(getattr(module, "__all__", None) or [key for key in vars(module) if key[0] != "_"])
        return sorted(found)

    def public(self) -> list[str]:
        """What a star import takes."""
        return self.names()


class SettingsWindow(Window):
    """The settings: `PREFECT_LOGGING_LEVEL` stands for `LEVADA_LOGGING_LEVEL`."""

    def find(self, name: str) -> Any:
        """A setting, or what else the name stands for."""
        prefix, _, rest = name.partition("_")
        return super().find(f"LEVADA_{rest}" if prefix == "PREFECT" else name)


def _guessed(module: str, name: str) -> Callable[[], Any]:
    def make() -> Any:
        from levada.compat.prefect.colours import either  # lazy: asyncio is loaded only for files that ask

        home = importlib.import_module(module)
        return either(getattr(home, name), getattr(home, f"a{name}"))

    return make


def _guessing_class(module: str, name: str, *methods: str) -> Callable[[], Any]:
    def make() -> Any:
        from levada.compat.prefect.colours import both_ways  # lazy: as above

        return both_ways(getattr(importlib.import_module(module), name), *methods)

    return make


_ARTIFACTS = (
    "create_markdown_artifact",
    "create_table_artifact",
    "create_link_artifact",
    "create_image_artifact",
    "create_progress_artifact",
    "update_progress_artifact",
)

_ERRORS = {
    "PrefectException": "levada.exceptions:LevadaError",
    "PrefectSignal": "levada.exceptions:LevadaSignal",
}

_DEPLOYMENTS = Window(
    "levada.deployments",
    made={name: _guessed("levada.deployments", name) for name in ("run_deployment", "deploy")}
    | {
        name: _guessing_class("levada.deployments", "Deployment", "apply")
        for name in ("Deployment", "RunnerDeployment")
    },
)

_SCHEDULES = Window("levada.schedules")

_STEPS = Window("levada.steps")

_ROOT = Window(
    "levada",
    renamed={
        "serve": "levada.serving:serve",
        "aserve": "levada.serving:aserve",
        "adeploy": "levada.deployments:adeploy",
        "__version_info__": "levada.version:__version__",
        "State": "levada.core.states:State",
        "disable_run_logger": "levada.logging:disable_run_logger",
        "get_run_logger": "levada.logging:get_run_logger",
        "tags": "levada.context:tags",
        "task": "levada.tasks:task",
        "Task": "levada.tasks:Task",
        "flow": "levada.flows:flow",
        "Flow": "levada.flows:Flow",
        "unmapped": "levada.annotations:unmapped",
        "allow_failure": "levada.annotations:allow_failure",
        "quote": "levada.annotations:quote",
        "get_client": "levada.orchestration:get_client",
        "transaction": "levada.transactions:transaction",
        "Transaction": "levada.transactions:Transaction",
        "exponential_backoff": "levada.core.retries:exponential_backoff",
    },
    made={"deploy": _guessed("levada.deployments", "deploy")},
    only=("__version__",),
)

_OBJECTS = Window(
    "levada.wire.objects",
    "levada.core.states",
    renamed={
        "State": "levada.core.states:State",
        "StateType": "levada.core.states:StateType",
        "StateDetails": "levada.core.states:StateDetails",
        "Flow": "levada.wire.objects:FlowView",
        "Artifact": "levada.wire.objects:ArtifactView",
        "Variable": "levada.wire.objects:VariableView",
        "GlobalConcurrencyLimit": "levada.wire.objects:LimitView",
        "TERMINAL_STATES": "levada.states:TERMINAL_STATES",
        "ConcurrencyLimitConfig": "levada.deployments:ConcurrencyLimitConfig",
        "ConcurrencyLimitStrategy": "levada.deployments:ConcurrencyLimitStrategy",
        "Deployment": "levada.wire.deployments:Deployment",
        "WorkPool": "levada.wire.pools:WorkPool",
        "WorkQueue": "levada.wire.pools:WorkQueue",
        "Worker": "levada.wire.pools:Worker",
    },
)

MODULES: dict[str, Window] = {
    "prefect": _ROOT,
    "prefect.flows": Window("levada.flows"),
    "prefect.tasks": Window("levada.tasks"),
    "prefect.task_worker": Window("levada.task_worker"),
    "prefect.futures": Window("levada.futures"),
    "prefect.states": Window(
        "levada.states",
        renamed={
            "exception_to_failed_state": "levada.states:aexception_to_failed_state",
            "exception_to_crashed_state": "levada.states:aexception_to_crashed_state",
        },
    ),
    "prefect.context": Window("levada.context"),
    "prefect.exceptions": Window("levada.exceptions", renamed=_ERRORS),
    "prefect.task_runners": Window("levada.task_runners"),
    "prefect.cache_policies": Window("levada.cache_policies"),
    "prefect.results": Window("levada.results"),
    "prefect.serializers": Window("levada.serializers"),
    "prefect.filesystems": Window("levada.filesystems"),
    "prefect.transactions": Window("levada.transactions"),
    "prefect.locking": Window("levada.locking"),
    "prefect.locking.memory": Window("levada.locking"),
    "prefect.locking.filesystem": Window("levada.locking"),
    "prefect.locking.protocol": Window("levada.locking"),
    "prefect.artifacts": Window(
        "levada.artifacts",
        made={name: _guessed("levada.artifacts", name) for name in _ARTIFACTS}
        | {
            name: _guessing_class("levada.artifacts", name, "create", "get", "get_or_create", "format")
            for name in ("Artifact",)
        },
    ),
    "prefect.variables": Window(
        "levada.variables", made={"Variable": _guessing_class("levada.variables", "Variable", "get", "set", "unset")}
    ),
    "prefect.concurrency": Window("levada.concurrency"),
    "prefect.concurrency.sync": Window("levada.concurrency.sync"),
    "prefect.concurrency.asyncio": Window("levada.concurrency.asyncio"),
    "prefect.runtime": Window("levada.runtime"),
    "prefect.runtime.flow_run": Window("levada.runtime.flow_run", lasting=False),
    "prefect.runtime.task_run": Window("levada.runtime.task_run", lasting=False),
    "prefect.runtime.deployment": Window("levada.runtime.deployment", lasting=False),
    "prefect.logging": Window("levada.logging"),
    "prefect.logging.loggers": Window("levada.logging"),
    "prefect.settings": SettingsWindow("levada.settings"),
    "prefect.testing": Window("levada.testing"),
    "prefect.testing.utilities": Window("levada.testing.known"),
    "prefect.utilities": Window("levada.annotations", only=()),
    "prefect.utilities.annotations": Window("levada.annotations"),
    "prefect.client": Window(
        "levada.orchestration",
        only=("get_client",),
    ),
    "prefect.client.orchestration": Window(
        "levada.orchestration",
        renamed={
            "PrefectClient": "levada.orchestration:LevadaClient",
            "SyncPrefectClient": "levada.orchestration:SyncLevadaClient",
        },
    ),
    "prefect.deployments": _DEPLOYMENTS,
    "prefect.deployments.base": _DEPLOYMENTS,
    "prefect.deployments.deployments": _DEPLOYMENTS,
    "prefect.deployments.flow_runs": _DEPLOYMENTS,
    "prefect.deployments.runner": _DEPLOYMENTS,
    "prefect.deployments.steps": _STEPS,
    "prefect.deployments.steps.core": _STEPS,
    "prefect.deployments.steps.pull": _STEPS,
    "prefect.deployments.steps.utility": _STEPS,
    "prefect.schedules": _SCHEDULES,
    "prefect.client.schemas.schedules": _SCHEDULES,
    "prefect.server": Window("levada.schedules", only=()),
    "prefect.server.schemas": Window("levada.schedules", only=()),
    "prefect.server.schemas.schedules": _SCHEDULES,
    "prefect.orion": Window("levada.schedules", only=()),
    "prefect.orion.schemas": Window("levada.schedules", only=()),
    "prefect.orion.schemas.schedules": _SCHEDULES,
    "prefect.runner": Window("levada.runner"),
    "prefect.runner.storage": Window("levada.runner.storage"),
    "prefect.types": Window("levada.deployments", only=()),
    "prefect.types.entrypoint": Window("levada.deployments", only=("EntrypointType",)),
    "prefect.client.schemas": _OBJECTS,
    "prefect.client.schemas.objects": _OBJECTS,
    "prefect.client.schemas.filters": Window("levada.client.schemas.filters"),
    "prefect.client.schemas.sorting": Window("levada.client.schemas.sorting"),
}
"""Every module of the alias."""

_SERVER = "it is not in this version of Levada"

REFUSED: dict[str, str] = {
    "prefect.runner.Runner": "call `serve(*deployments)`, or start `levada worker start`.",
    "prefect.pause_flow_run": f"{_SERVER}.",
    "prefect.apause_flow_run": f"{_SERVER}.",
    "prefect.suspend_flow_run": f"{_SERVER}.",
    "prefect.asuspend_flow_run": f"{_SERVER}.",
    "prefect.resume_flow_run": "use `levada.recovery.resume`, or `levada flow-run resume`.",
    "prefect.aresume_flow_run": "use `levada.recovery.resume`, or `levada flow-run resume`.",
    "prefect.get_cloud_client": "Levada has no cloud edition.",
}
"""Names that have no counterpart, and what to use instead."""

REFUSED_MODULES: dict[str, str] = {
    "prefect.flow_runs": f"{_SERVER}; `levada.recovery.resume` resumes local runs.",
    "prefect.workers": "workers are started with `levada worker start`.",
    "prefect.docker": "images come with container pools, which this version of Levada does not have.",
    "prefect.events": f"{_SERVER}.",
    "prefect.automations": f"{_SERVER}.",
    "prefect.blocks": f"{_SERVER}; `levada.variables.Variable` keeps plain values.",
    "prefect.input": f"{_SERVER}.",
    "prefect.server": "Levada's server has an API of its own.",
    "prefect.agent": "use a worker.",
}
"""Modules that have no counterpart, and what to use instead."""
