"""Ships what dead processes left: journals of the same home whose process is gone before the server had all of it.

Any process that reports to the same server does this in the background, and ``levada journal ship`` in the foreground.
One at a time works at a journal; one that dies leaves the rest to the next.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from levada.core.errors import RequestTooLarge, TooManyRequests
from levada.core.faults import armed, reach
from levada.journal.layout import claim
from levada.journal.outgoing import Outgoing, Parcel
from levada.journal.reader import Problem, WriterDirectory, writers
from levada.wire.ingest import IngestAnswer, IngestBatch

Send = Callable[[IngestBatch], IngestAnswer]

LOOK_SECONDS = 30.0
"""Between two looks for what processes of this home left that died meanwhile."""

_OFTEN = 20
"""How often a batch is offered to a server that has too much to do."""


class Shipment(Struct):
    """What became of journals that were shipped.

    Attributes:
        journals: how many were shipped to their end, and removed.
        records, size: how many records were sent, and their bytes.
        busy: journals that another process ships at this moment.
        refused: what the server could not read: writer, sequence, reason.
        problems: what was not as it should be in the journals, by writer.
    """

    journals: int = 0
    records: int = 0
    size: int = 0
    busy: int = 0
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    problems: list[tuple[str, Problem]] = field(default_factory=list)


def leftovers(home: Path, destination: str | None = None) -> list[WriterDirectory]:
    """Journals that were to be shipped and whose process is gone, oldest first.

    Args:
        home: the Levada home.
        destination: only those for this address; None for all.
    """
    found = []
    for directory in writers(home):
        wanted = directory.destination
        if wanted is not None and (destination is None or wanted == destination) and not directory.is_live():
            found.append(directory)
    return found


def ship(
    directory: WriterDirectory,
    send: Send,
    shipment: Shipment,
    *,
    host: str = "",
    progress: Callable[[Shipment], object] | None = None,
) -> None:
    """Ship one journal of a dead process to its end, and remove it.

    Raises:
        LevadaError: the server does not take it; what was sent stays sent, the rest stays on disk.
        OSError: as above.
    """
    path = directory.path
    claimed = claim(path)
    if claimed is None:
        shipment.busy += path.is_dir()
        return
    try:
        # Asked now: segments that have arrived are removed on the way.
        seen = max((segment.stat().st_mtime_ns // 1000 for segment in directory.segments().values()), default=0)
        outgoing = Outgoing(directory)
        writer, pid = directory.writer, directory.pid
        while (parcel := outgoing.next()) is not None:
            batch = IngestBatch(writer, parcel.records, host, pid)
            try:
                answer = _patiently(send, batch)
            except RequestTooLarge as problem:
                if outgoing.halve(parcel):
                    continue
                _leave_out(parcel, problem, writer, shipment)
            else:
                shipment.refused += [(writer.hex(), sequence, reason) for sequence, reason in answer.refused]
                shipment.records += len(parcel.records)
                shipment.size += parcel.size
            outgoing.delivered(parcel)
            if progress is not None:
                progress(shipment)
        # Only now: what a dead process left open may have been finished by what was just sent.
        _patiently(send, IngestBatch(writer, [], host, pid, ended=True, seen=seen))
        shipment.problems += [(writer.hex(), problem) for problem in outgoing.problems]
        shipment.journals += directory.remove()
    finally:
        os.close(claimed)


def _leave_out(parcel: Parcel, problem: RequestTooLarge, writer: bytes, shipment: Shipment) -> None:
    shipment.refused.append((writer.hex(), parcel.records[0][0], f"{parcel.size} bytes are too many: {problem}"))


def _patiently(send: Send, batch: IngestBatch) -> IngestAnswer:
    if armed:
        reach("journal.ship.before_send")
    for attempt in range(_OFTEN):
        try:
            answer = send(batch)
        except TooManyRequests as busy:
            if attempt == _OFTEN - 1:
                raise
            time.sleep(getattr(busy, "retry_after", None) or 0.5)
        else:
            if armed:
                reach("journal.ship.after_send")
            if answer.slow_down > 0:
                time.sleep(answer.slow_down)
            return answer
    raise AssertionError("the last attempt answers or raises")


def ship_in_background(
    home: Path,
    destination: str,
    connect: Callable[[], Send],
    warn: Callable[[str], None],
    host: str = "",
    *,
    later: bool = False,
) -> threading.Thread:
    """Ship the leftovers of a home on a thread of its own, as long as we live, whenever there are new ones.

    Args:
        home: whose.
        destination: the server that they are for.
        connect: makes what sends a batch.
        warn: told what goes wrong.
        host: name of this machine.
        later: begin with a pause; somebody else looks after what is there now.
    """
    gleaner = _Gleaner(home, destination, connect, warn, host)
    thread = threading.Thread(target=gleaner.work, args=(later,), name="levada-leftovers", daemon=True)
    thread.start()
    return thread


class _Gleaner:
    """Looks for leftovers again and again: a process beside this one may be killed at any time."""

    def __init__(
        self, home: Path, destination: str, connect: Callable[[], Send], warn: Callable[[str], None], host: str
    ) -> None:
        self._home = home
        self._destination = destination
        self._connect = connect
        self._warn = warn
        self._host = host
        self._send: Send | None = None
        self._told = False

    def work(self, later: bool = False) -> None:
        never = threading.Event()
        if later:
            never.wait(LOOK_SECONDS)
        while True:
            shipment = Shipment()
            try:
                self._glean(shipment)
                self._told = False
            except Exception as problem:  # noqa: BLE001 - all of it is on disk still, and is tried again
                if not self._told:
                    self._told = True
                    self._warn(
                        f"Records that an earlier process left in {self._home} could not be sent to "
                        f"{self._destination} now: {problem}"
                    )
            for writer, sequence, reason in shipment.refused:
                self._warn(f"{self._destination} cannot read record {sequence} of writer {writer}: {reason}")
            never.wait(LOOK_SECONDS)

    def _glean(self, shipment: Shipment) -> None:
        for directory in leftovers(self._home, self._destination):
            if self._send is None:
                self._send = self._connect()
            ship(directory, self._send, shipment, host=self._host)
