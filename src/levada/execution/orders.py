"""From an order to a run: code folder, flow, parameters, the records of earlier epochs, and the call."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from levada.calling import run_flow
from levada.core.errors import ConfigurationError, LevadaError, ScriptError
from levada.engine import mailbox, signals
from levada.engine import session as sessions
from levada.engine.flow_run import Start
from levada.execution.refusal import record_refusal
from levada.flows import Flow
from levada.loading import load
from levada.recovery import start_of
from levada.wire.pools import WorkOrder

if TYPE_CHECKING:
    from levada.engine.session import Session
    from levada.wire.objects import FlowRun

NOT_EXECUTED = 70
"""Exit code of a process that could not even record why it did not execute its run."""

BEGUN = "begun"
"""File in the job folder that says: from here on the run has records."""

HOOKS = "hooks"
"""File in the job folder that says: this flow has hooks that must be called when its process is killed."""

SLOW_SECONDS = 15.0
"""A process that came to its function so long after the claim asks the server first: the claim may have been given to
others meanwhile, when the worker is gone."""


def read_order(path: Path) -> WorkOrder:
    """Read an order.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=WorkOrder)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"The order {str(path)!r} cannot be read: {error}") from error


def execute(order: WorkOrder, folder: Path | None = None, flow: Flow[Any, Any] | None = None) -> int:
    """Execute a run to its end; gives the exit code of the process: 0 whenever the run ended in a recorded state.

    Args:
        order: the run, and what it takes.
        folder: its job folder, where a supervisor listens.
        flow: the flow, when it is loaded already.
    """
    session = sessions.current()
    session.on_run()
    logging.getLogger("levada").propagate = session.settings.logging.to_console
    if folder is not None:
        _pass_cancellation_on(order, folder)
    begun = _Beginning(order, session, folder)
    try:
        if flow is None:
            enter(order)
            flow = load(order.code.entrypoint)
        if order.retries is not None:
            flow = flow.with_options(retries=order.retries)
        if folder is not None:
            _note_hooks(flow, order, folder)
            _ask_when_slow(flow, order, folder, session)
        parameters = flow.signature.bind((), given_parameters(order, session))
    except ScriptError as error:
        return begun.refuse("The flow could not be loaded", error.user_exc)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever stands in the way, the run ends and says so
        return begun.refuse("The flow could not be loaded", error)
    try:
        start = _start(order)
    except (LevadaError, OSError) as error:
        return begun.refuse("What the run recorded before could not be read", error, crashed=True)
    begun.note()
    run_to_end(flow, parameters, start)
    return 0


class _Beginning:
    """The moment at which a run has records: with its function, or with the reason why that cannot be called."""

    def __init__(self, order: WorkOrder, session: Session, folder: Path | None) -> None:
        self._order = order
        self._session = session
        self._folder = folder

    def note(self) -> None:
        """Let the worker know that the run has begun: what dies before is tried again as if it had not."""
        if self._folder is not None:
            (self._folder / BEGUN).touch(0o600)

    def refuse(self, what: str, error: BaseException, *, crashed: bool = False) -> int:
        """Record why the function cannot be called; gives the exit code."""
        self.note()
        record_refusal(self._order, self._session, what, error, crashed=crashed)
        return 0


def _note_hooks(flow: Flow[Any, Any], order: WorkOrder, folder: Path) -> None:
    """Say that there are hooks to be called should this process be killed; taken back when it calls them itself."""
    note = folder / HOOKS
    called = [hooks for hooks in (flow.on_cancellation_hooks, flow.on_crashed_hooks) if hooks]
    if not called:
        return
    note.touch(0o600)

    def hooks_begin(_: object, run: FlowRun, __: object) -> None:
        if run.id == order.run:
            note.unlink(missing_ok=True)

    for hooks in called:
        hooks.insert(0, hooks_begin)


def _ask_when_slow(flow: Flow[Any, Any], order: WorkOrder, folder: Path, session: Session) -> None:
    """Let the function begin only when the server has accepted that it does, if loading it took long.

    A lease of a claim lasts longer than `SLOW_SECONDS`, so that nobody else can have the run of a process that is
    quicker. Who comes second is told so in the same answer, and is stopped before its function is called.
    """
    await_arrival = session.parts.get("await_arrival")
    if await_arrival is None or time.time() - (folder / "order").stat().st_mtime < SLOW_SECONDS:
        return

    def begin_with_consent(_: object, run: FlowRun, __: object) -> None:
        while run.id == order.run and not await_arrival(session.parts["arrival"]()[0], 1.0):
            continue  # the server is away: what has not begun can wait for it

    flow.on_running_hooks.insert(0, begin_with_consent)


def given_parameters(order: WorkOrder, session: Session) -> dict[str, Any]:
    """The parameters of a run as they were given.

    Raises:
        LevadaError: they were not kept, or cannot be read.
    """
    found: dict[str, Any] = {} if order.parameters is None else session.results.load(order.parameters)
    return found


def enter(order: WorkOrder) -> None:
    """Go into the folder of the code, fetching it first when steps say how.

    Raises:
        ConfigurationError: there is no such folder.
    """
    code = order.code
    if code.path is not None:
        place = Path(code.path).expanduser()
        if not place.is_dir():
            raise ConfigurationError(
                f"The code of deployment {order.deployment_name or order.flow_name!r} should lie in {str(place)!r}, "
                "and there is no such folder on this machine. Deploy it with pull steps, or run the worker where it is."
            )
        os.chdir(place)
    if code.pull:
        from levada.steps import run_pull_steps  # lazy: only deployments that fetch their code have steps

        found = run_pull_steps(code.pull)
        if found is not None:
            os.chdir(found)
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)


def _start(order: WorkOrder) -> Start:
    if order.recalls or order.epoch > 1:
        return start_of(order)
    return Start(order.run.bytes, order.epoch, "new", order.name, None, None, frozenset(order.tags), order)


def run_to_end(flow: Flow[Any, Any], parameters: dict[str, Any], start: Start) -> None:
    """Run a flow of any colour; how it ends is in its records."""
    try:
        if flow.isasync:
            import asyncio  # lazy: only async flows need it

            asyncio.run(_drained(flow, parameters, start))
        elif flow.isgenerator:
            for _ in run_flow(flow, parameters, start):
                pass
        else:
            run_flow(flow, parameters, start, return_state=True)
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - it is the run's, and is recorded
        logging.getLogger("levada.execution").debug("The run ended by %r", error)


async def _drained(flow: Flow[Any, Any], parameters: dict[str, Any], start: Start) -> None:
    if not flow.isgenerator:
        await run_flow(flow, parameters, start, return_state=True)
        return
    async for _ in run_flow(flow, parameters, start):
        pass


def _pass_cancellation_on(order: WorkOrder, folder: Path) -> None:
    """Let the supervisor hear of a request to cancel: its patience begins now, whether a worker lives or not."""
    supervisor = os.environ.get("_LEVADA_SUPERVISOR")
    if supervisor is None or not supervisor.isdecimal() or int(supervisor) != os.getppid():
        return
    pid, run, stop = int(supervisor), order.run.bytes, folder / "stop"

    def why() -> str | None:
        try:
            found = msgspec.json.decode(stop.read_bytes())
        except (OSError, msgspec.DecodeError):
            return None  # nobody asked for anything
        return str(found["reason"]) if found.get("kind") == "cancel" else None

    def tell(cancelled: bytes, reason: str) -> None:
        if cancelled != run or stop.exists():
            return
        unfinished = folder / f"stop.{os.getpid()}"
        unfinished.write_bytes(msgspec.json.encode({"kind": "cancel", "reason": reason, "grace": order.grace}))
        unfinished.rename(stop)
        if os.getppid() == pid:
            os.kill(pid, signal.SIGUSR1)

    mailbox.on_cancel.append(tell)
    signals.cancelled_by_signal = why
