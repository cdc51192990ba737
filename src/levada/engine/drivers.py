"""The drivers: the only places of the engine that block or await.

A run is a generator of commands. `drive` carries the commands out on the calling thread; `adrive` does so on the
running event loop; the two `iterate` drivers do the same for runs of generator functions, handing items to the caller
as they come. All four are the same loop: perform, then send the reply or throw the error back in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from levada.engine.commands import Call, Command, Do, Invoke, Iterate, Sleep, WaitFor
from levada.engine.context import flow_var, task_var
from levada.engine.guard import Guard, current_guard
from levada.engine.outcome import GeneratorClosed
from levada.engine.signals import ending_of, insisted, insisted_here

if TYPE_CHECKING:
    from levada.engine.timeouts import Budget

Run = Generator[Command, Any, Any]
"""A run: yields commands, is sent replies, returns its outcome."""


_NOTHING: dict[str, Any] = {}


def drive(run: Run, clock: Any) -> Any:
    """Carry a run out on the calling thread; returns what the run returns."""
    guard = current_guard()
    if guard is not None:
        return _drive_guarded(run, clock, guard)
    send = run.send
    try:
        command = send(None)
        while True:
            try:
                reply = (
                    command.function(*command.args, **command.kwargs)
                    if command.__class__ is Call and command.timeout is None
                    else _perform(command, clock)
                )
            except Exception as error:  # noqa: BLE001 - every error belongs to the run, which decides
                command = run.throw(error)
            except BaseException as error:  # noqa: BLE001 - as above; a bare cancellation stands for a fuller one
                command = run.throw(ending_of(error))
            else:
                command = send(reply)
    except StopIteration as stop:
        return stop.value


def drive_flow(run: Run, clock: Any) -> Any:
    """`drive` for the run of a flow: what ends it from outside meets the author's code, never the engine's own."""
    if current_guard() is not None:
        return drive(run, clock)
    guard, late = Guard(), None
    try:
        outcome = _drive_guarded(run, clock, guard)
    finally:
        late = guard.dismiss()
    if isinstance(late, BaseException) and outcome.error is None:
        outcome.error = late  # a signal that came when the run's last state was being recorded is the caller's
    return outcome


def _drive_guarded(run: Run, clock: Any, guard: Guard) -> Any:
    """`drive` on a thread that others may interrupt: while a command is carried out, never between two."""
    before, guard.open = guard.open, False
    try:
        command = run.send(None)
        while True:
            try:
                if command.__class__ is Call and command.timeout is None:
                    reply = guard.call(command.function, command.args, command.kwargs)
                else:
                    reply = guard.call(_perform, (command, clock), _NOTHING)
            except Exception as error:  # noqa: BLE001 - every error belongs to the run, which decides
                command = run.throw(error)
            except BaseException as error:  # noqa: BLE001 - as above
                command = run.throw(ending_of(error))
            else:
                command = run.send(reply)
    except StopIteration as stop:
        return stop.value
    finally:
        guard.open = before


def _perform(command: Command, clock: Any) -> Any:
    if command.__class__ is Call and command.timeout is None:
        return command.function(*command.args, **command.kwargs)
    if isinstance(command, Do):
        return command.function(*command.args)
    if isinstance(command, Sleep):
        clock.sleep(command.seconds)
        return None
    if isinstance(command, WaitFor):
        for future in command.futures:
            future.wait()
        return None
    if isinstance(command, Invoke):
        reply = command.function(*command.args, **command.kwargs)
        return _finish(reply) if hasattr(reply, "__await__") else reply
    if isinstance(command, Iterate) and command.timeout is None:
        return _collect(command)
    if not isinstance(command, (Call, Iterate)):
        return command.run()
    from levada.engine.timeouts import call_with_timeout  # lazy: only runs with a timeout pay for it

    assert command.timeout is not None
    if isinstance(command, Iterate):
        return call_with_timeout(_collect, (command,), {}, command.timeout)
    return call_with_timeout(command.function, command.args, command.kwargs, command.timeout)


def _collect(command: Iterate) -> list[Any]:
    items = []
    for item in command.function(*command.args, **command.kwargs):
        command.on_item(item)
        items.append(item)
    return items


def _finish(awaitable: Any) -> Any:
    """Run an awaitable to its end from sync code, also when a loop runs on this thread."""
    import asyncio  # lazy: only async hooks in sync runs pay for it

    async def body() -> Any:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(body())
    import contextvars  # lazy: as above
    import threading  # lazy: as above

    outcome: list[Any] = []
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: outcome.append(context.run(asyncio.run, body())), daemon=True)
    thread.start()
    thread.join()
    return outcome[0] if outcome else None


def adrive(run: Run, clock: Any) -> Coroutine[Any, Any, Any]:
    """Carry a run out on the running event loop; the coroutine returns what the run returns."""
    return _adrive(run, clock)


async def _adrive(run: Run, clock: Any) -> Any:
    try:
        command = run.send(None)
        while True:
            try:
                if insisted:
                    insisted_here()
                reply = (
                    await command.function(*command.args, **command.kwargs)
                    if command.__class__ is Call and command.timeout is None
                    else await _aperform(command, clock)
                )
            except Exception as error:  # noqa: BLE001 - every error belongs to the run, which decides
                command = run.throw(error)
            except BaseException as error:  # noqa: BLE001 - as above; a bare cancellation stands for a fuller one
                command = run.throw(_ending_here(error))
            else:
                command = run.send(reply)
    except StopIteration as stop:
        return stop.value


def _ending_here(error: BaseException) -> BaseException:
    import asyncio  # lazy: an async run has it loaded

    return ending_of(error, asyncio.current_task())


async def _aperform(command: Command, clock: Any) -> Any:
    if isinstance(command, Do):
        import asyncio  # lazy: only async runs pay for it

        return await asyncio.to_thread(command.function, *command.args)
    if isinstance(command, Sleep):
        await clock.asleep(command.seconds)
        return None
    if isinstance(command, WaitFor):
        for future in command.futures:
            await future.wait_async()
        return None
    if isinstance(command, Invoke):
        reply = command.function(*command.args, **command.kwargs)
        return await reply if hasattr(reply, "__await__") else reply
    if isinstance(command, Iterate) and command.timeout is None:
        return await _acollect(command)
    if not isinstance(command, (Call, Iterate)):
        return await command.arun()
    from levada.engine.timeouts import acall_with_timeout  # lazy: only runs with a timeout pay for it

    assert command.timeout is not None
    if isinstance(command, Iterate):
        return await acall_with_timeout(_acollect, (command,), {}, command.timeout)
    return await acall_with_timeout(command.function, command.args, command.kwargs, command.timeout)


async def _acollect(command: Iterate) -> list[Any]:
    items = []
    async for item in command.function(*command.args, **command.kwargs):
        command.on_item(item)
        items.append(item)
    return items


class _Inside:
    """Enters a run's context around each step of its generator, and leaves it while the caller has the item."""

    __slots__ = ("_flow", "_task", "_tokens")

    def __init__(self, context: tuple[Any, Any]) -> None:
        self._flow, self._task = context

    def __enter__(self) -> None:
        self._tokens = (flow_var.set(self._flow), task_var.set(self._task))

    def __exit__(self, *exc: object) -> None:
        flow_token, task_token = self._tokens
        task_var.reset(task_token)
        flow_var.reset(flow_token)


def iterate(run: Run, clock: Any) -> Generator[Any, Any, Any]:
    """Carry out the run of a generator function; yields its items, returns what it returns."""
    reply: Any = None
    error: BaseException | None = None
    closed = False
    while True:
        try:
            command = run.send(reply) if error is None else run.throw(error)
        except StopIteration as stop:
            if closed:
                raise GeneratorExit from None
            return stop.value
        except GeneratorClosed:
            raise GeneratorExit from None
        reply, error = None, None
        try:
            if isinstance(command, Iterate):
                reply = yield from _items(command)
            elif isinstance(command, Call) and command.timeout is None:
                reply = command.function(*command.args, **command.kwargs)
            else:
                reply = _perform(command, clock)
        except GeneratorExit:
            error, closed = GeneratorClosed(), True
        except BaseException as raised:  # noqa: BLE001 - every error belongs to the run, which decides
            error = raised if isinstance(raised, Exception) else ending_of(raised)


def _items(command: Iterate) -> Generator[Any, Any, Any]:
    inside = _Inside(command.context)
    advance = _advance if command.timeout is None else _budget(command.timeout).call
    with inside:
        generator = command.function(*command.args, **command.kwargs)
    step: Callable[..., Any] = generator.send
    args: tuple[Any, ...] = (None,)
    while True:
        try:
            with inside:
                item = advance(step, args)
        except StopIteration as stop:
            return stop.value
        command.on_item(item)
        try:
            step, args = generator.send, ((yield item),)
        except GeneratorExit:
            with inside:
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - what the caller throws goes into the author's generator
            step, args = generator.throw, (error,)


def _advance(step: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return step(*args)


async def _aadvance(step: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return await step(*args)


def _budget(seconds: float) -> Budget:
    from levada.engine.timeouts import Budget  # lazy: only runs with a timeout pay for it

    return Budget(seconds)


async def aiterate(run: Run, clock: Any, on_end: Callable[[Any], object]) -> AsyncGenerator[Any, Any]:
    """Carry out the run of an async generator function; yields its items, hands what the run returns to `on_end`."""
    reply: Any = None
    error: BaseException | None = None
    closed = False
    while True:
        try:
            command = run.send(reply) if error is None else run.throw(error)
        except StopIteration as stop:
            if closed:
                raise GeneratorExit from None
            on_end(stop.value)
            return
        except GeneratorClosed:
            raise GeneratorExit from None
        reply, error = None, None
        try:
            if isinstance(command, Iterate):
                inside = _Inside(command.context)
                advance = _aadvance if command.timeout is None else _budget(command.timeout).acall
                with inside:
                    items = command.function(*command.args, **command.kwargs)
                try:
                    while True:
                        with inside:
                            item = await advance(items.__anext__, ())
                        command.on_item(item)
                        yield item
                except StopAsyncIteration:
                    reply = None
                except GeneratorExit:
                    with inside:
                        await items.aclose()
                    raise
            else:
                reply = await _aperform(command, clock) if not _is_plain(command) else await _acall(command)
        except GeneratorExit:
            error, closed = GeneratorClosed(), True
        except BaseException as raised:  # noqa: BLE001 - every error belongs to the run, which decides
            error = raised


def _is_plain(command: Command) -> bool:
    return isinstance(command, Call) and command.timeout is None


async def _acall(command: Any) -> Any:
    return await command.function(*command.args, **command.kwargs)
