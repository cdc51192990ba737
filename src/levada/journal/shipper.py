"""Ships the journal of this process to a server while runs go on, and does what the server asks.

One daemon thread reads what the runs append to their own journal and posts it in batches. The journal is the queue:
nothing is kept in memory, nothing waits for the network, and a server that is away for a day costs disk and nothing
else. What this process cannot deliver stays on disk for the next one (`levada.journal.leftovers`).

The life of a batch: read → sent → acknowledged → cursor moved → segment removed. It may die between any two of these;
then it is sent again, and the server finds that it has it.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from levada.core.errors import RequestTooLarge, TooManyRequests
from levada.core.faults import armed, reach
from levada.journal.outgoing import Outgoing, Parcel
from levada.journal.reader import WriterDirectory
from levada.wire.ingest import Command, IngestAnswer, IngestBatch

if TYPE_CHECKING:
    from levada.journal.writer import JournalWriter

_dice = random.Random()
# Of its own: programs seed the shared one, and their numbers must not depend on what happens beside them.

LINGER_SECONDS: Final = 0.05
"""After the first record that a server does not have: what follows soon goes with it."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 5.0
"""Between two attempts while the server is away, at most; and never longer than half of the time between two signs of
life, so that a server that is back only for a moment hears of everybody."""

PATIENCE_SECONDS: Final = 2.0
"""How long the end of a process waits for a server that does not answer."""

REPEAT_SECONDS: Final = 30.0
"""After which a command that is still not obeyed is carried out again."""

Send = Callable[[IngestBatch], IngestAnswer]
_RECORD, _HURRY, _FINISH, _CALLED = "record", "hurry", "finish", "called"


Obey = Callable[[Command], bool]
"""Carries a command out; whether it concerned something that runs here."""


class Shipper:
    """Ships one journal.

    Args:
        journal: the writer of this process; it was given a destination.
        connect: makes what sends a batch; called once, on the shipper's own thread.
        obey: carries out what the server asks.
        running: the flow runs that execute here now, each with its epoch.
        warn: told, in a sentence for people, that the server went away, and that it is back.
        flush_seconds: how long `finish` waits while the server answers.
        host: name of this machine.
        levada: version of this program.
        then: called once, on the shipper's thread, after the first answer.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        journal: JournalWriter,
        connect: Callable[[], Send],
        *,
        obey: Obey,
        running: Callable[[], Sequence[tuple[bytes, int]]],
        warn: Callable[[str], None],
        flush_seconds: float = 10.0,
        host: str = "",
        levada: str = "",
        then: Callable[[Send], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._connect = connect
        self._obey = obey
        self._running = running
        self._warn = warn
        self._flush_seconds = flush_seconds
        self._host = host
        self._levada = levada
        self._then = then
        self._monotonic = monotonic
        self._pid = os.getpid()
        self._bell: SimpleQueue[str] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._acknowledged = 0
        self._progress = threading.Condition()
        self._send: Send | None = None
        self._outgoing = Outgoing(WriterDirectory(journal.home, journal.writer))
        self._failures = 0
        self._away_since: float | None = None
        self._told_away = False
        self._answered = self._renewed = monotonic()
        self._renew_seconds = 5.0
        self._given: dict[tuple[str, bytes, bytes | None], float] = {}
        self._finishing = False
        self._in_a_hurry = False
        self._called = False
        self._delivered = False
        self._given_up = False
        journal.wake = self.start

    @property
    def acknowledged(self) -> int:
        """Sequence number up to which the server has this journal."""
        return self._acknowledged

    @property
    def away(self) -> bool:
        """Whether the server did not answer last time."""
        return self._away_since is not None

    def start(self) -> None:
        """Begin to ship; the first record does this."""
        if self._thread is None and self._pid == os.getpid():
            self._thread = threading.Thread(target=self._work, name="levada-shipper", daemon=True)
            self._thread.start()

    def await_acknowledgement(self, sequence: int, timeout: float) -> bool:
        """Wait until the server has a record; sends at once what has lingered.

        Args:
            sequence: number of the record.
            timeout: seconds after which to come back in any case.

        Returns:
            Whether the server has it.
        """
        with self._progress:
            if self._acknowledged >= sequence:
                return True
            self._bell.put(_HURRY)
            return self._progress.wait_for(lambda: self._acknowledged >= sequence, timeout)

    def call(self) -> None:
        """Say something at once: the server has something to tell this process."""
        if self._thread is not None and self._pid == os.getpid():
            self._bell.put(_CALLED)

    def finish(self) -> None:
        """Deliver what is left, for a bounded time, and say goodbye to the server."""
        thread = self._thread
        if thread is None or self._pid != os.getpid() or thread is threading.current_thread():
            return
        began = self._monotonic()
        self._finishing = True
        self._bell.put(_FINISH)
        while thread.is_alive():
            now = self._monotonic()
            silent = now - max(began, self._answered)
            left = min(began + self._flush_seconds - now, min(PATIENCE_SECONDS, self._flush_seconds) - silent)
            if left <= 0:
                break
            thread.join(min(left, 0.1))

    def settle(self) -> None:
        """After the journal was closed: remove it when the server has all of it, else say where the rest is."""
        if self._thread is None or self._pid != os.getpid():
            return
        self._given_up = True  # what is left is for others
        directory = self._outgoing.directory
        if self._delivered and self._journal.sequence <= self._acknowledged:
            directory.remove()
            return
        left = self._journal.sequence - self._acknowledged
        self._warn(
            f"{left} record{'' if left == 1 else 's'} of this process did not reach {self._journal.destination}; they "
            f"are kept in {directory.path}. The next process of this home sends them, or `levada journal ship`."
        )

    # What follows runs on the shipper's thread.

    def _work(self) -> None:
        try:
            self._send = self._connect()
        except Exception as problem:  # noqa: BLE001 - an address that cannot be used must not end a run
            self._warn(f"Nothing can be sent to {self._journal.destination}: {_told(problem)}")
            return
        self._linger()
        while not (self._delivered or self._given_up):
            try:
                self._step()
            except Exception as problem:  # noqa: BLE001 - trouble with the journal is tried again as that of a server
                self._failed(problem)
                self._pause()

    def _step(self) -> None:
        seen = self._journal.sequence
        parcel = self._outgoing.next()
        if parcel is not None:
            if self._failures and self._sign_is_due():
                self._exchange(waiting=True)
            self._ship(parcel)
        elif self._finishing:
            self._delivered = self._exchange(closing=True)
            if not self._delivered:
                self._pause()
        elif self._sign_is_due():
            if not self._exchange():
                self._pause()
        else:
            self._wait_for_more(seen)

    def _ship(self, parcel: Parcel) -> None:
        if not self._exchange(parcel):
            self._pause()
            return
        self._outgoing.delivered(parcel)
        with self._progress:
            self._acknowledged = parcel.following.sequence
            self._progress.notify_all()

    def _sign_is_due(self) -> bool:
        return self._called or self._monotonic() >= self._renewed + self._renew_seconds

    def _wait_for_more(self, seen: int) -> None:
        """Wait for the next record, the next sign of life, or the end; of a record also for what comes with it."""
        self._in_a_hurry = False
        self._journal.wake = self._ring
        if self._journal.sequence == seen:
            self._listen(self._renewed + self._renew_seconds - self._monotonic())
        if self._journal.sequence != seen:
            self._linger()

    def _ring(self) -> None:
        self._bell.put(_RECORD)

    def _linger(self) -> None:
        until = self._monotonic() + LINGER_SECONDS
        while not (self._finishing or self._in_a_hurry) and (left := until - self._monotonic()) > 0:
            self._listen(left)

    def _listen(self, seconds: float) -> None:
        try:
            word = self._bell.get(timeout=max(0.0, seconds))
        except Empty:
            return
        self._in_a_hurry = self._in_a_hurry or word in {_HURRY, _CALLED}
        self._called = self._called or word == _CALLED

    def _pause(self) -> None:
        """Wait before the next attempt: longer each time, and never as long as the others that wait."""
        most = min(LONGEST_PAUSE, max(FIRST_PAUSE, self._renew_seconds / 2))
        longest = min(most, FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._sleep(longest * (0.5 + _dice.random() / 2))

    def _sleep(self, seconds: float) -> None:
        until = self._monotonic() + seconds
        while (left := until - self._monotonic()) > 0:
            if self._finishing:
                # The end of the process waits for nobody long, but does not hammer a server that is busy either.
                time.sleep(min(left, FIRST_PAUSE))
                return
            self._listen(left)

    def _exchange(self, parcel: Parcel | None = None, *, closing: bool = False, waiting: bool = False) -> bool:
        """Send one batch; whether the server has taken it, or never can.

        `waiting` says that records wait which it did not take before: then it is not back yet.
        """
        assert self._send is not None
        self._called = False
        batch = IngestBatch(
            self._journal.writer,
            [] if parcel is None else parcel.records,
            self._host,
            self._pid,
            self._levada,
            closing=closing,
            running=list(self._running()),
        )
        try:
            if armed:
                reach("journal.ship.before_send")
            answer = self._send(batch)
            if armed:
                reach("journal.ship.after_send")
        except RequestTooLarge as problem:
            return self._too_large(parcel, problem)
        except TooManyRequests as busy:
            self._answered = self._monotonic()
            self._failures += 1
            self._sleep(getattr(busy, "retry_after", None) or 0.0)
            return False
        except Exception as problem:  # noqa: BLE001 - whatever it is, it must not end a run, and is tried again
            self._failed(problem)
            return False
        self._succeeded(answer, waiting=waiting)
        return True

    def _too_large(self, parcel: Parcel | None, problem: RequestTooLarge) -> bool:
        self._answered = self._monotonic()
        if parcel is None or self._outgoing.halve(parcel):
            return False
        sequence = parcel.records[0][0]
        self._warn(
            f"Record {sequence} of {parcel.size} bytes is larger than {self._journal.destination} takes, and is left "
            f"out there: {problem}"
        )
        return True

    def _failed(self, problem: Exception) -> None:
        self._failures += 1
        if self._away_since is None:
            self._away_since = self._monotonic()
        # Once is no news: a connection that both ends were just about to use and to close.
        if self._failures > 1 and not self._told_away:
            self._told_away = True
            self._warn(
                f"{self._journal.destination} does not take records now. Runs go on, and what they record waits on "
                f"disk. {_told(problem)}"
            )

    def _succeeded(self, answer: IngestAnswer, *, waiting: bool) -> None:
        self._answered = self._renewed = self._monotonic()
        self._renew_seconds = max(0.05, min(answer.renew_seconds, answer.lease_seconds / 3))
        if not waiting:
            self._failures = 0
        if self._away_since is not None and not waiting:
            away, self._away_since = self._answered - self._away_since, None
            if self._told_away:
                self._told_away = False
                self._warn(f"{self._journal.destination} takes records again, after {away:.0f} seconds.")
        for sequence, reason in answer.refused:
            self._warn(f"{self._journal.destination} cannot read record {sequence} of this process: {reason}")
        for command in answer.commands:
            self._carry_out(command)
        if self._then is not None:
            then, self._then = self._then, None
            then(self._send)  # type: ignore[arg-type]  # it has just answered
        if answer.slow_down > 0:
            self._sleep(min(answer.slow_down, answer.lease_seconds / 3))

    def _carry_out(self, command: Command) -> None:
        what = (command.kind, command.run, command.task)
        given = self._given.get(what)
        # A command is repeated until records show that it was obeyed; a run that is just cleaning up is left to it.
        if given is not None and self._answered < given + REPEAT_SECONDS:
            return
        try:
            obeyed = self._obey(command)
        except Exception as problem:  # noqa: BLE001 - a command that cannot be carried out must not stop the shipping
            self._warn(f"The server asked to {command.kind} run {command.run.hex()}, which failed: {_told(problem)}")
            obeyed = True
        if obeyed:
            self._given[what] = self._answered


def _told(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
