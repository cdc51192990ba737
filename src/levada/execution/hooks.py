"""Calls the hooks of a run whose process was killed before it could: on cancellation, on a crash.

A hook is called by the run's own process whenever that lives to see its end; a worker asks for this only when it knows
that it did not.
"""

from __future__ import annotations

from levada.core.errors import ConfigurationError, LevadaError
from levada.core.states import DEFAULT_NAMES, State, StateType
from levada.engine import session as sessions
from levada.engine.drivers import drive
from levada.engine.flow_run import Start, context_of
from levada.engine.hooks import run_hooks
from levada.execution.orders import enter, given_parameters
from levada.loading import load
from levada.wire.pools import WorkOrder


def tell_hooks(order: WorkOrder, state: str) -> int:
    """Call the hooks that a flow has for a state, as its own process would have done; gives the exit code.

    Raises:
        ConfigurationError: there is no such state.
        LevadaError: the flow cannot be loaded.
    """
    try:
        kind = StateType(state.upper())
    except ValueError as error:
        raise ConfigurationError(f"{state!r} is no state.") from error
    session = sessions.current()
    session.on_run()
    enter(order)
    flow = load(order.code.entrypoint)
    try:
        parameters = flow.signature.bind((), given_parameters(order, session))
        parameters = flow.signature.validate(parameters, flow.name) if flow.should_validate_parameters else parameters
    except (LevadaError, ValueError, TypeError):
        parameters = {}  # a hook is better told without them than not at all
    start = Start(order.run.bytes, order.epoch, "new", order.name, None, None, frozenset(order.tags), order)
    ctx = context_of(flow, parameters, session, start, None, None)
    ctx.state = ctx.flow_run.live_state = reached = State(
        kind, DEFAULT_NAMES[kind], "The process of the run was killed.", timestamp_us=session.clock.now_us()
    )
    drive(run_hooks(flow.hooks_for(reached), flow, ctx, reached), session.clock)
    return 0
