"""Hands the control plane what the processes of runs recorded: their output while they live, the rest when they died.

A process ships its own journal. What it could not ship, because it was killed, and what its supervisor kept of its
output, is shipped from here. On the embedded control plane there is nothing to ship: who looks takes the journals in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from levada.core.errors import RequestTooLarge
from levada.journal.layout import claim
from levada.journal.leftovers import Send, Shipment, ship
from levada.journal.outgoing import Outgoing
from levada.journal.reader import WriterDirectory, writers
from levada.wire.ingest import IngestBatch

LIVE_SECONDS = 1.0
"""Between two looks at what runs print."""


def send_records(directory: WriterDirectory, send: Send) -> None:
    """Send what a journal holds and the server does not have; its writer may be alive, and is not declared ended.

    Raises:
        LevadaError, OSError: the server does not take it now; it is on disk still.
    """
    claimed = claim(directory.path)
    if claimed is None:
        return  # another process is at it, or all is gone
    try:
        outgoing = Outgoing(directory)
        while (parcel := outgoing.next()) is not None:
            try:
                send(IngestBatch(directory.writer, parcel.records, pid=directory.pid))
            except RequestTooLarge:
                if outgoing.halve(parcel):
                    continue
            outgoing.delivered(parcel)
    finally:
        os.close(claimed)


def journals_of(home: Path, pid: int, destination: str) -> list[WriterDirectory]:
    """The journals that a dead process left for a server."""
    return [
        one
        for one in (writers(home) if pid else ())
        if one.pid == pid and one.destination == destination and not one.is_live()
    ]


def end_journals(directories: Iterable[WriterDirectory], send: Send, host: str) -> None:
    """Ship what is left of journals of dead processes, declare them ended, and remove them.

    Raises:
        LevadaError, OSError: as `send_records`.
    """
    for directory in directories:
        ship(directory, send, Shipment(), host=host)


class LiveOutput:
    """Ships what runs print while they run, on a thread of its own.

    Args:
        home: where the journals are.
        send: sends a batch.
        writers: the writers under which the output of runs is kept that are alive.
    """

    def __init__(self, home: Path, send: Send, output: Callable[[], Iterable[bytes]]) -> None:
        self._home = home
        self._send = send
        self._output = output
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="levada-worker-output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _work(self) -> None:
        while not self._ended.wait(LIVE_SECONDS):
            for writer in self._output():
                try:
                    send_records(WriterDirectory(self._home, writer), self._send)
                except Exception:  # noqa: BLE001 - all of it is on disk still, and is tried again; the loop tells of it
                    break
