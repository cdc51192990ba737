"""One call of a task, from the moment it is made: its identity, its inputs, its place in the run."""

from __future__ import annotations

from itertools import count
from threading import Lock
from types import MethodType
from typing import Any
from uuid import UUID

from levada.core.identity import call_identity, digest_inputs, nested_scope
from levada.core.naming import render_template
from levada.core.states import State
from levada.engine.context import FlowRunContext, TaskRunContext, flow_var, tags_var, task_var
from levada.engine.inputs import Inputs, look
from levada.engine.lineage import Lineage
from levada.engine.recall import Known, Recall
from levada.engine.session import Session
from levada.wire.records import STATE_CODES, Payload, TaskOpened, TaskState


class RunGraph:
    """What a flow run knows of its calls: their numbers, their records of earlier epochs, who made which object."""

    __slots__ = (
        "_again",
        "_once",
        "lineage",
        "lock",
        "memory",
        "numbers",
        "packed",
        "packed_tasks",
        "recall",
        "streams",
    )

    def __init__(self, recall: Recall, memory: bool) -> None:
        self.lineage = Lineage()
        self.recall = recall
        self.memory = memory
        """Whether calls of this epoch must be remembered, because the flow may be attempted again."""
        self.numbers: dict[str, count[int]] = {}
        self.lock = Lock()
        """Held for a moment to count a call, or to make the task runner."""
        self._once: set[int] = set()
        self._again: dict[int, int] = {}
        self.packed_tasks: dict[int, tuple[Any, bytes]] = {}
        self.packed: bytes | None = None
        """The flow run as process runners send it to their children."""
        self.streams: list[Any] = []
        """Lazy maps; what nobody took of them is run before the flow ends."""

    def occurrence(self, identity: bytes) -> int:
        """Which of several identical calls this is; safe from any number of threads."""
        # Half of the digest tells calls apart well enough and takes a third of the memory; should two different calls
        # ever share it, the second is merely not found in the records and runs again.
        key = int.from_bytes(identity[:8], "big")
        with self.lock:
            before = self._again.get(key)
            if before is None:
                if key not in self._once:
                    self._once.add(key)
                    return 0
                before = 1
            self._again[key] = before + 1
            return before

    def number(self, name: str) -> int:
        """The ordinal of this call among all calls of tasks of this name, so that no two runs are called the same."""
        counter = self.numbers.get(name)
        if counter is None:
            counter = self.numbers.setdefault(name, count())
        return next(counter)

    def begin_attempt(self) -> None:
        """Start counting anew: the flow's function runs from the top."""
        self._once = set()
        self._again = {}
        self.numbers = {}
        self.streams = []


class TaskCall:
    """A call of a task that has been made and not yet carried out."""

    __slots__ = (
        "attempt",
        "epoch",
        "flow",
        "identity",
        "inputs",
        "known",
        "lease",
        "map_id",
        "map_index",
        "muted",
        "n",
        "name",
        "occurrence",
        "opaque",
        "opened",
        "parameters",
        "parent",
        "returned_state",
        "run",
        "session",
        "streamed",
        "tags",
        "task",
        "task_id",
        "wait_for",
    )

    task: Any
    parameters: dict[str, Any]
    wait_for: Any
    session: Session
    flow: FlowRunContext | None
    parent: TaskRunContext | None
    run: bytes | None
    epoch: int
    task_id: bytes
    identity: bytes
    occurrence: int
    opaque: bool
    known: Known | None
    lease: Any
    """The concurrency slots that the call holds now, if any."""
    inputs: Inputs
    tags: frozenset[str]
    name: str
    n: int
    opened: bool
    streamed: bool
    """The caller takes the items of a generator as they come, so neither a cache nor a record can answer for it."""
    muted: bool
    """Its end was recorded for it; code of it that may still run has nothing more to say."""
    returned_state: bool
    """The function returned a state of its own, which is then also what an inline call gives."""
    attempt: int
    map_id: bytes | None
    map_index: int

    @property
    def id(self) -> UUID:
        """The task run's id."""
        return UUID(bytes=self.task_id)

    def next_n(self) -> int:
        """The number of this task run's next record."""
        n = self.n
        self.n = n + 1
        return n

    def open_child(self, at: int, child_run: bytes) -> None:
        """Record that the task run exists, and that it stands for a flow run."""
        self.open(at, started=True, child_run=child_run)

    def open(self, at: int, started: bool, child_run: bytes | None = None) -> None:
        """Record that the task run exists."""
        self.opened = True
        task = self.task
        parent = self.parent
        self.session.journal.append(
            TaskOpened(
                self.task_id,
                self.run,
                self.epoch,
                self.next_n(),
                at,
                task.call_name,
                self.name,
                self.identity,
                self.occurrence,
                started,
                self.opaque,
                task.code,
                None if parent is None else parent.task_id,
                self.inputs.edges,
                task.shown(self.parameters),
                list(self.tags) if self.tags else None,
                child_run,
                task.most_retries,
                self.map_id,
                self.map_index,
            )
        )
        if started:
            self.n += 1  # the Running that `started` stands for

    def record(
        self,
        at: int,
        state: State,
        payload: Payload | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Record that the task run entered a state."""
        if self.muted:
            return
        self.session.journal.append(
            TaskState(
                self.task_id,
                self.run,
                self.epoch,
                self.next_n(),
                at,
                STATE_CODES[state.type],
                state.name,
                state.message,
                self.attempt,
                details,
                payload,
            )
        )


Item = tuple[bytes, int, dict[str, Any]]
"""An item of a call to map: the map's scope, the item's index, and what was spread to it."""


def prepare(
    task: Any, parameters: dict[str, Any], wait_for: Any, session: Session, item: Item | None = None
) -> TaskCall:
    """Make a call of a task in the current run context: find its inputs and say which call it is.

    Args:
        task: what is called.
        parameters: by name.
        wait_for: what must be done before, besides the inputs.
        session: of this process.
        item: for an item of a call to map. Its index is its occurrence, so nothing needs to be counted or remembered
            for it; what all items share is in the map's scope and not digested again.
    """
    call = TaskCall()
    call.task = task
    call.parameters = parameters
    call.wait_for = wait_for
    call.session = session
    call.flow = flow = flow_var.get()
    call.parent = parent = task_var.get()
    call.opened = call.returned_state = call.muted = call.streamed = False
    call.n = call.attempt = 0
    call.map_id, call.map_index = (None, -1) if item is None else item[:2]
    tags = tags_var.get()
    call.tags = (tags | task.tags if tags else task.tags) if task.tags else tags
    graph: RunGraph | None = None
    if flow is not None:
        graph = flow.graph
        call.run, call.epoch = flow.run, flow.epoch
    else:
        call.run, call.epoch = None, 1
    call.inputs = look(parameters, wait_for, None if graph is None else graph.lineage)
    if graph is None:
        call.identity, call.occurrence, call.opaque, call.known = b"", 0, False, None
        call.task_id = session.new_id()
        call.name = task.name
        return call
    if item is not None:
        identify(call, item[0], item[2])
        _place(call, graph, item[1])
    else:
        identify(call, scope_of(parent), parameters)
        _place(call, graph, graph.occurrence(call.identity))
    return call


def scope_of(parent: TaskRunContext | None) -> bytes:
    """The scope of calls made inside a task run, or at the top of a flow run."""
    return b"" if parent is None or not parent.identity else nested_scope(parent.identity, parent.occurrence)


def identify(call: TaskCall, scope: bytes, inputs: dict[str, Any]) -> None:
    """Say which call this is, up to identical ones."""
    task = call.task
    if task.call_key is None:
        digest = digest_inputs(inputs)
        data, call.opaque = digest.data, digest.opaque
        if task.captured:
            data += task.captured
        if type(task.fn) is MethodType:  # the object is an input like the others
            receiver = digest_inputs({"self": task.fn.__self__})
            data, call.opaque = data + receiver.data, call.opaque or receiver.opaque
        call.identity = call_identity(scope, task.call_name, data)
    else:
        key = task.call_key
        text = key(call.parameters) if callable(key) else render_template(key, call.parameters)
        call.opaque = False
        call.identity = call_identity(scope, task.call_name, b"key:" + str(text).encode())


def _place(call: TaskCall, graph: RunGraph, occurrence: int) -> None:
    """Give the call its occurrence, its task run and its name."""
    call.occurrence = occurrence
    known = graph.recall.find(call.identity, occurrence, call.task.code) if graph.recall else None
    call.known = known
    if known is not None and not known.forked:
        call.task_id = known.task
        call.n = known.n
    else:
        call.task_id = call.session.new_id()
    call.name = f"{call.task.name}-{graph.number(call.task.name)}"
