"""Serving: a process that deploys its own flows and executes their runs, until somebody ends it.

It is a worker of the pool `serve` that takes only runs of what it serves. With a server configured it asks that; else
the control plane works in this process, on the home, with its services.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, LevadaError, ObjectAlreadyExists
from levada.deployments.deployment import Deployment
from levada.deployments.registering import register
from levada.loading import is_loading
from levada.settings import get_current_settings
from levada.version import __version__
from levada.wire.deployments import DeploymentChange
from levada.wire.pools import PoolSpec

if TYPE_CHECKING:
    from levada.core.settings import Settings
    from levada.wire.deployments import Deployment as Deployed
    from levada.wire.verbs import Plane
    from levada.worker.loop import WorkerLoop

POOL = "serve"
"""The pool of all processes that serve; each takes only runs of its own deployments."""

_logger = logging.getLogger("levada.serving")


def serve(
    *deployments: Deployment,
    pause_on_shutdown: bool = True,
    limit: int | None = None,
    print_starting_message: bool = True,
    webserver: bool = False,
) -> None:
    """Deploy, and execute the runs in processes of their own, until Ctrl-C or SIGTERM.

    The first signal ends the taking of runs and waits for those that run, the second one stops them. Each run loads
    the flow anew, so a changed file counts from the next run on.

    Args:
        deployments: made by `flow.to_deployment`.
        pause_on_shutdown: deployments stand still after the end, so that nothing is missed; they go on with the next
            start.
        limit: how many runs at once; None: any number.
        print_starting_message: say on standard error what is served, and how to run it.
        webserver: not looked at; there for programs written for other orchestrators.

    Raises:
        ConfigurationError: nothing was given, an event loop runs in this thread, or a deployment is not taken.
    """
    del webserver
    if _only_loaded():
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        serving = Serving(deployments, pause_on_shutdown=pause_on_shutdown, limit=limit, say=print_starting_message)
        with _signals(serving):
            serving.run()
    else:
        raise ConfigurationError("`serve` would block the event loop that runs here; write `await aserve(…)`.")


async def aserve(
    *deployments: Deployment,
    pause_on_shutdown: bool = True,
    limit: int | None = None,
    print_starting_message: bool = True,
    webserver: bool = False,
) -> None:
    """`serve` for async code; being cancelled ends it as the first signal does."""
    del webserver
    if _only_loaded():
        return
    serving = Serving(deployments, pause_on_shutdown=pause_on_shutdown, limit=limit, say=print_starting_message)
    thread = asyncio.ensure_future(asyncio.to_thread(serving.run))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        serving.stop()
        await thread
        raise


class Serving:
    """One process that serves.

    Args:
        deployments: what is served.
        pause_on_shutdown: whether they stand still afterwards.
        limit: how many runs at once.
        say: say at the start what is served.

    Raises:
        ConfigurationError: nothing was given.
    """

    def __init__(
        self,
        deployments: tuple[Deployment, ...],
        *,
        pause_on_shutdown: bool = True,
        limit: int | None = None,
        say: bool = True,
    ) -> None:
        if not deployments:
            raise ConfigurationError("Nothing to serve was given; make deployments with `flow.to_deployment(name)`.")
        self._deployments = deployments
        self._pause = pause_on_shutdown
        self._limit = limit
        self._say = say
        self._wishes = 0
        self._wished = threading.Condition()
        self._ended = False

    def stop(self) -> None:
        """End: at the first call when its runs have ended, at the second they are stopped. From any thread."""
        with self._wished:
            self._wishes += 1
            self._wished.notify_all()

    def run(self) -> None:
        """Serve until `stop` is called.

        Raises:
            ConfigurationError: a deployment is not taken.
        """
        settings = get_current_settings()
        with ExitStack() as around:
            plane = around.enter_context(plane_of(settings, version=__version__, max_retries=0))
            if not settings.api.url:
                around.enter_context(_services(plane, settings))
            served = _deploy(plane, self._deployments)
            loop = self._loop(plane, settings, [one.id for one in served])
            if self._say:
                tell(_greeting(served, plane.place))
            stopper = threading.Thread(target=self._stop_loop, args=(plane, loop, served), name="levada-serving")
            stopper.start()
            try:
                loop.run()
            finally:
                with self._wished:
                    self._ended = True
                    self._wished.notify_all()
                stopper.join()

    def _loop(self, plane: Plane, settings: Settings, served: list[UUID]) -> WorkerLoop:
        from levada.worker.loop import WorkerLoop, WorkerOptions  # lazy: programs that only deploy need no worker

        return WorkerLoop(
            plane,
            POOL,
            home=settings.home.expanduser(),
            api_url=settings.api.url,
            options=WorkerOptions(kind=POOL, deployments=served, limit=self._limit),
            tell=tell,
        )

    def _stop_loop(self, plane: Plane, loop: WorkerLoop, served: list[Deployed]) -> None:
        """Waits for wishes to stop, on a thread of its own: a signal may come while the loop holds its locks."""
        with self._wished:
            self._wished.wait_for(lambda: self._wishes > 0 or self._ended)
            if self._ended:
                return
        loop.stop()
        if self._pause:
            _pause(plane, served)
        tell("No more runs are taken; this process ends when those that run have ended. Once more stops them.")
        with self._wished:
            self._wished.wait_for(lambda: self._wishes > 1 or self._ended)
            if self._ended:
                return
        loop.stop_runs()


def tell(line: str) -> None:
    """Say something to the person who serves, on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _deploy(plane: Plane, deployments: tuple[Deployment, ...]) -> list[Deployed]:
    try:
        plane.create_work_pool(PoolSpec(name=POOL, kind=POOL, description="Runs of processes that serve."))
    except ObjectAlreadyExists:
        pass  # it has been there since somebody first served
    # Who serves wants it to run: what the end of an earlier process paused goes on.
    served = [replace(one, work_pool_name=POOL, work_queue_name=None, paused=bool(one.paused)) for one in deployments]
    return register(served, plane)


def _pause(plane: Plane, served: list[Deployed]) -> None:
    for one in served:
        try:
            plane.change_deployment(one.id, DeploymentChange(paused=True))
        except (LevadaError, OSError) as error:
            tell(f"{one.full_name} could not be paused ({error}): its schedules go on.")


def _greeting(served: list[Deployed], place: str) -> str:
    names = "\n".join(f"  {one.full_name}" for one in served)
    return (
        f"Serving, {place}:\n{names}\n"
        f"Run one now:  levada deployment run '{served[0].full_name}'\nCtrl-C ends this process."
    )


def _only_loaded() -> bool:
    """Whether the call stands at the top of a file that is only loaded for its flows, by a run or a command."""
    if is_loading():
        _logger.warning("`serve` does nothing while its file is loaded; put it under `if __name__ == '__main__':`.")
        return True
    return False


@contextmanager
def _services(plane: Any, settings: Settings) -> Iterator[None]:
    """The services of the embedded control plane, in this process."""
    from levada.control.services.host import ServiceHost  # lazy: with a server, its services do the work

    with ServiceHost(plane, settings):
        yield


@contextmanager
def _signals(serving: Serving) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop it meanwhile; a third one ends the process as if nobody had listened."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = 0
    before: dict[int, Any] = {}

    def handle(number: int, frame: Any) -> None:
        nonlocal came
        came += 1
        if came > 2:
            signal.signal(number, before[number] or signal.SIG_DFL)
            signal.raise_signal(number)
        # Not here: the thread that is interrupted may hold the lock.
        threading.Thread(target=serving.stop, name="levada-serving-signal", daemon=True).start()

    for listened in (signal.SIGINT, signal.SIGTERM):
        before[listened] = signal.signal(listened, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["Serving", "aserve", "serve"]
