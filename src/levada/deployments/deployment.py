"""A deployment as authors hold it in their hands, before the control plane knows it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from levada.core.errors import ConfigurationError
from levada.core.naming import check_name
from levada.deployments.code import checkout_of, digest_of, module_entrypoint, place_of, refuse_secrets
from levada.deployments.options import as_environment, as_needs, concurrency, json_parameters
from levada.deployments.timing import schedules_from
from levada.wire.deployments import Code, CollisionStrategy, EnvironmentSpec, Needs, NewDeployment, ScheduleSpec

if TYPE_CHECKING:
    from levada.flows import Flow
    from levada.runner.storage import Storage


class EntrypointType(StrEnum):
    """How the process of a run finds the flow: in a file of the code's folder, or in an installed module."""

    FILE_PATH = "file_path"
    MODULE_PATH = "module_path"


@dataclass(kw_only=True, repr=False)
class Deployment:
    """What is to run without anybody at hand, when, where, and from which code.

    Made by `flow.to_deployment`, `Deployment.from_flow` and their kind; every field may be changed until it is applied.

    Attributes:
        flow_name, name: together they name it: ``flow/name``.
        entrypoint: ``path/file.py:function`` relative to `path`, or ``package.module:function``.
        path: folder of this machine in which the code lies.
        storage: fetches the code for each run, in place of `path`.
        pull: steps that fetch the code, in place of `storage`; None: as path and storage say.
        work_pool_name: None: the process that serves it.
        work_queue_name: the pool's default queue unless given.
        schedules: None: those that it has stay; an empty list takes them away.
        paused: None: it stays as it is.
        parameters: defaults for its runs.
        parameter_schema: JSON Schema of the flow's parameters.
        concurrency_limit, collision_strategy: how many of its runs may execute at once, and what becomes of others.
        start_deadline: seconds; a run that could not begin so long after it was due is skipped.
        retries, crash_retries: of its runs; None: as the flow says.
        priority: higher ones are taken first.
        environment: Python packages of its runs; None: those of the worker.
        needs: what a worker must have free.
        launcher: ``process`` or ``warm``; None: as the pool says.
    """

    name: str
    flow_name: str
    entrypoint: str
    path: str | None = None
    storage: Storage | None = None
    pull: list[dict[str, Any]] | None = None
    description: str | None = None
    version: str | None = None
    tags: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    schedules: list[ScheduleSpec] | None = None
    paused: bool | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    parameter_schema: dict[str, Any] | None = None
    enforce_parameter_schema: bool = True
    concurrency_limit: int | None = None
    collision_strategy: CollisionStrategy = "queue"
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = field(default_factory=dict)
    environment: EnvironmentSpec | None = None
    needs: Needs = field(default_factory=Needs)
    priority: int = 0
    fairness_key: str | None = None
    weight: float = 1.0
    retries: int | None = None
    crash_retries: int | None = None
    start_deadline: float | None = None
    launcher: str | None = None

    @property
    def full_name(self) -> str:
        """``flow/name``."""
        return f"{self.flow_name}/{self.name}"

    @property
    def entrypoint_type(self) -> EntrypointType:
        """Whether the flow is found in a file or in a module."""
        return EntrypointType.FILE_PATH if ".py:" in self.entrypoint else EntrypointType.MODULE_PATH

    @classmethod
    def from_flow(
        cls,
        flow: Flow[Any, Any],
        name: str,
        *,
        interval: Any = None,
        cron: Any = None,
        rrule: Any = None,
        anchor_date: datetime | str | None = None,
        timezone: str | None = None,
        schedule: Any = None,
        schedules: Any = None,
        catchup: Any = None,
        paused: bool | None = None,
        parameters: dict[str, Any] | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        version: str | None = None,
        enforce_parameter_schema: bool = True,
        concurrency_limit: Any = None,
        work_pool_name: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
        entrypoint_type: EntrypointType | str = EntrypointType.FILE_PATH,
        environment: Any = None,
        needs: Any = None,
        triggers: Any = None,
        here: Path | None = None,
        **more: Any,
    ) -> Deployment:
        """A deployment of a flow; the arguments are those of `Flow.to_deployment`.

        Args:
            here: the folder from which paths count; the working directory unless given.

        Raises:
            ConfigurationError: an argument cannot be used, or the flow cannot be loaded by another process.
        """
        if triggers:
            raise ConfigurationError("`triggers` come with automations, which this version of Levada does not have.")
        limit, strategy = concurrency(concurrency_limit)
        made = cls(
            name=deployment_name(name),
            flow_name=flow.name,
            **_found(flow, EntrypointType(entrypoint_type), here),
            description=description if description is not None else flow.description or None,
            version=version if version is not None else flow.options.get("version"),
            tags=_tags(tags),
            schedules=with_catchup(
                schedules_from(
                    interval=interval,
                    cron=cron,
                    rrule=rrule,
                    anchor_date=anchor_date,
                    timezone=timezone,
                    schedule=schedule,
                    schedules=schedules,
                ),
                catchup,
            ),
            paused=paused,
            parameters=json_parameters(check_parameters(flow, parameters or {})),
            parameter_schema=schema_of(flow),
            enforce_parameter_schema=enforce_parameter_schema,
            concurrency_limit=limit,
            collision_strategy=strategy,
            work_pool_name=work_pool_name,
            work_queue_name=work_queue_name,
            job_variables=dict(job_variables or {}),
            environment=as_environment(environment if environment is not None else flow.env),
            needs=as_needs(needs),
        )
        return made.with_fields(more)

    @classmethod
    def from_entrypoint(cls, entrypoint: str, name: str, **options: Any) -> Deployment:
        """A deployment of the flow at an entrypoint of this folder; `options` are those of `Flow.to_deployment`."""
        from levada.flows import load_flow_from_entrypoint  # lazy: flows make deployments

        options.pop("flow_name", None)
        return cls.from_flow(load_flow_from_entrypoint(entrypoint), name, **options)

    @classmethod
    def from_storage(cls, storage: Any, entrypoint: str, name: str, **options: Any) -> Deployment:
        """A deployment of a flow whose code is kept elsewhere; `options` are those of `Flow.to_deployment`."""
        from levada.flows import Flow  # lazy: as above

        options.pop("flow_name", None)
        return cls.from_flow(Flow.from_source(storage, entrypoint), name, **options)

    def with_fields(self, fields: dict[str, Any]) -> Deployment:
        """The same deployment with some fields changed.

        Raises:
            TypeError: there is no such field.
        """
        unknown = set(fields) - set(self.__dataclass_fields__)
        if unknown:
            raise TypeError(
                f"A deployment has no option {min(unknown)!r}; it has: {', '.join(sorted(self.__dataclass_fields__))}, "
                "and cron, interval, rrule, schedule, catchup, timezone, anchor_date, entrypoint_type."
            )
        return replace(self, **fields) if fields else self

    def code(self) -> Code:
        """Where the code is and what it is now; reads the files and asks git."""
        pull = self.pull
        if pull is None:
            step = None if self.storage is None else self.storage.to_pull_step()
            pull = [step] if step else []
        refuse_secrets(pull)
        root = Path(self.path) if self.path is not None else None
        if self.storage is not None:
            root = self.storage.destination
        steps = [*_before_loading(), *pull]
        if root is None:
            return Code(entrypoint=self.entrypoint, pull=steps)
        git = checkout_of(root)
        return Code(
            entrypoint=self.entrypoint,
            path=None if pull else str(root),
            pull=steps,
            digest=digest_of(root, self.entrypoint),
            commit=git.commit,
            branch=git.branch,
            repository=git.repository,
            dirty=git.dirty,
        )

    def to_new(self) -> NewDeployment:
        """What the control plane is told."""
        return NewDeployment(
            flow_name=self.flow_name,
            name=self.name,
            code=self.code(),
            description=self.description,
            version=self.version,
            tags=sorted(set(self.tags)),
            labels=self.labels,
            pool=self.work_pool_name,
            queue=self.work_queue_name,
            job_variables=self.job_variables,
            parameters=self.parameters,
            parameter_schema=self.parameter_schema,
            enforce_parameter_schema=self.enforce_parameter_schema,
            concurrency_limit=self.concurrency_limit,
            collision_strategy=self.collision_strategy,
            start_deadline=self.start_deadline,
            retries=self.retries,
            crash_retries=self.crash_retries,
            priority=self.priority,
            fairness_key=self.fairness_key,
            weight=self.weight,
            needs=self.needs,
            environment=self.environment,
            launcher=self.launcher,
            schedules=self.schedules,
            paused=self.paused,
        )

    def apply(
        self,
        schedules: Any = None,
        work_pool_name: str | None = None,
        image: str | None = None,
        *,
        upload: bool = False,
        work_queue_concurrency: int | None = None,
    ) -> UUID:
        """Deploy it; returns its id.

        Args:
            schedules: in place of its own.
            work_pool_name: another pool than its own.
            image: name of a container image that is there already; it becomes the job variable `image`.
            upload: must be False: code elsewhere is fetched by pull steps.
            work_queue_concurrency: must be None: limits of queues are set with ``levada work-queue``.

        Raises:
            ConfigurationError: an argument cannot be used, or the control plane does not take it.
        """
        from levada.deployments.registering import register  # lazy: opens the control plane

        if upload or work_queue_concurrency is not None:
            raise ConfigurationError("`upload` and `work_queue_concurrency` are not done by deploying; see the docs.")
        changed: dict[str, Any] = {}
        if schedules is not None:
            changed["schedules"] = schedules_from(schedules=schedules)
        if work_pool_name is not None:
            changed["work_pool_name"] = work_pool_name
        if image is not None:
            changed["job_variables"] = {**self.job_variables, "image": image}
        return register([replace(self, **changed)])[0].id

    async def aapply(self, *arguments: Any, **options: Any) -> UUID:
        """`apply` for async code."""
        import asyncio  # lazy: only async callers need a loop

        return await asyncio.to_thread(lambda: self.apply(*arguments, **options))

    @classmethod
    def build_from_flow(cls, flow: Flow[Any, Any], name: str, **options: Any) -> Deployment:
        """A deployment of a flow, as older programs make it; see `levada.deployments.older`.

        Args:
            flow: the flow.
            name: of the deployment.
            **options: fields of a deployment under their older names, too (`infra_overrides`, `is_schedule_active`);
                `output` writes a file, `apply=True` deploys at once.
        """
        from levada.deployments.older import build_from_flow  # lazy: only older programs need it

        return build_from_flow(cls, flow, name, **options)

    @classmethod
    def load_from_yaml(cls, path: str | Path) -> Deployment:
        """A deployment from a file that `to_yaml` or ``levada deployment build`` wrote."""
        from levada.deployments.files import read_file  # lazy: only files need the YAML parser

        return read_file(Path(path))

    def to_yaml(self, path: str | Path) -> None:
        """Write it to a file that people can edit and ``levada deployment apply`` understands."""
        from levada.deployments.files import write_file  # lazy: as above

        write_file(self, Path(path))

    def __repr__(self) -> str:
        return f"Deployment({self.full_name!r}, entrypoint={self.entrypoint!r}, work_pool_name={self.work_pool_name!r})"


def deployment_name(given: str) -> str:
    """The name of a deployment; ``__file__`` is taken as the name of its file.

    Raises:
        InvalidNameError: it has characters that names may not have.
    """
    text = str(given)
    return check_name("deployment", Path(text).stem if text.endswith(".py") else text)


def schema_of(flow: Flow[Any, Any]) -> dict[str, Any]:
    """The JSON schema of a flow's parameters, of which it takes no others unless it has ``**keywords``."""
    found: dict[str, Any] = msgspec.to_builtins(flow.parameters)
    if flow.signature.variable_keywords is None:
        found["additionalProperties"] = False
    return found


def check_parameters(flow: Flow[Any, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Default parameters, after looking whether the flow has such parameters; whether values fit is checked with runs.

    Raises:
        ConfigurationError: the flow has no such parameter.
    """
    names = flow.signature.names
    unknown = set(parameters) - set(names)
    if unknown and flow.signature.variable_keywords is None:
        raise ConfigurationError(
            f"Flow {flow.name!r} has no parameter {min(unknown)!r}; it has: {', '.join(names) or 'none'}."
        )
    return parameters


def with_catchup(schedules: list[ScheduleSpec] | None, catchup: Any) -> list[ScheduleSpec] | None:
    """Schedules that all handle missed times in one way: ``none``, ``last``, ``all``, or a number: the newest so many.

    Raises:
        ConfigurationError: there is no such way, or no schedule.
    """
    if catchup is None:
        return schedules
    if not schedules:
        raise ConfigurationError(
            "`catchup` says what becomes of times that a schedule missed, and there is no schedule."
        )
    if isinstance(catchup, int) and not isinstance(catchup, bool) and catchup > 0:
        return [msgspec.structs.replace(one, catchup="all", catchup_most=catchup) for one in schedules]
    if catchup not in {"none", "last", "all"}:
        raise ConfigurationError(f"`catchup` is none, last, all, or a number of runs; got {catchup!r}.")
    return [msgspec.structs.replace(one, catchup=catchup) for one in schedules]


def _before_loading() -> list[dict[str, Any]]:
    """What the process of a run must do before it loads the flow: what this process did for it to be loaded."""
    alias = sys.modules.get("levada.compat.prefect.importer")
    if alias is None or not alias.is_installed():
        return []
    return [{"levada.compat.prefect.install": {}}]  # the file says `import prefect`


def _tags(given: Iterable[str] | None) -> list[str]:
    if isinstance(given, str):
        raise ConfigurationError(f"`tags` is a list; got the text {given!r}.")
    return [str(tag) for tag in given or ()]


def _found(flow: Flow[Any, Any], kind: EntrypointType, here: Path | None) -> dict[str, Any]:
    """Entrypoint, and the folder or storage in which it counts."""
    if flow.source is not None:
        storage, entrypoint = flow.source
        from levada.runner.storage import LocalStorage  # lazy: storages bring git and fsspec along

        if isinstance(storage, LocalStorage):
            return {"entrypoint": entrypoint, "path": str(storage.path)}
        return {"entrypoint": entrypoint, "storage": storage}
    if kind is EntrypointType.MODULE_PATH:
        return {"entrypoint": module_entrypoint(flow)}
    root, entrypoint = place_of(flow, here)
    return {"entrypoint": entrypoint, "path": str(root)}
