"""Sees claimed calls through in this process: plain tasks on threads, async ones on one event loop.

A call is held, in the eyes of the control plane, until its last record has arrived there. So a call whose records are
still on their way is never given to anybody else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from queue import SimpleQueue
from typing import Any, Final
from uuid import UUID

from levada.core.errors import LevadaError, ObjectNotFound, RequestInvalid
from levada.engine import signals
from levada.engine.session import Session
from levada.execution.refusal import record_refusal
from levada.task_worker.calls import NOT_EXECUTED, ServedTask
from levada.wire.pools import BACKGROUND_POOL, Held, RunExit, WorkerCommand, WorkOrder
from levada.wire.verbs import Plane

ARRIVED_SECONDS: Final = 10.0
"""Without a server, how long an ended call is held at most: until whoever looks has taken the journal in."""

Tell = Callable[[str], object]

_log = logging.getLogger("levada.task_worker")


class _Call:
    __slots__ = ("began", "order")

    def __init__(self, order: WorkOrder) -> None:
        self.order = order
        self.began = time.monotonic()


class _Ended:
    __slots__ = ("held", "moment", "sequence")

    def __init__(self, held: Held, sequence: int) -> None:
        self.held = held
        self.sequence = sequence
        self.moment = time.monotonic()


class Calls:
    """The calls that this process has; what a worker's loop calls its hands.

    Args:
        worker: id of the worker.
        room_changed: called when a call has ended.
        tasks: what is served, by the name of the queue.
        plane: where calls are given back to.
        session: of this process.
        tell: told, in short lines for people, what happens.

    Attributes:
        ended: how many calls were seen through.
    """

    def __init__(
        self,
        worker: UUID,
        room_changed: Callable[[], None],
        *,
        tasks: Mapping[str, ServedTask],
        plane: Plane,
        session: Session,
        tell: Tell,
    ) -> None:
        self._worker = worker
        self._room_changed = room_changed
        self._tasks = tasks
        self._plane = plane
        self._session = session
        self._tell = tell
        self._none_left = threading.Condition()
        self._calls: dict[UUID, _Call] = {}
        self._left: dict[UUID, _Ended] = {}
        self._queue: SimpleQueue[WorkOrder] = SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: set[asyncio.Task[Any]] = set()
        self._abandoned = False
        self.ended = 0

    def __len__(self) -> int:
        return len(self._calls)

    def held(self) -> list[Held]:
        """The calls that execute, and those whose records are on their way."""
        with self._none_left:
            self._forget_arrived()
            return [
                *(Held(call.order.run, call.order.epoch) for call in self._calls.values()),
                *(ended.held for ended in self._left.values()),
            ]

    def begin(self, order: WorkOrder) -> bool:
        """See a call through; False when that is being done already."""
        with self._none_left:
            if order.run in self._calls:
                return False
            self._left.pop(order.run, None)
            self._calls[order.run] = _Call(order)
            found = self._tasks.get(str(order.job_variables.get("task")))
            if found is not None and found.task.isasync:
                self._event_loop().call_soon_threadsafe(self._start, order)
                return True
            self._queue.put(order)
            if self._idle:
                self._idle -= 1  # it is meant for one of them
            else:
                self._threads += 1
                threading.Thread(target=self._work, name=f"levada-task-{self._threads}", daemon=True).start()
        return True

    def give_back(self, order: WorkOrder) -> bool:
        """Have another process see a call through."""
        self._report(order.run, order.epoch, begun=False, reason="The process takes nothing any more.")
        return True

    def obey(self, command: WorkerCommand, grace: float | None) -> bool:
        """Have a call stop; False when that was done before. Its code is asked: nothing can kill a thread."""
        del grace
        with self._none_left:
            call = self._calls.get(command.run)
            if call is None and command.run in self._left:
                return False
        if call is None or call.order.epoch != command.epoch:
            cancelled = command.kind == "cancel"
            reason = "The process that had the call knows nothing of it."
            self._report(command.run, command.epoch, begun=True, cancelled=cancelled, reason=reason)
            return True
        live = signals.live(command.run.bytes)
        if live is None or live.cancel_requested:
            return False
        return signals.cancel(command.run.bytes, command.reason or f"Asked to {command.kind}.")

    def stop_all(self, kind: Any) -> None:
        """Wait for no call any more: what has not ended is left, and crashes when this process is gone."""
        del kind
        with self._none_left:
            self._abandoned = True
            self._none_left.notify_all()

    def await_all(self) -> None:
        """Wait until no call is left."""
        with self._none_left:
            self._none_left.wait_for(lambda: self._abandoned or not self._calls)

    def close(self) -> None:
        """End the threads that wait for calls."""
        with self._none_left:
            threads, loop = self._threads, self._loop
        for _ in range(threads):
            self._queue.put(_END)
        if loop is not None and not self._abandoned:
            loop.call_soon_threadsafe(loop.stop)

    # Plain tasks.

    def _work(self) -> None:
        while (order := self._queue.get()) is not _END:
            try:
                self._execute(order)
            except Exception:  # noqa: BLE001 - a process that serves lives on; the call crashes with its lease
                _log.exception("A call could not be seen through")
            finally:
                with self._none_left:
                    self._idle += 1
                self._leave(order)

    def _execute(self, order: WorkOrder) -> Coroutine[Any, Any, Any] | None:
        found = self._tasks.get(str(order.job_variables.get("task")))
        if found is None:
            problem = LookupError(f"{order.job_variables.get('task') or order.flow_name} is not served here.")
            record_refusal(order, self._session, NOT_EXECUTED, problem, crashed=True)
            return None
        if order.job_variables.get("task_key", found.task.task_key) != found.task.task_key:
            self._tell(f"{order.name}: {found.task.name!r} has changed since the call was made; it runs as it is now.")
        return found.execute(order)

    # Async tasks.

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = self._loop = asyncio.new_event_loop()
            threading.Thread(target=_turn, args=(loop,), name="levada-tasks-loop", daemon=True).start()
        return self._loop

    def _start(self, order: WorkOrder) -> None:
        """Called on the loop."""
        running = asyncio.ensure_future(self._await(order))
        self._pending.add(running)
        running.add_done_callback(self._pending.discard)

    async def _await(self, order: WorkOrder) -> None:
        try:
            waiting = await asyncio.to_thread(self._execute, order)  # it may read arguments and records
            if waiting is not None:
                await waiting
        except Exception:  # noqa: BLE001 - as above
            _log.exception("A call could not be seen through")
        finally:
            self._leave(order)

    # The end of a call.

    def _leave(self, order: WorkOrder) -> None:
        with self._none_left:
            self._calls.pop(order.run, None)
            self._left[order.run] = _Ended(Held(order.run, order.epoch), self._arrival()[0])
            self._forget_arrived()
            self.ended += 1
            if not self._calls:
                self._none_left.notify_all()
        self._room_changed()

    def _forget_arrived(self) -> None:
        written, arrived = self._arrival()
        old = time.monotonic() - ARRIVED_SECONDS
        for run, ended in list(self._left.items()):
            if ended.sequence > arrived or (not written and ended.moment > old):
                break  # those that ended later are younger
            del self._left[run]

    def _arrival(self) -> tuple[int, int]:
        """How many records were written, and how many the server has; zeros without a server."""
        look: Callable[[], tuple[int, int]] | None = self._session.parts.get("arrival")
        return (0, 0) if look is None else look()

    def _report(self, run: UUID, epoch: int, **what: Any) -> None:
        exit_ = RunExit(worker=self._worker, run=run, epoch=epoch, **what)
        try:
            self._plane.report_exit(BACKGROUND_POOL, exit_)
        except (ObjectNotFound, RequestInvalid):
            return  # the run is gone: there is nobody to tell
        except (LevadaError, OSError) as error:
            self._tell(f"{run}: the control plane could not be told about it ({error}); it will notice.")


_END: Any = object()


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
