"""The verbs, once, for sync code; `awaited` offers them to async code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET

from levada.client.changing import Changing
from levada.client.deploying import DeployingVerbs
from levada.client.scheduling import SchedulingVerbs
from levada.client.schemas.translate import fields_of
from levada.client.server_only import NEEDS_SERVER
from levada.client.working import WorkingVerbs
from levada.control import ControlPlane
from levada.core.errors import ObjectNotFound, ServerRequired
from levada.core.limits import TAG_PREFIX
from levada.core.states import State
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import (
    ArtifactView,
    FlowRun,
    FlowView,
    LimitView,
    Log,
    Page,
    StateView,
    TaskRun,
    VariableView,
    Why,
)
from levada.wire.records import Payload
from levada.wire.verbs import LimitVerbs, Plane, VariableVerbs

Run = UUID | bytes | str
"""A run by its id, by text of it, or by the beginning of that text."""

DEFAULT_LIMIT = 200
"""How many items a list gives unless asked for more."""

AnyRun = TypeVar("AnyRun", FlowRun, TaskRun)
Query = TypeVar("Query", FlowRunQuery, TaskRunQuery, LogQuery, ArtifactQuery)


class SyncLevadaClient(Changing, DeployingVerbs, SchedulingVerbs, WorkingVerbs):
    """Verbs on a server, or on one home without a server.

    Lists take either a query of `levada.wire.filters`, or its fields as keywords, or filters in the shape other
    orchestrators use (`levada.client.schemas.filters`); they give plain lists, at most 200 items unless `limit` says
    otherwise. A verb that needs a server raises `ServerRequired`.

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
        self.home = home
        self._decode = decode
        self._drain = drain
        self._open = plane or (lambda: ControlPlane(home))
        self._plane: Plane | None = None

    @property
    def plane(self) -> Plane:
        """The control plane that is asked, as it is: nothing is drained."""
        if self._plane is None:
            self._plane = self._open()
        return self._plane

    def close(self) -> None:
        """Close the store; the next verb opens it again."""
        plane, self._plane = self._plane, None
        if plane is not None:
            plane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name not in NEEDS_SERVER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def refuse(*_: object, **__: object) -> NoReturn:
            raise ServerRequired(why_server(name))

        return refuse

    # The home ------------------------------------------------------------------------------------------------------

    def hello(self) -> str:
        """A greeting, which says that the home can be read."""
        self._look().read_flows(limit=1)
        return f"Levada {self.api_version()}, {self.plane.place}"

    def api_healthcheck(self) -> Exception | None:
        """None when the home can be read; the problem otherwise."""
        try:
            self._look().read_flows(limit=1)
            return None
        except Exception as problem:  # noqa: BLE001 - the verb is asked for the problem, whatever it is
            return problem

    def api_version(self) -> str:
        """The version of Levada that answers."""
        from importlib.metadata import version  # lazy: slow to load, and seldom asked for

        return version("levada")

    def drain(self) -> Any:
        """Take in what journals have gained; returns what was found (`levada.control.drain.DrainReport`)."""
        return self.plane.drain()

    # Flow runs -----------------------------------------------------------------------------------------------------

    def read_flow_run(self, flow_run_id: Run) -> FlowRun:
        """One flow run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids.
        """
        return self._with_result(self._look().read_flow_run(flow_run_id))

    def read_flow_runs(
        self, query: FlowRunQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[FlowRun]:
        """Flow runs, newest first; fields as in `levada.wire.filters.FlowRunQuery`."""
        asked = _query(FlowRunQuery, query, limit, fields)
        return [self._with_result(run) for run in _items(self._look().read_flow_runs, asked, offset)]

    def count_flow_runs(self, query: FlowRunQuery | None = None, /, **fields: Any) -> int:
        """How many flow runs a query finds."""
        return self._look().count_flow_runs(_query(FlowRunQuery, query, None, fields))

    def read_flow_run_states(self, flow_run_id: Run) -> list[State]:
        """Every state a flow run was in, oldest first."""
        return [self._state(view) for view in self._look().flow_run_states(flow_run_id)]

    def delete_flow_run(self, flow_run_id: Run) -> None:
        """Delete a flow run with its subflow runs, task runs, logs and artifacts.

        Raises:
            ObjectNotFound: there is no such run.
            ConfigurationError: it is still running.
        """
        self._look().delete_flow_run(flow_run_id)

    def why(self, run: Run) -> Why:
        """Why a run is where it is, and what can be done about it."""
        return self._look().why(run)

    # Task runs -----------------------------------------------------------------------------------------------------

    def read_task_run(self, task_run_id: Run) -> TaskRun:
        """One task run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids.
        """
        return self._with_result(self._look().read_task_run(task_run_id))

    def read_task_runs(
        self, query: TaskRunQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[TaskRun]:
        """Task runs, in the order they were made; fields as in `levada.wire.filters.TaskRunQuery`."""
        asked = _query(TaskRunQuery, query, limit, fields)
        return [self._with_result(run) for run in _items(self._look().read_task_runs, asked, offset)]

    def count_task_runs(self, query: TaskRunQuery | None = None, /, **fields: Any) -> int:
        """How many task runs a query finds."""
        return self._look().count_task_runs(_query(TaskRunQuery, query, None, fields))

    def read_task_run_states(self, task_run_id: Run) -> list[State]:
        """Every state a task run was in, oldest first."""
        return [self._state(view) for view in self._look().task_run_states(task_run_id)]

    # Logs and artifacts --------------------------------------------------------------------------------------------

    def read_logs(
        self, query: LogQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[Log]:
        """Lines of log, in the order they were written; fields as in `levada.wire.filters.LogQuery`."""
        return list(_items(self._look().read_logs, _query(LogQuery, query, limit, fields), offset))

    def read_artifacts(
        self, query: ArtifactQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[ArtifactView]:
        """Artifacts, newest first; fields as in `levada.wire.filters.ArtifactQuery`."""
        return list(_items(self._look().read_artifacts, _query(ArtifactQuery, query, limit, fields), offset))

    def read_latest_artifacts(
        self, query: ArtifactQuery | None = None, /, *, limit: int | None = None, offset: int = 0, **fields: Any
    ) -> list[ArtifactView]:
        """The newest artifact of each key."""
        return self.read_artifacts(query, limit=limit, offset=offset, **{**fields, "latest_of_key": True})

    def read_artifact(self, artifact_id: Run) -> ArtifactView:
        """One artifact by id, beginning of its id, or key.

        Raises:
            ObjectNotFound: there is none.
        """
        return self._look().read_artifact(artifact_id)

    # Flows ---------------------------------------------------------------------------------------------------------

    def read_flows(self, *, name_like: str | None = None, limit: int | None = None, offset: int = 0) -> list[FlowView]:
        """Flows by name, each with its number of runs and its last one."""
        plane = self._look()
        wanted = DEFAULT_LIMIT if limit is None else limit
        found: list[FlowView] = []
        cursor: str | None = None
        while len(found) < offset + wanted:
            page = plane.read_flows(name_like=name_like, limit=DEFAULT_LIMIT, cursor=cursor)
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        return found[offset : offset + wanted]

    def read_flow_by_name(self, flow_name: str) -> FlowView:
        """One flow by name.

        Raises:
            ObjectNotFound: no flow of that name ever ran.
        """
        return self._look().read_flow(flow_name)

    def read_flow(self, flow_id: Run) -> FlowView:
        """One flow by id, or by name.

        Raises:
            ObjectNotFound: there is no such flow.
        """
        if isinstance(flow_id, UUID):
            plane = self._look()
            cursor: str | None = None
            while True:
                page = plane.read_flows(limit=DEFAULT_LIMIT, cursor=cursor)
                for flow in page.items:
                    if flow.id == flow_id:
                        found: FlowView = flow
                        return found
                cursor = page.next
                if cursor is None:
                    raise ObjectNotFound(f"There is no flow {flow_id}.")
        return self.read_flow_by_name(str(flow_id))

    # Variables -----------------------------------------------------------------------------------------------------

    def create_variable(self, name: str, value: Any, tags: list[str] | None = None) -> VariableView:
        """Make a variable.

        Raises:
            ObjectAlreadyExists: there is one of that name.
            InvalidNameError: it cannot be called so.
        """
        return self._variables.set(name, value, tags)

    def set_variable(
        self, name: str, value: Any, tags: list[str] | None = None, *, overwrite: bool = True
    ) -> VariableView:
        """Make a variable, or replace the value of the one that is there.

        Raises:
            ObjectAlreadyExists: there is one of that name, and `overwrite` is not set.
            InvalidNameError: it cannot be called so.
        """
        return self._variables.set(name, value, tags, overwrite=overwrite)

    def read_variable_by_name(self, name: str) -> VariableView | None:
        """A variable, or None when there is none of that name."""
        return self._variables.get(name)

    def read_variables(self, limit: int | None = None, *, cursor: str | None = None) -> list[VariableView]:
        """Variables by name, those after `cursor` only."""
        return self._variables.page(DEFAULT_LIMIT if limit is None else limit, cursor).items

    def count_variables(self) -> int:
        """How many variables there are."""
        return self._variables.count()

    def update_variable(
        self, name: str, value: Any = UNSET, tags: list[str] | None = None, *, new_name: str | None = None
    ) -> VariableView:
        """Change what is given of a variable.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        return self._variables.change(name, value=value, tags=tags, new_name=new_name)

    def delete_variable_by_name(self, name: str) -> bool:
        """Remove a variable; False when there was none."""
        return self._variables.unset(name)

    # Limits --------------------------------------------------------------------------------------------------------

    def create_global_concurrency_limit(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> LimitView:
        """Make a limit.

        Args:
            name: what it is asked for by; `tag:` and a tag's name bounds tasks of that tag.
            limit: slots; 0 closes it, so that asking for one is an error at once.
            active: False lets everybody pass, and records them.
            slot_decay_per_second: slots a second that `rate_limit` gives back by itself.

        Raises:
            ObjectAlreadyExists: there is one of that name.
        """
        return self._limits.create(name, limit, active=active, decay=slot_decay_per_second)

    def read_global_concurrency_limit_by_name(self, name: str) -> LimitView:
        """One limit with those who hold it.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        return self._limits.read(name)

    def read_global_concurrency_limits(self, limit: int | None = None, offset: int = 0) -> list[LimitView]:
        """All limits by name, with those who hold them."""
        return list(self._limits.read_all()[offset : None if limit is None else offset + limit])

    def update_global_concurrency_limit(
        self,
        name: str,
        *,
        limit: int | None = None,
        active: bool | None = None,
        slot_decay_per_second: float | None = None,
    ) -> LimitView:
        """Change what is given of a limit. Fewer slots than are held takes nobody's away.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        return self._limits.change(name, slots=limit, active=active, decay=slot_decay_per_second)

    def upsert_global_concurrency_limit_by_name(
        self, name: str, limit: int, slot_decay_per_second: float | None = None, *, active: bool | None = None
    ) -> LimitView:
        """Make a limit, or change the one of that name; what is None stays as it is."""
        return self._limits.upsert(name, limit, active=active, decay=slot_decay_per_second)

    def delete_global_concurrency_limit_by_name(self, name: str) -> bool:
        """Remove a limit with what is held of it; False when there was none."""
        return self._limits.delete(name)

    def reset_global_concurrency_limit_by_name(self, name: str) -> int:
        """Take all slots of a limit back; how many were held.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        return self._limits.reset(name)

    def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> LimitView:
        """Bound how many tasks of a tag run at once, or change the bound."""
        return self._limits.upsert(TAG_PREFIX + tag, concurrency_limit)

    def read_concurrency_limit_by_tag(self, tag: str) -> LimitView:
        """The limit of a tag.

        Raises:
            ObjectNotFound: there is none.
        """
        return self._limits.read(TAG_PREFIX + tag)

    def read_concurrency_limits(self, limit: int | None = None, offset: int = 0) -> list[LimitView]:
        """The limits of tags."""
        found = [view for view in self._limits.read_all() if view.name.startswith(TAG_PREFIX)]
        return found[offset : None if limit is None else offset + limit]

    def delete_concurrency_limit_by_tag(self, tag: str) -> bool:
        """Remove the limit of a tag; False when there was none."""
        return self._limits.delete(TAG_PREFIX + tag)

    def reset_concurrency_limit_by_tag(self, tag: str) -> int:
        """Take all slots of a tag's limit back; how many were held."""
        return self._limits.reset(TAG_PREFIX + tag)

    # ---------------------------------------------------------------------------------------------------------------

    def _look(self) -> Plane:
        if self._drain:
            self.plane.drain()
        return self.plane

    @property
    def _variables(self) -> VariableVerbs:
        return self.plane.variables

    @property
    def _limits(self) -> LimitVerbs:
        return self.plane.limits

    def _state(self, view: StateView) -> State:
        return view.to_state(self._decode)

    def _with_result(self, run: AnyRun) -> AnyRun:
        """Give a run the state object through which its result can be read."""
        if self._decode is not None and run.states:
            run.live_state = self._state(run.states[-1])
        return run


def why_server(verb: str) -> str:
    """What a verb that needs a server says without one."""
    return (
        f"`{verb}` needs a Levada server, and none is configured: this client reads and changes the home directly. "
        "Set LEVADA_API_URL to the address of a server."
    )


def _query(kind: type[Query], query: Query | None, limit: int | None, fields: dict[str, Any]) -> Query:
    asked = query if query is not None else kind()
    changes = fields_of(kind, fields)
    if limit is not None:
        changes["limit"] = limit
    return msgspec.structs.replace(asked, **changes) if changes else asked


def _items(read: Callable[[Query], Page], query: Query, offset: int) -> Iterator[Any]:
    """Up to `limit` items after the first `offset`, read page by page."""
    skip, missing = offset, query.limit
    cursor = query.cursor
    while missing > 0:
        size = min(DEFAULT_LIMIT, skip + missing)
        page = read(msgspec.structs.replace(query, limit=size, cursor=cursor))
        chosen = page.items[skip : skip + missing]
        skip = max(0, skip - len(page.items))
        missing -= len(chosen)
        yield from chosen
        cursor = page.next
        if cursor is None:
            return
