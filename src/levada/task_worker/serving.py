"""The life of a process that serves tasks: claims calls, sees them through, drains when it is told to end."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, ObjectAlreadyExists
from levada.engine import session as sessions
from levada.loading import is_loading
from levada.settings import get_current_settings
from levada.task_runs.names import queue_of
from levada.task_worker.calls import ServedTask
from levada.task_worker.hands import Calls
from levada.tasks import Task
from levada.version import __version__
from levada.wire.pools import BACKGROUND_KIND, BACKGROUND_POOL, PoolSpec
from levada.worker.health import HealthServer
from levada.worker.loop import WorkerLoop, WorkerOptions

if TYPE_CHECKING:
    from levada.core.settings import Settings
    from levada.wire.verbs import Plane

LIMIT = 10
"""Calls at once, unless the author says otherwise."""


def serve(
    *tasks: Task[Any, Any] | Callable[..., Any],
    limit: int | None = LIMIT,
    status_server_port: int | None = None,
    timeout: float | None = None,
) -> None:
    """Execute delayed calls of these tasks in this process, until Ctrl-C or SIGTERM.

    Plain tasks run on threads, async ones on one event loop. The first signal ends the taking of calls and waits for
    those that run; the second one leaves them, and they crash. With a server configured its calls are served, without
    one those of this home.

    Args:
        tasks: what is served.
        limit: how many calls at once; None: any number.
        status_server_port: answer at this port of this machine whether the process works; 0 takes a free one.
        timeout: seconds after which no more calls are taken, as after a signal.

    Raises:
        ConfigurationError: nothing to serve was given, two tasks have one name, or an event loop runs in this thread.
    """
    if is_loading():
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        worker = TaskWorker(*tasks, limit=limit, status_server_port=status_server_port)
        with _signals(worker), _time_limit(worker, timeout):
            worker.run()
    else:
        raise ConfigurationError("`serve` would block the event loop that runs here; write `await aserve(…)`.")


async def aserve(
    *tasks: Task[Any, Any] | Callable[..., Any],
    limit: int | None = LIMIT,
    status_server_port: int | None = None,
    timeout: float | None = None,
) -> None:
    """`serve` for async code; being cancelled ends it as the first signal does."""
    if is_loading():
        return
    worker = TaskWorker(*tasks, limit=limit, status_server_port=status_server_port)
    with _time_limit(worker, timeout):
        thread = asyncio.ensure_future(asyncio.to_thread(worker.run))
        try:
            await asyncio.shield(thread)
        except asyncio.CancelledError:
            worker.stop()
            await thread
            raise


class TaskWorker:
    """One process that serves tasks.

    Args:
        tasks: what is served; plain functions become tasks.
        limit: how many calls at once; None: any number.
        status_server_port: where it answers whether it works.
        tell: told, in short lines for people, what happens; standard error unless given.

    Raises:
        ConfigurationError: nothing to serve was given, or two tasks have one name.
    """

    def __init__(
        self,
        *tasks: Task[Any, Any] | Callable[..., Any],
        limit: int | None = LIMIT,
        status_server_port: int | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        if not tasks:
            raise ConfigurationError("No task to serve was given.")
        if limit is not None and limit < 1:
            raise ConfigurationError(f"`limit` must be at least 1, got {limit}.")
        self.tasks: dict[str, ServedTask] = {}
        for given in tasks:
            task = given if isinstance(given, Task) else Task(given)
            queue = queue_of(task)
            if queue in self.tasks:
                raise ConfigurationError(f"Two tasks would get each other's calls, as {queue!r}; give one a `name`.")
            self.tasks[queue] = ServedTask(task)
        self._limit = limit
        self._port = status_server_port
        self._tell = tell or say
        self._wishes = 0
        self._wished = threading.Condition()
        self._loop: WorkerLoop | None = None
        self._over = False

    def stop(self) -> None:
        """End: at the first call when its calls have ended, at the second they are left. From any thread."""
        with self._wished:
            self._wishes += 1
            self._wished.notify_all()

    @property
    def ended(self) -> int:
        """How many calls were seen through."""
        hands = None if self._loop is None else self._loop.runs
        return hands.ended if isinstance(hands, Calls) else 0

    def run(self) -> None:
        """Serve until `stop` is called.

        Raises:
            LevadaError: the control plane does not take this process as a worker.
        """
        settings = get_current_settings()
        session = sessions.current()
        session.on_run()
        with ExitStack() as around:
            plane = around.enter_context(plane_of(settings, session.home, version=__version__, max_retries=0))
            if not settings.api.url:
                around.enter_context(_services(plane, settings))
            loop = self._loop = WorkerLoop(
                plane,
                BACKGROUND_POOL,
                home=session.home,
                api_url=settings.api.url,
                options=WorkerOptions(kind=BACKGROUND_KIND, queues=sorted(self.tasks), limit=self._limit),
                tell=self._tell,
                hands=lambda worker, room: Calls(
                    worker, room, tasks=self.tasks, plane=plane, session=session, tell=self._tell
                ),
            )
            if self._port is not None:
                health = HealthServer(loop.health, port=self._port)
                around.callback(health.close)
                self._tell(f"Health: {health.address}")
            self._tell(f"Serving, {plane.place}: {', '.join(self.tasks)}\nCtrl-C ends this process.")
            stopper = threading.Thread(target=self._stop_loop, args=(loop,), name="levada-task-stopper")
            stopper.start()
            try:
                loop.run()
            finally:
                with self._wished:
                    self._over = True
                    self._wished.notify_all()
                stopper.join()

    def _stop_loop(self, loop: WorkerLoop) -> None:
        """Waits for wishes to stop, on a thread of its own: a signal may come while the loop holds its locks."""
        with self._wished:
            self._wished.wait_for(lambda: self._wishes > 0 or self._over)
            if self._over:
                return
        loop.stop()
        self._tell("No more calls are taken; this process ends when those that run have ended. Once more leaves them.")
        with self._wished:
            self._wished.wait_for(lambda: self._wishes > 1 or self._over)
            if self._over:
                return
        loop.stop_runs()


def say(line: str) -> None:
    """Say something to the person who serves, on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def make_pool(plane: Plane) -> None:
    """Make the pool of delayed calls; nothing happens when it is there."""
    try:
        plane.create_work_pool(
            PoolSpec(name=BACKGROUND_POOL, kind=BACKGROUND_KIND, description="Delayed calls of tasks.")
        )
    except ObjectAlreadyExists:
        return


@contextmanager
def _services(plane: Any, settings: Settings) -> Iterator[None]:
    """The services of the embedded control plane, in this process."""
    from levada.control.services.host import ServiceHost  # lazy: with a server, its services do the work

    with ServiceHost(plane, settings):
        yield


@contextmanager
def _time_limit(worker: TaskWorker, seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, worker.stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _signals(worker: TaskWorker) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop it meanwhile; a third one ends the process as if nobody had listened."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = 0
    before: dict[signal.Signals, Any] = {}

    def handle(number: int, frame: Any) -> None:
        nonlocal came
        del frame
        came += 1
        if came > 2:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        # The stopper's condition may be held by the code that the signal interrupts: not to be waited for here.
        threading.Thread(target=worker.stop, daemon=True).start()

    for listened in (signal.SIGINT, signal.SIGTERM):
        before[listened] = signal.signal(listened, handle)
    try:
        yield
    finally:
        for listened, handler in before.items():
            signal.signal(listened, handler)
