"""From an order to a call: the flow run that stands for a delayed call, and the task run inside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from levada.calling import run_flow
from levada.core.errors import LevadaError, ParameterBindError
from levada.core.states import State
from levada.engine import session as sessions
from levada.engine.calls import TaskCall, prepare
from levada.engine.context import flow_var
from levada.engine.drivers import adrive, drive
from levada.engine.flow_run import Start
from levada.engine.task_run import task_steps
from levada.execution.refusal import record_refusal
from levada.flows import Flow
from levada.recovery import start_of

if TYPE_CHECKING:
    from levada.tasks import Task
    from levada.wire.pools import WorkOrder

PATIENCE_SECONDS: Final = 5.0
"""After which it is said that the server does not answer."""

NOT_EXECUTED: Final = "The call could not be executed"

_log = logging.getLogger("levada.task_worker")


class ServedTask:
    """A task whose delayed calls are executed here.

    Attributes:
        task: the task.
        flow: the flow whose runs stand for its calls.
    """

    def __init__(self, task: Task[Any, Any]) -> None:
        self.task = task
        self.flow: Flow[Any, Any] = Flow(
            _awaited(task) if task.isasync else _called(task),
            name=task.name,
            description=task.description,
            version=task.version,
            result_storage=task.result_storage,
            result_serializer=task.result_serializer,
            persist_result=task.persist_result if task.result_storage is not None else None,
            validate_parameters=False,
            retries=0,
        )
        self.flow.signature = task.signature
        self.flow.__dict__["_code"] = task.code

    def execute(self, order: WorkOrder) -> Coroutine[Any, Any, Any] | None:
        """Execute a call to its end; how it ended is in its records.

        Returns:
            A coroutine that does so, when the task is async.
        """
        session = sessions.current()
        try:
            parameters = self._parameters(order, session.results.load)
        except Exception as error:  # noqa: BLE001 - whatever stands in the way, the call ends and says so
            record_refusal(order, session, f"{NOT_EXECUTED}: its arguments cannot be used", error)
            return None
        try:
            start = _start(order)
        except (LevadaError, OSError) as error:
            record_refusal(order, session, f"{NOT_EXECUTED}: its records cannot be read", error, crashed=True)
            return None
        if self.task.isasync:
            return self._run_async(parameters, start)
        try:
            run_flow(self.flow, parameters, start, return_state=True)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - it is the call's, and is recorded
            _log.debug("A call ended by %r", error)
        return None

    async def _run_async(self, parameters: dict[str, Any], start: Start) -> None:
        try:
            await run_flow(self.flow, parameters, start, return_state=True)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - as above
            _log.debug("A call ended by %r", error)

    def _parameters(self, order: WorkOrder, load: Any) -> dict[str, Any]:
        """The arguments, for the function as it is now.

        Raises:
            LevadaError: they cannot be read, or are not those of this function.
        """
        given: dict[str, Any] = {} if order.parameters is None else load(order.parameters)
        signature = self.task.signature
        too_many = given.keys() - set(signature.names)
        if too_many:
            raise ParameterBindError(
                f"The call gives {', '.join(sorted(too_many))}, and {self.task.name!r} takes "
                f"{', '.join(signature.names) or 'nothing'}. It was made by other code than is served here."
            )
        found = {}
        for name in signature.names:
            if name in given:
                found[name] = given[name]
            elif name in signature.defaults:
                found[name] = signature.defaults[name]
            elif name == signature.variable_positional:
                found[name] = ()
            elif name == signature.variable_keywords:
                found[name] = {}
            else:
                raise ParameterBindError(f"The call does not give {name!r}, and it has no default.")
        return found


def _start(order: WorkOrder) -> Start:
    if order.recalls or order.epoch > 1:
        return start_of(order)
    return Start(order.run.bytes, order.epoch, "new", order.name, None, None, frozenset(order.tags), order)


def _called(task: Task[Any, Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        _await_being_known()
        made = _prepared(task, args, kwargs)
        return _outcome(made, drive(task_steps(made), made.session.clock))

    call.__name__ = call.__qualname__ = task.name
    return call


def _awaited(task: Task[Any, Any]) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        await asyncio.to_thread(_await_being_known)
        made = _prepared(task, args, kwargs)
        return _outcome(made, await adrive(task_steps(made), made.session.clock))

    call.__name__ = call.__qualname__ = task.name
    return call


def _await_being_known() -> None:
    """Wait until the server knows that the call has begun, so that it is never begun by two.

    A process that could not say so before it died, or before the server gave the call to another, has executed nothing.
    """
    parts = sessions.current().parts
    if "arrival" not in parts:
        return  # the journal lies on this machine, and is looked at before a call is given to anybody else
    written, _ = parts["arrival"]()
    while not parts["await_arrival"](written, PATIENCE_SECONDS):
        _log.warning("The server does not answer, so a call that was taken has not begun yet; it is tried again.")


def _prepared(task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskCall:
    """The call of the task, as the task run whose id the caller has known since it delayed the call."""
    flow = flow_var.get()
    assert flow is not None
    made = prepare(task, task.signature.bind(args, kwargs), None, flow.session)
    chosen = None if flow.order is None else flow.order.job_variables.get("task_run")
    if made.known is None and isinstance(chosen, str):
        made.task_id = UUID(chosen).bytes
    return made


def _outcome(made: TaskCall, state: State) -> Any:
    """What the flow run comes to: the value, the error, or the state when it is neither."""
    if state.is_completed() and not made.returned_state:
        return state.result()
    if state.is_failed() and state.has_data():
        state.result()
    return state
