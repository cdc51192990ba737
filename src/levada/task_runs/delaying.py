"""Handing calls of tasks over to whoever serves them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, SerializationError
from levada.core.identity import call_identity, digest_inputs
from levada.core.states import FINAL_TYPES, StateType
from levada.engine import session as sessions
from levada.engine.calls import scope_of
from levada.engine.context import flow_var, tags_var, task_var
from levada.engine.inputs import NotReady, check_wait_for, look, resolve, result_for_input, upstream_error
from levada.futures import FutureList, blocked
from levada.session import deliver
from levada.task_runs.futures import DelayedFuture
from levada.task_runs.names import queue_of
from levada.task_runs.watching import RunWatcher
from levada.version import __version__
from levada.wire.changes import LARGEST_PARAMETERS, NewFlowRun
from levada.wire.objects import FlowRun
from levada.wire.pools import BACKGROUND_POOL
from levada.wire.records import Payload
from levada.wire.verbs import Plane

if TYPE_CHECKING:
    from levada.engine.session import Session
    from levada.tasks import Task

KIND_LABEL = "levada.kind"
KIND = "background-task"
TASK_LABEL = "levada.task"
CALLER_LABEL = "levada.called-by"

TOGETHER = 8
"""Requests that are under way at once when many calls are delayed: a server carries those out together."""


class DelayOptions(Struct, frozen=True, kw_only=True):
    """How a call is delayed; see `levada.tasks.Task.delay_options`."""

    name: str | None = None
    idempotency_key: str | None = None
    scheduled_time: datetime | None = None
    delay_seconds: float | None = None
    priority: int = 0
    crash_retries: int | None = None
    tags: tuple[str, ...] = ()

    def due(self) -> datetime | None:
        """When the call is due; None: at once."""
        if self.delay_seconds is not None:
            return datetime.now(UTC) + timedelta(seconds=self.delay_seconds)
        return self.scheduled_time


PLAIN = DelayOptions()


class Sender:
    """Hands calls over to the control plane of a session.

    Attributes:
        watcher: waits for their ends.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        settings = session.settings

        @cache
        def plane(max_retries: int | None) -> Plane:
            return plane_of(
                settings,
                session.home,
                version=__version__,
                max_retries=max_retries,
                deliver=lambda: deliver(session),
            )

        self._plane = plane
        self._lock = threading.Lock()
        # Who waits comes back by itself; it need not be made to wait by what cannot be reached.
        self.watcher = RunWatcher(lambda: self.plane(0), session.results.load)
        session.on_close.insert(0, self.watcher.close)

    def plane(self, max_retries: int | None = None) -> Plane:
        """The control plane; opened when first asked for."""
        with self._lock:
            return self._plane(max_retries if self._session.settings.api.url else None)

    def send(self, task: Task[Any, Any], parameters: dict[str, Any], options: DelayOptions, key: str | None) -> Any:
        """Hand one call over; its arguments are final.

        Raises:
            SerializationError: an argument cannot be pickled.
            RequestTooLarge, RequestInvalid, InvalidNameError: the control plane does not take it.
        """
        new = self._new(task, parameters, options, key)
        run = self.plane().create_flow_run(new)
        if key is not None and key != options.idempotency_key:
            run = self._afresh(new, run)
        # The same key gives the run of the first call, whose task run has the id that was chosen then.
        chosen = run.job_variables.get("task_run") or new.job_variables["task_run"]
        return DelayedFuture(run.id, UUID(str(chosen)).bytes, run.name, self.watcher)

    def _new(self, task: Task[Any, Any], parameters: dict[str, Any], options: DelayOptions, key: str | None) -> Any:
        queue = queue_of(task)
        labels = {KIND_LABEL: KIND, TASK_LABEL: task.task_key}
        flow = flow_var.get()
        if flow is not None:
            labels[CALLER_LABEL] = str(UUID(bytes=flow.run))
        return NewFlowRun(
            flow_name=task.name,
            name=options.name,
            tags=sorted({*tags_var.get(), *options.tags}),
            labels=labels,
            idempotency_key=key,
            scheduled_time=options.due(),
            flow_version=task.version,
            entrypoint=_entrypoint(task),
            crash_retries=task.most_retries if options.crash_retries is None else options.crash_retries,
            work_pool_name=BACKGROUND_POOL,
            work_queue_name=queue,
            priority=options.priority,
            job_variables={
                "task": queue,
                "task_key": task.task_key,
                "task_run": str(UUID(bytes=self._session.new_id())),
            },
            payload=self._sealed(task, parameters),
            shown=task.shown(parameters) or {},
        )

    def _sealed(self, task: Task[Any, Any], parameters: dict[str, Any]) -> Payload:
        """The arguments as bytes; large ones in the result storage of the task, as a reference."""
        store = self._session.results
        if task.result_storage is not None:
            store = store.update_for_task(task)
        payload: Payload = store.model_copy(update={"inline_bytes": LARGEST_PARAMETERS}).keep(parameters)
        if payload.serializer == "none":
            raise SerializationError(f"Task {task.name!r} cannot be delayed with these arguments: {payload.preview}")
        return payload

    def _afresh(self, new: NewFlowRun, run: FlowRun) -> FlowRun:
        """A call of a flow that is executed again: the earlier delayed run, unless that did not complete."""
        number = 1
        while run.state_type in FINAL_TYPES and run.state_type is not StateType.COMPLETED:
            number += 1
            run = self.plane().create_flow_run(replace(new, idempotency_key=f"{new.idempotency_key}:{number}"))
        return run


def sender() -> Sender:
    """The sender of this process's session."""
    session = sessions.current()
    found: Sender | None = session.parts.get("sender")
    if found is None:
        with _making:
            found = session.parts.get("sender")
            if found is None:
                session.on_run()
                found = session.parts["sender"] = Sender(session)
    return found


delayer = sender
_making = threading.Lock()


class Delayer:
    """A task with options for its delayed calls; made by `Task.delay_options`."""

    def __init__(self, task: Task[Any, Any], options: DelayOptions = PLAIN) -> None:
        self._task = task
        self._options = options

    def delay(self, *args: Any, **kwargs: Any) -> DelayedFuture[Any]:
        """`Task.delay` with these options."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Iterable[Any] = (), kwargs: dict[str, Any] | None = None, wait_for: Any = None
    ) -> DelayedFuture[Any]:
        """`delay` with the arguments as a tuple and a dict; waits for inputs first.

        Raises:
            UpstreamTaskError: an input did not complete.
        """
        task = self._task
        parameters = _ready(task.signature.bind(tuple(args), kwargs or {}), wait_for)
        future: DelayedFuture[Any] = sender().send(task, parameters, self._options, self._key(parameters))
        return future

    def map(self, items: Sequence[dict[str, Any]], wait_for: Any = None) -> FutureList[Any]:
        """Delay a call for each set of parameters."""
        if self._options.idempotency_key is not None:
            raise ConfigurationError("One idempotency key names one call; many calls cannot share it.")
        ready = [_ready(parameters, wait_for) for parameters in items]
        keyed = [(parameters, self._key(parameters)) for parameters in ready]
        return FutureList(self._sent(keyed))

    def _sent(self, keyed: list[tuple[dict[str, Any], str | None]]) -> Iterator[DelayedFuture[Any]]:
        here, task, options = sender(), self._task, self._options
        if len(keyed) <= 2:
            yield from (here.send(task, parameters, options, key) for parameters, key in keyed)
            return
        import contextvars  # lazy: only maps hand their context to other threads

        context = contextvars.copy_context()

        def send(one: tuple[dict[str, Any], str | None]) -> DelayedFuture[Any]:
            future: DelayedFuture[Any] = context.copy().run(here.send, task, one[0], options, one[1])
            return future

        with ThreadPoolExecutor(TOGETHER, thread_name_prefix="levada-delay") as pool:
            yield from pool.map(send, keyed)

    def _key(self, parameters: dict[str, Any]) -> str | None:
        """Names the call; inside a flow by its place there, so that a resumed flow finds what it delayed before."""
        if self._options.idempotency_key is not None:
            return self._options.idempotency_key
        flow = flow_var.get()
        if flow is None:
            return None
        digest = digest_inputs(parameters)
        identity = call_identity(scope_of(task_var.get()), f"delay:{self._task.call_name}", digest.data)
        return f"{flow.run.hex()}:{identity.hex()}:{flow.graph.occurrence(identity)}"


def _ready(parameters: dict[str, Any], wait_for: Any) -> dict[str, Any]:
    """The parameters with results in the place of futures, which are waited for here."""
    found = look(parameters, wait_for, None)
    pending = [future for future in found.futures if not future.done()]
    if pending:
        _check_no_loop()
        with blocked():
            for future in pending:
                future.wait()
    try:
        if wait_for is not None:
            check_wait_for(wait_for)
        if not found.rich:
            return parameters
        return {name: resolve(value, result_for_input) for name, value in parameters.items()}
    except NotReady as reason:
        raise upstream_error(reason) from reason.error


def _check_no_loop() -> None:
    import asyncio  # lazy: only calls that must wait for their inputs ask

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(
        "An input of the delayed call has not ended, and waiting for it would block the event loop that runs here. "
        "Await it first, and pass its result."
    )


def _entrypoint(task: Task[Any, Any]) -> str | None:
    code = getattr(task.fn, "__code__", None)
    qualname = getattr(task.fn, "__qualname__", "")
    if code is None or "<" in qualname or code.co_filename.startswith("<"):
        return None
    return f"{code.co_filename}:{qualname}"
