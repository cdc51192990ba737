"""What earlier epochs, or earlier attempts in this one, recorded: the memory that a resumed run is answered from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from levada.core.errors import AmbiguousCallError
from levada.core.states import StateType
from levada.wire.recorded import RecordedCall
from levada.wire.records import Payload


class Known:
    """A recorded call, as a call with the same identity needs to know it.

    Attributes:
        task: its task run.
        n: the next record number of that task run in this epoch.
        payload: the recorded result, when the call completed and its result was kept.
        name: the task run's name.
        child_run: the flow run it stands for, for a subflow.
        forked: it is of another run: a source, not this run's own task run.
    """

    __slots__ = ("child_run", "code", "forked", "n", "name", "payload", "state_name", "task")

    def __init__(self, task: bytes, n: int, payload: Payload | None, name: str) -> None:
        self.task = task
        self.n = n
        self.payload = payload
        self.name = name
        self.state_name = ""
        self.code: str | None = None
        self.child_run: bytes | None = None
        self.forked = False


class Recall:
    """Recorded calls by identity and occurrence.

    Args:
        calls: what earlier epochs recorded.
        redo: task runs that are to run again although they completed.
        forked: the records belong to another run; their task runs are sources, not this run's own.
        origin: records of the run that this one was forked from, for calls that it has not made itself yet.
    """

    def __init__(
        self,
        calls: Iterable[RecordedCall] = (),
        redo: frozenset[bytes] = frozenset(),
        forked: bool = False,
        origin: Iterable[RecordedCall] = (),
    ) -> None:
        self.forked = forked
        self.reused = 0
        self.changed: set[str] = set()
        """Names of calls that records answered although the function's code has changed since."""
        self._known: dict[tuple[bytes, int], Known] = {}
        self._opaque: dict[bytes, str] = {}
        self._unclear: dict[bytes, str] = {}
        self.unmatched: dict[tuple[bytes, int], Known] = {}
        self.start_child: Callable[[bytes], Any] = _no_child
        """Says how the subflow run that a recorded call stands for is begun again (a `flow_run.Start`)."""
        for call in origin:
            self._add(call, redo, forked=True)
        for call in calls:
            self._add(call, redo, forked)
        self.unmatched.update(self._known)

    def _add(self, call: RecordedCall, redo: frozenset[bytes], forked: bool) -> None:
        completed = call.state_type is StateType.COMPLETED and call.state_name != "RolledBack"
        payload = call.result if completed and call.task not in redo else None
        if payload is not None and payload.serializer == "none":
            payload = None
        known = Known(call.task, 0, payload, call.name)
        known.state_name = call.state_name
        known.code = call.code
        known.child_run = call.child_run
        known.forked = forked
        self._known[call.identity, call.occurrence] = known
        if call.opaque:
            first = self._opaque.setdefault(call.identity, call.name)
            if first != call.name:
                self._unclear[call.identity] = f"{first!r} and {call.name!r}"

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, identity: bytes, occurrence: int, code: str | None = None) -> Known | None:
        """The recorded call that this one is, if there is one.

        Args:
            identity: of the call.
            occurrence: of the call.
            code: digest of the function's code now; a match whose code was another is noted in `changed`.

        Raises:
            AmbiguousCallError: several recorded calls could be it, because some of their inputs have no content that
                could be compared.
        """
        known = self._known.get((identity, occurrence))
        if known is None:
            return None
        if identity in self._unclear and known.payload is not None:
            raise AmbiguousCallError(
                f"The recorded calls {self._unclear[identity]} cannot be told apart: they were given something that "
                "cannot be compared (a connection, a lock, a generator). Give each call a key of its own with "
                "@task(call_key=...) or with_options(call_key=...), or start over with a new run."
            )
        self.unmatched.pop((identity, occurrence), None)
        if known.payload is not None and known.code is not None and code is not None and known.code != code:
            self.changed.add(known.name)
        return known

    def note(self, identity: bytes, occurrence: int, task: bytes, n: int, payload: Payload | None, name: str) -> None:
        """Remember a call of this epoch, for a later attempt of the flow in the same epoch."""
        if payload is not None and payload.serializer == "none":
            payload = None
        self._known[identity, occurrence] = Known(task, n, payload, name)


def _no_child(child_run: bytes) -> Any:
    raise LookupError(f"No records of subflow run {child_run.hex()} at hand.")
