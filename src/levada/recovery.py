"""Resume and fork: a run goes on, or a new one begins, from what was recorded.

A resumed run is executed from the top by the same code rules as ever; each call whose record is found is answered from
it, and the rest is executed. `plan_resume` says beforehand what that will be.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from levada.calling import run_flow
from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, MissingResult, ObjectNotFound
from levada.core.ids import as_uuid
from levada.core.states import FINAL_TYPES, StateType
from levada.engine import session as sessions
from levada.engine.flow_run import Start
from levada.engine.recall import Recall
from levada.engine.remarks import FLOW_RUNS
from levada.flows import Flow, load_flow_from_entrypoint
from levada.session import deliver
from levada.settings import get_current_settings
from levada.version import __version__
from levada.wire.filters import FlowRunQuery
from levada.wire.recorded import RecordedCall, RecordedRun, dependents, memory_of, why_again
from levada.wire.verbs import Plane

if TYPE_CHECKING:
    from levada.wire.pools import WorkOrder

Ref = UUID | bytes | str


class Plan(Struct):
    """What a resume or a fork will do, as far as records can say.

    Attributes:
        run: the run whose records answer.
        run_name: its name.
        flow_name: of which flow.
        epoch: the epoch to come (1 for a fork).
        state: the state it is in now.
        reuse: names of the task runs whose results will be reused.
        execute: names of those that will run again, with the reason for each.
        changed: names of those to be reused although the task's code changed since; filled in after loading the flow.
        entrypoint: where the flow is loaded from.
    """

    run: UUID
    run_name: str
    flow_name: str
    epoch: int
    state: str
    reuse: list[str]
    execute: dict[str, str]
    changed: list[str] = []
    entrypoint: str | None = None


class Resumed(Struct):
    """What a resume or a fork did.

    Attributes:
        run: id of the run that was executed.
        result: what the flow returned.
        reused: how many calls were answered from records.
        unmatched: names of recorded calls that the code no longer made.
        changed: names of calls that were answered from records although their task's code had changed.
    """

    run: UUID
    state: Any
    reused: int
    unmatched: list[str]
    changed: list[str]


class _Memory(NamedTuple):
    """What answers the calls of a run that goes on.

    Attributes:
        recorded: the run, with its own calls.
        origin: calls of the run from which the control plane forked it, which it has not made itself yet.
        redo: completed task runs of both that are to run again.
    """

    recorded: RecordedRun
    origin: list[RecordedCall]
    redo: frozenset[bytes]

    @property
    def calls(self) -> list[RecordedCall]:
        return [*self.origin, *self.recorded.calls]


def plan_resume(run: Ref, from_task: str | None = None, *, fork: bool = False) -> Plan:
    """What `resume` or `fork` would do.

    Args:
        run: id, beginning of an id, or name of the run.
        from_task: name or id of the task run, or name of the task, that is to run again with all that depended on it.
        fork: for a new run instead of a new epoch.

    Raises:
        ObjectNotFound: there is no such run or task run.
        ConfigurationError: the run is still executing, or (for a resume without `from_task`) has completed.
    """
    memory = _read(run, from_task, fork)
    recorded = memory.recorded
    reuse: list[str] = []
    execute: dict[str, str] = {}
    for call in memory.calls:
        reason = why_again(call, memory.redo)
        if reason is None:
            reuse.append(call.name)
        else:
            execute[call.name] = reason
    return Plan(
        run=as_uuid(recorded.run),
        run_name=recorded.name,
        flow_name=recorded.flow_name,
        epoch=1 if fork else recorded.epoch + 1,
        state=recorded.state_name or "unknown",
        reuse=reuse,
        execute=execute,
        entrypoint=recorded.entrypoint,
    )


def resume(run: Ref, from_task: str | None = None, *, flow: Flow[Any, Any] | None = None) -> Resumed:
    """Go on with a run that crashed, failed or was cancelled, as its next epoch.

    Args:
        run: id, beginning of an id, or name of the run.
        from_task: run this task again, and all that depended on it, even though they completed.
        flow: the flow; loaded from where the run's record says, when not given.

    Raises:
        ObjectNotFound: there is no such run or task run.
        ConfigurationError: the run is still executing, has completed, or its parameters were not kept.
    """
    memory = _read(run, from_task, fork=False)
    recorded = memory.recorded
    start = Start(
        recorded.run,
        recorded.epoch + 1,
        "resume",
        recorded.name,
        Recall(recorded.calls, memory.redo, origin=memory.origin),
        None,
        frozenset(recorded.tags),
    )
    return _execute(memory, start, flow)


def fork(run: Ref, from_task: str | None = None, *, flow: Flow[Any, Any] | None = None) -> Resumed:
    """Begin a new run that reuses what another recorded, up to a task.

    Args:
        run: id, beginning of an id, or name of the run to fork from; it is not changed.
        from_task: run this task again, and all that depended on it; without it only what is missing is executed.
        flow: the flow; loaded from where the run's record says, when not given.

    Raises:
        ObjectNotFound: there is no such run or task run.
        ConfigurationError: the run's parameters were not kept.
    """
    memory = _read(run, from_task, fork=True)
    recorded = memory.recorded
    recall = Recall(memory.calls, memory.redo, forked=True)
    start = Start(None, 1, "fork", None, recall, recorded.run, frozenset(recorded.tags))
    return _execute(memory, start, flow)


def start_of(order: WorkOrder) -> Start:
    """How a run begins that a worker was given, and that has earlier epochs or is a fork: answered from its records.

    Raises:
        LevadaError: the records cannot be had.
    """
    with _plane() as plane:
        recorded = plane.recorded_calls(order.run)
        origin, redo = memory_of(recorded, plane.recorded_calls)
    recall = Recall(recorded.calls, redo, origin=origin)
    _begin_children(recall, _Memory(recorded, origin, redo))
    return Start(order.run.bytes, order.epoch, "resume", order.name, recall, None, frozenset(order.tags), order)


def _plane() -> Plane:
    here = sessions.current()
    plane = plane_of(get_current_settings(), here.home, version=__version__, deliver=lambda: deliver(here))
    plane.drain()
    return plane


def _read(run: Ref, from_task: str | None, fork: bool) -> _Memory:
    with _plane() as plane:
        recorded = plane.recorded_calls(_id_of(plane, run))
        origin, again = memory_of(recorded, plane.recorded_calls)
    if not fork and recorded.state_type not in FINAL_TYPES and not _is_free(recorded):
        raise ConfigurationError(
            f"Run {recorded.name!r} is {recorded.state_name}: its process is alive. Cancel it first "
            f"(levada flow-run cancel {as_uuid(recorded.run)}), or fork it."
        )
    if not fork and from_task is None and recorded.state_type is StateType.COMPLETED:
        raise ConfigurationError(
            f"Run {recorded.name!r} has completed; there is nothing to resume. Say --from TASK to run a task again, "
            "or run the flow anew."
        )
    memory = _Memory(recorded, origin, again)
    return memory._replace(redo=again | _redo(memory, from_task))


def _is_free(recorded: RecordedRun) -> bool:
    """Whether a run that has not ended belongs to no process: it is scheduled, or suspended, and may be taken up."""
    if recorded.state_type is StateType.PAUSED:
        return recorded.state_name == "Suspended"
    return recorded.state_type is StateType.SCHEDULED and recorded.writer is None


def _id_of(plane: Plane, run: Ref) -> Ref:
    """The run's id, also when it was called by its name."""
    if not isinstance(run, str):
        return run
    named = plane.read_flow_runs(FlowRunQuery(names=[run], limit=2)).items
    if len(named) > 1:
        raise ObjectNotFound(f"Several runs are called {run!r}; say which by id: {', '.join(str(r.id) for r in named)}")
    return named[0].id if named else run


def _redo(memory: _Memory, from_task: str | None) -> frozenset[bytes]:
    """The completed task runs that are to run again."""
    if from_task is None:
        return frozenset()
    chosen = frozenset(
        call.task
        for call in memory.calls
        if from_task in (call.name, call.key, call.key.rpartition("/")[2], str(as_uuid(call.task)))
        or (len(from_task) >= 4 and call.task.hex().startswith(from_task.replace("-", "")))
    )
    if not chosen:
        names = ", ".join(sorted({call.name for call in memory.calls})[:20])
        raise ObjectNotFound(f"Run {memory.recorded.name!r} has no task run {from_task!r}. It has: {names}")
    return dependents(memory.calls, chosen)


def _execute(memory: _Memory, start: Start, flow: Flow[Any, Any] | None) -> Resumed:
    session = sessions.current()
    recorded = memory.recorded
    if recorded.parameters is None:
        raise ConfigurationError(f"The parameters of run {recorded.name!r} were not recorded, so it cannot be resumed.")
    try:
        parameters = session.results.load(recorded.parameters)
    except MissingResult as error:
        raise ConfigurationError(
            f"The parameters of run {recorded.name!r} could not be kept ({recorded.parameters.preview}), so it cannot "
            "be resumed; run the flow anew."
        ) from error
    if flow is None:
        if recorded.entrypoint is None:
            raise ConfigurationError(
                f"It is not known where the flow of run {recorded.name!r} is written (it was defined in a shell or "
                "inside a function); give it to levada.recovery.resume(..., flow=...)."
            )
        flow = load_flow_from_entrypoint(recorded.entrypoint)
    recall = start.recall
    assert recall is not None
    _begin_children(recall, memory)
    used = _Watch(recall, start)
    state = run_flow(flow, parameters, start, return_state=True)
    if flow.isasync:
        import asyncio  # lazy: only async flows need it

        state = asyncio.run(state)
    return used.report(state, recorded)


def _begin_children(recall: Recall, memory: _Memory) -> None:
    """Let the subflow runs behind recorded calls begin again from their own records."""
    redo, fresh = memory.redo, _fresh(memory.calls, memory.redo)
    of_origin = {call.child_run for call in memory.origin}
    recall.start_child = lambda child: _start_child(child, redo, fresh, recall.forked or child in of_origin)


def _fresh(calls: list[RecordedCall], redo: frozenset[bytes]) -> frozenset[bytes]:
    """The subflow runs that are to run again from their start, because the call they stand for is to run again."""
    return frozenset(call.child_run for call in calls if call.child_run is not None and call.task in redo)


def _start_child(child: bytes, redo: frozenset[bytes], fresh: frozenset[bytes], forked: bool) -> Start:
    """How the subflow run behind a recorded call begins again."""
    with _plane() as plane:
        try:
            recorded = plane.recorded_calls(child)
        except ObjectNotFound:
            return Start()
    recall = Recall(() if child in fresh else recorded.calls, redo, forked)
    inner_fresh = fresh | _fresh(recorded.calls, redo)
    recall.start_child = lambda inner: _start_child(inner, redo, inner_fresh, forked)
    if forked:
        return Start(None, 1, "fork", None, recall, recorded.run)
    return Start(recorded.run, recorded.epoch + 1, "resume", recorded.name, recall, None)


class _Watch:
    """Sees which records answered, to say it afterwards."""

    def __init__(self, recall: Recall, start: Start) -> None:
        self._recall = recall
        self._start = start

    def report(self, state: Any, recorded: RecordedRun) -> Resumed:
        unmatched = Counter(known.name for known in self._recall.unmatched.values())
        names = sorted(unmatched)
        if names and state.is_completed():
            import logging  # lazy: only a resume whose code changed says so

            logging.getLogger(FLOW_RUNS).warning(
                "%d recorded call(s) were not made again by the code as it is now: %s",
                len(names),
                ", ".join(names[:20]),
            )
        run = state.details.flow_run_id or as_uuid(recorded.run)
        return Resumed(run, state, self._recall.reused, names, sorted(self._recall.changed))
