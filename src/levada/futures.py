"""Futures: what a submitted task call gives back before it has ended.

A `Future` can be waited for by threads (`wait`, `result`) and by coroutines (`await future`, `wait_async`), and tells
whoever asked to be told (`add_done_callback`). Functions over many futures follow: `wait`, `as_completed`, `gather`.
The last part finds and replaces futures inside any nesting of collections.

Who makes a future finish is a task runner; it appears here only as a `Keeper`, so that this module knows no runner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from levada.core.states import State, StateType
from levada.traversal import find, replace

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "DoneAndNotDoneFutures",
    "Future",
    "FutureList",
    "PrefectConcurrentFuture",
    "PrefectDistributedFuture",
    "PrefectFlowRunFuture",
    "PrefectFuture",
    "PrefectFutureList",
    "aas_completed",
    "as_completed",
    "blocked",
    "find_futures",
    "gather",
    "resolve_futures_to_results",
    "resolve_futures_to_states",
    "wait",
    "when_all_done",
]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_OPEN: Any = object()
"""Lies in a future's mailbox until it ends; whoever takes it out decides how the future ends."""


class Keeper(Protocol):
    """Who makes a future finish: a task runner's record of one submission."""

    def before_block(self) -> None:
        """The calling thread is about to block until the future ends.

        Raises:
            RuntimeError: the future could then never end.
        """
        ...

    def cancel(self) -> bool:
        """Take the submission back, or ask its running code to stop; False when it is too late."""
        ...


class Blockable(Protocol):
    """A worker of a pool, which wants to know when the task it runs blocks on a future."""

    def before_block(self) -> None:
        """The task waits from now on; its slot may be used by others."""
        ...

    def after_block(self) -> None:
        """The task goes on; returns when it has a slot again."""
        ...


class _ThisThread(threading.local):
    worker: Blockable | None = None


this_thread = _ThisThread()
"""Which worker the current thread is, set by pools on their own threads."""


class Slot(Protocol):
    """The right of an async task to run, which it lends to others while it awaits a future."""

    def lend(self) -> None:
        """The task waits from now on."""
        ...

    async def take_back(self) -> None:
        """The task goes on when there is room."""
        ...

    def take_back_at_once(self) -> None:
        """The task goes on now; for code that blocks the loop instead of awaiting."""
        ...


awaiting: ContextVar[Slot | None] = ContextVar("levada_slot", default=None)
"""The slot of the async task that the current code is part of, set by task runners that limit those."""


@asynccontextmanager
async def suspended() -> AsyncIterator[None]:
    """Around code that awaits the end of a run, so that a task runner can use its slot meanwhile."""
    slot = awaiting.get()
    if slot is None:
        yield
        return
    slot.lend()
    try:
        yield
    finally:
        await slot.take_back()


@contextmanager
def blocked() -> Iterator[None]:
    """Around code that blocks this thread on the end of a run, so that a pool can use its worker's slot meanwhile."""
    worker = this_thread.worker
    if worker is None:
        yield
        return
    worker.before_block()
    try:
        yield
    finally:
        worker.after_block()


def _pass(gate: Lock, timeout: float | None) -> bool:
    """Wait for a gate to open; False when the time was up first."""
    if this_thread.worker is None:
        return gate.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
    # An interrupt from another thread is raised only when this one comes back to Python, so it does now and then.
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _COME_BACK if deadline is None else min(_COME_BACK, deadline - time.monotonic())
        if gate.acquire(timeout=max(left, 0)):
            return True
        if deadline is not None and time.monotonic() >= deadline:
            return False


_COME_BACK = 0.1
"""Seconds after which a pool's worker that blocks looks whether it was interrupted."""


class Future(Generic[R_co]):
    """The outcome of a submitted task call, known now or later.

    Attributes:
        task_id: 16-byte id of the task run.
        call_identity: which call this is, for the identity of calls that take the future as input; see
            `levada.core.identity`.
        name: of the task run, for people.
        keeper: who makes it finish; None once it has.
    """

    # The mailbox is the only thing threads race for. `list.append`, `list.pop` and `list.remove` of an element that is
    # found by identity are atomic, so ending a future and adding callbacks need no lock: the one who removes `_OPEN`
    # sets the state and then empties the box; one who adds puts its callback in, then looks whether the state is
    # there, and if so empties the box too. Held by test_futures: "callbacks run exactly once …".
    __slots__ = ("__weakref__", "_final", "_latest", "_mailbox", "call_identity", "keeper", "name", "task_id")

    def __init__(self, task_id: bytes, call_identity: bytes | None = None, name: str = "") -> None:
        self.task_id = task_id
        self.call_identity = call_identity
        self.name = name
        self.keeper: Keeper | None = None
        self._final: State | None = None
        self._latest: State | None = None
        self._mailbox: list[Callable[[Future[Any]], object]] = [_OPEN]

    @property
    def task_run_id(self) -> UUID:
        """Id of the task run."""
        return UUID(bytes=self.task_id)

    @property
    def state(self) -> State:
        """The state the run is known to be in: Pending until it starts, final when it has ended. Never blocks."""
        return self._final or self._latest or State(StateType.PENDING)

    def done(self) -> bool:
        """Whether the run has ended."""
        return self._final is not None

    def wait(self, timeout: float | None = None) -> State | None:
        """Block until the run has ended.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            The final state, or None when the time was up first.
        """
        if self._final is not None:
            return self._final
        if timeout is not None and timeout <= 0:
            return None
        if self.keeper is not None:
            self.keeper.before_block()
        gate = Lock()
        gate.acquire()

        def open_gate(_: Future[Any]) -> None:
            gate.release()

        self.add_done_callback(open_gate)
        try:
            if self._final is None:
                with blocked():
                    _pass(gate, timeout)
        finally:
            self._forget(open_gate)
        return self._final

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R_co:
        """Block until the run has ended and give what it returned.

        Args:
            timeout: seconds; None waits for ever.
            raise_on_failure: raise the exception of a failed run; otherwise return it.

        Raises:
            TimeoutError: the run did not end in time; it goes on.
            BaseException: what the run itself raised.
        """
        state = self._final or self.wait(timeout)
        if state is None:
            raise TimeoutError(f"{self._title()} did not complete within {timeout} seconds")
        return state.result(raise_on_failure=raise_on_failure)  # type: ignore[no-any-return]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Block until the run has ended and give the exception it ended with, None when it completed."""
        if self._final is None and self.wait(timeout) is None:
            raise TimeoutError(f"{self._title()} did not complete within {timeout} seconds")
        state = self.state
        return None if state.is_completed() else state.result(raise_on_failure=False)

    async def wait_async(self, timeout: float | None = None) -> State | None:
        """`wait` for coroutines: the event loop goes on meanwhile."""
        if self._final is None:
            import asyncio  # lazy: only async authors pay for it

            loop = asyncio.get_running_loop()
            woken: asyncio.Future[None] = loop.create_future()
            callback = _waking(loop, woken)
            self.add_done_callback(callback)
            try:
                # `wait` leaves `woken` alone when the time is up, and does not raise.
                if self._final is None:
                    async with suspended():
                        await asyncio.wait((woken,), timeout=timeout)
            finally:
                self._forget(callback)
        return self._final

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R_co:
        """`result` for coroutines: the event loop goes on meanwhile."""
        state = self._final or await self.wait_async(timeout)
        if state is None:
            raise TimeoutError(f"{self._title()} did not complete within {timeout} seconds")
        return await state.aresult(raise_on_failure=raise_on_failure)  # type: ignore[no-any-return]

    aresult = result_async

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.result_async().__await__()

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call `fn(future)` once when the run has ended; at once when it has already.

        It is called in whatever thread ends the run, so it should be quick. What it raises is logged.
        """
        self._mailbox.append(fn)
        if self._final is not None:
            self._empty_mailbox()

    def cancel(self) -> bool:
        """Take the call back if it has not started, otherwise ask its code to stop.

        Returns:
            False when it is too late: the run has ended, or nothing can stop it any more.
        """
        keeper = self.keeper
        return False if keeper is None or self._final is not None else keeper.cancel()

    def cancelled(self) -> bool:
        """Whether the run ended because it was cancelled."""
        return self._final is not None and self._final.is_cancelled()

    def update(self, state: State) -> None:
        """Make a state known that is not final; ignored when the run has ended."""
        self._latest = state

    def finish(self, state: State) -> bool:
        """End the future: wake all who wait, run the callbacks.

        Args:
            state: the final state.

        Returns:
            False when it had ended before; then nothing changes.
        """
        try:
            self._mailbox.remove(_OPEN)
        except ValueError:
            return False
        self._final = state
        self._latest = None
        self.keeper = None
        if self._mailbox:
            self._mailbox.reverse()  # popping from the end then runs them in the order they were added
            self._empty_mailbox()
        return True

    def _empty_mailbox(self) -> None:
        mailbox = self._mailbox
        while mailbox:
            try:
                callback = mailbox.pop()
            except IndexError:  # another thread took the last one
                return
            try:
                callback(self)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run must go on and the log must tell
                _log_failed_callback(callback, error)
            except BaseException:
                self._empty_mailbox()
                raise

    def _forget(self, callback: Callable[[Future[Any]], object]) -> None:
        try:
            self._mailbox.remove(callback)
        except ValueError:
            pass  # it has been called, or is being called

    def _title(self) -> str:
        return f"Task run {self.name or self.task_run_id!s}"

    def __copy__(self) -> Future[R_co]:
        return self

    def __deepcopy__(self, _: object) -> Future[R_co]:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._final is None:
            raise TypeError(f"{self._title()} has not ended, so its future cannot be pickled; wait for it first")
        return _finished, (self.task_id, self.call_identity, self.name, self._final)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name or self.task_run_id!s}, {self.state.name})"


def _finished(task_id: bytes, call_identity: bytes | None, name: str, state: State) -> Future[Any]:
    future: Future[Any] = Future(task_id, call_identity, name)
    future.finish(state)
    return future


def _log_failed_callback(callback: object, error: Exception) -> None:
    import logging  # lazy: only when a callback fails

    logger = logging.getLogger("levada.futures")
    logger.error("A done callback of a future failed: %r", callback, exc_info=error)


def _waking(loop: asyncio.AbstractEventLoop, woken: asyncio.Future[None]) -> Callable[[Future[Any]], None]:
    """A done callback that ends an asyncio future, from any thread."""

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    def callback(_: Future[Any]) -> None:
        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:
            pass  # the loop was closed: nobody waits there any more

    return callback


class FutureList(list[Future[R]], Generic[R]):
    """What `map` gives back: a list of futures that can be waited for together."""

    plain_when_rebuilt = True
    """Once its futures are replaced by their results it is a plain list."""

    def wait(self, timeout: float | None = None) -> None:
        """Block until all have ended, or for `timeout` seconds."""
        _wait_all(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Block until all have ended and give what they returned, in order.

        Args:
            timeout: seconds for all together; None waits for ever.
            raise_on_failure: raise the exception of the first failed run; otherwise return exceptions in place.

        Raises:
            TimeoutError: not all ended in time; they go on.
        """
        if not _wait_all(self, timeout):
            unfinished = sum(not future.done() for future in self)
            raise TimeoutError(f"{unfinished} (of {len(self)}) task runs did not complete within {timeout} seconds")
        return [future.result(raise_on_failure=raise_on_failure) for future in self]

    async def wait_async(self, timeout: float | None = None) -> None:
        """`wait` for coroutines."""
        await _wait_all_async(self, timeout)

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """`result` for coroutines; `await futures` is the same without a timeout."""
        await self.wait_async(timeout)
        unfinished = sum(not future.done() for future in self)
        if unfinished:
            raise TimeoutError(f"{unfinished} (of {len(self)}) task runs did not complete within {timeout} seconds")
        return [await future.result_async(raise_on_failure=raise_on_failure) for future in self]

    aresult = result_async

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self.result_async().__await__()


PrefectFuture = Future
PrefectConcurrentFuture = Future
PrefectDistributedFuture = Future
PrefectFlowRunFuture = Future
PrefectFutureList = FutureList


# Many futures at once.


class DoneAndNotDoneFutures(NamedTuple):
    """What `wait` found when it returned."""

    done: set[Future[Any]]
    not_done: set[Future[Any]]


def wait(futures: Iterable[Future[Any]], timeout: float | None = None) -> DoneAndNotDoneFutures:
    """Block until all the futures have ended, or for `timeout` seconds; tells which have and which have not."""
    listed = list(futures)
    _wait_all(listed, timeout)
    done = {future for future in listed if future.done()}
    return DoneAndNotDoneFutures(done, {future for future in listed if future not in done})


def as_completed(futures: Iterable[Future[R]], timeout: float | None = None) -> Generator[Future[R], None, None]:
    """Yield each future when it has ended, the earliest first.

    Args:
        futures: any of them; one given twice is yielded once.
        timeout: seconds from the first `next()` for all together; None waits for ever.

    Raises:
        TimeoutError: not all ended in time.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    listed = list(dict.fromkeys(futures))
    ended: SimpleQueue[Future[R]] = SimpleQueue()
    try:
        for future in listed:
            future.add_done_callback(ended.put)
        for left in range(len(listed), 0, -1):
            yield _next_ended(ended, listed, left, deadline)
    finally:
        for future in listed:
            future._forget(ended.put)  # noqa: SLF001 - same module


def _next_ended(ended: SimpleQueue[Future[R]], listed: list[Future[R]], left: int, deadline: float | None) -> Future[R]:
    try:
        return ended.get_nowait()
    except Empty:
        pass  # so this thread has to wait
    _tell_keepers(listed)
    with blocked():
        try:
            return ended.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        except Empty:
            raise TimeoutError(f"{left} (of {len(listed)}) futures unfinished") from None


async def aas_completed(futures: Iterable[Future[R]], timeout: float | None = None) -> AsyncIterator[Future[R]]:
    """The twin of `as_completed` for coroutines, used with ``async for``."""
    import asyncio  # lazy: only async authors pay for it

    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    listed = list(dict.fromkeys(futures))
    ended: asyncio.Queue[Future[R]] = asyncio.Queue()

    def callback(future: Future[R]) -> None:
        try:
            loop.call_soon_threadsafe(ended.put_nowait, future)
        except RuntimeError:
            pass  # the loop was closed: nobody waits there any more

    try:
        for future in listed:
            future.add_done_callback(callback)
        for left in range(len(listed), 0, -1):
            try:
                async with suspended(), asyncio.timeout_at(deadline):
                    future = await ended.get()
            except TimeoutError:
                raise TimeoutError(f"{left} (of {len(listed)}) futures unfinished") from None
            yield future
    finally:
        for future in listed:
            future._forget(callback)  # noqa: SLF001 - same module


async def gather(*futures: Future[Any] | Iterable[Future[Any]], return_exceptions: bool = False) -> list[Any]:
    """Wait, without blocking the event loop, until all futures have ended; gives their results in order.

    Args:
        futures: futures, or lists of them, which are taken apart.
        return_exceptions: put exceptions in the place of results; otherwise the first failure is raised once all
            have ended.
    """
    flat = FutureList[Any]()
    for item in futures:
        if isinstance(item, Future):
            flat.append(item)
        else:
            flat.extend(item)
    return await flat.result_async(raise_on_failure=not return_exceptions)


def _wait_all(futures: Iterable[Future[Any]], timeout: float | None) -> bool:
    """Block until all have ended, woken once; False when the time was up first."""
    waiting = [future for future in futures if not future.done()]
    if not waiting or (timeout is not None and timeout <= 0):
        return not waiting
    _tell_keepers(waiting)
    gate = Lock()
    gate.acquire()
    countdown = when_all_done(waiting, gate.release)
    opened = False
    try:
        with blocked():
            opened = _pass(gate, timeout)
    finally:
        if not opened:
            for future in waiting:
                future._forget(countdown)  # noqa: SLF001 - same module
    return opened


def when_all_done(futures: Sequence[Future[Any]], then: Callable[[], object]) -> Callable[[Future[Any]], None]:
    """Call `then` once, in the thread that ends the last of these futures; there must be at least one.

    Returns the callback that counts, for those who want to forget it.
    """
    tickets = list(range(len(futures)))

    def callback(_: Future[Any]) -> None:
        if tickets.pop() == 0:  # popping is atomic, so exactly one thread draws the last ticket
            then()

    for future in futures:
        future.add_done_callback(callback)
    return callback


async def _wait_all_async(futures: Iterable[Future[Any]], timeout: float | None) -> None:
    import asyncio  # lazy: only async authors pay for it

    waiting = [future for future in futures if not future.done()]
    if not waiting:
        return
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    wake = _waking(loop, woken)
    countdown = when_all_done(waiting, lambda: wake(waiting[0]))
    try:
        async with suspended():
            await asyncio.wait((woken,), timeout=timeout)
    finally:
        if not woken.done():
            for future in waiting:
                future._forget(countdown)  # noqa: SLF001 - same module


def _tell_keepers(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        keeper = future.keeper
        if keeper is not None:
            keeper.before_block()


# Futures inside other values.


def find_futures(value: Any) -> list[Future[Any]]:
    """Every future inside a value, each once.

    Lists, tuples, sets, dictionaries (keys too), dataclasses, pydantic models and annotations are looked into, to any
    depth; generators, mocks and other objects are left alone, and so is what stands in `quote`.
    """
    return find(value, Future)


def resolve_futures_to_states(expr: Any) -> Any:
    """The same value with every future replaced by its final state; blocks until all have ended."""
    _wait_all(find_futures(expr), None)
    return replace(expr, lambda future: future.state, Future)


def resolve_futures_to_results(expr: Any) -> Any:
    """The same value with every future replaced by its result; blocks until all have ended.

    Raises:
        BaseException: what the first failed run raised.
    """
    _wait_all(find_futures(expr), None)
    return replace(expr, lambda future: future.result(), Future)
