"""Requests from outside to this process: cancel a run, cancel a task, let a run go.

Those of people on this machine lie in the inbox of this process's journal. A daemon thread looks four times a second
while flows run; it costs a directory listing of a folder that usually does not exist. Those of a server come with its
answers to what is shipped; both are carried out here.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

from levada.engine import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada.wire.ingest import Command

_CANCELLED = "Cancelled on request."

INTERVAL = 0.25
"""Seconds between two looks."""


on_cancel: list[Callable[[bytes, str], object]] = []
"""Told, with run and reason, of every request to cancel a flow run of this process, before it is carried out."""


class Inbox(Protocol):
    """Where commands are found."""

    def commands(self) -> list[str]:
        """Take the commands that have come since the last look."""
        ...


class Mailbox:
    """Listens for commands as long as the process lives."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def listen(self) -> None:
        """Start listening; does nothing when already so."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="levada-mailbox", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            try:
                commands = self._inbox.commands()
            except OSError:
                logging.getLogger("levada.mailbox").debug("The inbox cannot be read.", exc_info=True)
                continue
            for command in commands:
                obey(command)


def obey(command: str) -> bool:
    """Carry one command out; returns whether it concerned something that runs here."""
    subject, _, verb = command.partition(".")
    if verb != "cancel":
        logging.getLogger("levada.mailbox").warning("Unknown command %r", command)
        return False
    raw = bytes.fromhex(subject)
    return _cancel(raw, _CANCELLED) or signals.cancel_task(raw)


def _cancel(run: bytes, reason: str) -> bool:
    for told in on_cancel:
        told(run, reason)
    return signals.cancel(run, reason)


def carry_out(command: Command) -> bool:
    """Do what a server asks; returns whether it concerned something that runs here."""
    match command.kind:
        case "cancel" if command.task is not None:
            return signals.cancel_task(command.task)
        case "cancel":
            return _cancel(command.run, command.reason or _CANCELLED)
        case "suspend":
            return signals.cancel(command.run, command.reason or "Suspended on request; a resume goes on with it.")
        case "fenced":
            reason = command.reason or "the server gave it up, or another process has it now"
            return signals.cancel(command.run, f"Fenced: {reason} Nothing that this process still records counts.")
    logging.getLogger("levada.mailbox").warning("This version of Levada cannot obey %r.", command.kind)
    return True
