"""The line of workers that ask for runs: each waits until there is something for it, or its patience is over.

One thread looks after all of them: when a run came, when one is due, when a limit got room, all workers of that pool
are looked at in one transaction (`levada.control.claims`). So a hundred workers that wait cost a hundred entries in a
list: no thread and no connection each, and one transaction when something happens. What is announced only wakes; once
in a while it looks without having been woken.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from msgspec import Struct, field

from levada.control.claims import Asking, Served, serve
from levada.control.exits import give_back
from levada.control.queueing import WORK_TOPIC, WORKER_TOPIC
from levada.core.errors import LevadaError, TooManyRequests
from levada.store.sql.work import WorkTables
from levada.store.sqlite import SqliteStore
from levada.wire.pools import ClaimAnswer, ClaimRequest

if TYPE_CHECKING:
    from levada.control.bus import Bus, Subscription
    from levada.store.base import Store

LOOK_SECONDS: Final = 1.0
"""Between two looks of which nothing was announced."""

MOST_TOGETHER: Final = 100
"""Requests of one transaction."""

LONGEST_LINE: Final = 10_000

LINGER: Final = 1.0
"""Seconds after which the thread ends when nobody asks."""

TOLD_SECONDS: Final = 5.0
"""A command that a worker was told, and has not carried out yet, is answered with again after so long."""

Tell = Callable[[Any], None]
"""Told the `ClaimAnswer`, or the error."""

_logger = logging.getLogger(__name__)


class _Waiting(Struct, eq=False):
    """A request in line."""

    asking: Asking
    tell: Tell
    until: float
    """By the monotonic clock."""


class _Pool(Struct, eq=False):
    """Who asks for runs of one pool.

    Attributes:
        dirty: something may be there for them.
        next_due: when the next run is due, by the monotonic clock.
        last: the last answer, without orders.
    """

    waiting: list[_Waiting] = field(default_factory=list)
    dirty: bool = False
    next_due: float | None = None
    last: ClaimAnswer = field(default_factory=ClaimAnswer)


class ClaimLine:
    """Workers that ask, and who looks after them.

    Safe to use from many threads; a forked child begins with an empty line.

    Args:
        store: where the runs are.
        bus: where announcements come from.
        follow_up: called, in the line's thread, with what must be done after runs were given out.
    """

    _closed: bool
    _thread: threading.Thread | None
    _subscription: Subscription | None

    def __init__(self, store: Store, bus: Bus, follow_up: Callable[[Served], object]) -> None:
        self._store = store
        self._bus = bus
        self._follow_up = follow_up
        # Other processes of a home write into the same file, and nobody announces that here.
        self._hears_all = not isinstance(store, SqliteStore)
        self.rounds = 0
        """Transactions."""
        self._begin()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(len(pool.waiting) for pool in self._pools.values())

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Wait, in this thread, until there is something for a worker.

        Raises:
            ObjectNotFound: there is no such pool.
            TooManyRequests: too many wait already.
            StoreUnavailable: the database cannot be reached.
        """
        done = threading.Event()
        box: list[Any] = []

        def tell(outcome: Any) -> None:
            box.append(outcome)
            done.set()

        self.offer(pool, request, tell)
        done.wait()
        if isinstance(box[0], BaseException):
            raise box[0]
        answer: ClaimAnswer = box[0]
        return answer

    def offer(self, pool: str, request: ClaimRequest, tell: Tell) -> Callable[[], None]:
        """Stand in line; how to leave it.

        Args:
            pool: whose runs are asked for.
            request: what the worker says.
            tell: called from the line's thread with the answer or the error; must be quick.

        Raises:
            TooManyRequests: too many wait already.
        """
        if self._process != os.getpid():
            self._begin()
        entry = _Waiting(Asking(request), tell, time.monotonic() + max(0.0, request.wait))
        with self._lock:
            if self._closed or self.waiting >= LONGEST_LINE:
                raise TooManyRequests(f"{LONGEST_LINE} workers ask for runs already; ask again later.")
            there = self._pools.setdefault(pool, _Pool())
            deserted = _deserted(there.waiting, request)
            there.waiting = [one for one in there.waiting if one not in deserted] + [entry]
            there.dirty = True
            if self._thread is None:
                self._subscription = self._bus.subscribe({WORK_TOPIC, WORKER_TOPIC}, self._heard)
                self._thread = threading.Thread(target=self._serve, name="levada-claims", daemon=True)
                self._thread.start()
            else:
                self._wake.notify()
        for one in deserted:
            _say(one, ClaimAnswer())

        def leave() -> None:
            with self._lock:
                there = self._pools.get(pool)
                if there is not None and entry in there.waiting:
                    there.waiting.remove(entry)

        return leave

    def end(self) -> None:
        """Let everybody go soon; who asks from now on is sent away."""
        with self._lock:
            self._closed = True
            self._wake.notify_all()

    def close(self) -> None:
        """Answer everybody, and end the thread; who asks from now on is sent away."""
        if self._process != os.getpid():
            return
        self.end()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._pools: dict[str, _Pool] = {}
        self._thread = None
        self._subscription = None
        self._closed = False
        self._news = False
        self._told: dict[UUID, dict[tuple[UUID, int, str], float]] = {}

    def _heard(self) -> None:
        with self._lock:
            self._news = True
            self._wake.notify()

    # The thread

    def _serve(self) -> None:
        looked = time.monotonic()
        while True:
            with self._lock:
                if not self._await_something(looked):
                    self._end()
                    return
                self._take_news()
                due = [name for name, pool in self._pools.items() if pool.dirty]
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                due += [name for name in self._look() if name not in due]
            for name in due:
                self._look_after(name)
            self._dismiss()

    def _await_something(self, looked: float) -> bool:
        """Wait for news, a due run, or the end of somebody's patience; False when the thread is to end."""
        idle_since = time.monotonic()
        while True:
            now = time.monotonic()
            if self._closed:
                return False
            if self._news or any(pool.dirty for pool in self._pools.values()):
                return True
            if not self.waiting:
                if now - idle_since >= LINGER:
                    return False
                self._wake.wait(idle_since + LINGER - now)
                continue
            moments = [looked + LOOK_SECONDS]
            for pool in self._pools.values():
                if pool.waiting and pool.next_due is not None and pool.next_due <= now:
                    pool.dirty, pool.next_due = True, None
                    return True
                moments += [entry.until for entry in pool.waiting]
                if pool.next_due is not None:
                    moments.append(pool.next_due)
            soonest = min(moments)
            if soonest <= now:
                return True
            self._wake.wait(soonest - now)

    def _end(self) -> None:
        """Stop hearing, and let everybody go; the lock is held."""
        subscription, self._subscription = self._subscription, None
        self._thread = None
        left = [(entry, pool.last) for pool in self._pools.values() for entry in pool.waiting]
        self._pools.clear()
        if subscription is not None:
            self._bus.unsubscribe(subscription)
        for entry, last in left:
            _say(entry, ClaimAnswer(hold_seconds=last.hold_seconds, pool=last.pool))

    def _take_news(self) -> None:
        self._news = False
        heard = None if self._subscription is None else self._subscription.take()
        if not heard:
            return
        pools = {text for topic, text in heard.said if topic == WORK_TOPIC}
        workers = {text for topic, text in heard.said if topic == WORKER_TOPIC}
        for name, pool in self._pools.items():
            pool.dirty = pool.dirty or heard.missed or name in pools
            for entry in pool.waiting if workers or heard.missed else ():
                if heard.missed or entry.asking.request.worker.hex in workers:
                    entry.asking.woken = pool.dirty = True

    def _look(self) -> list[str]:
        """Pools of which something may have been missed."""
        with self._lock:
            names = [name for name, pool in self._pools.items() if pool.waiting]
            if not self._hears_all:
                for name in names:
                    for entry in self._pools[name].waiting:
                        entry.asking.woken = True
            held = {
                name
                for name in names
                if not self._hears_all and any(one.asking.request.held for one in self._pools[name].waiting)
            }
        try:
            with self._store.read() as transaction:
                tables = WorkTables(transaction)
                return [name for name in names if name in held or tables.waiting(name, transaction.now, 1)]
        except LevadaError:
            _logger.warning("It cannot be seen whether there is work.", exc_info=True)
            return []

    def _look_after(self, name: str) -> None:
        """Look at all who ask for runs of a pool, so many at a time as a transaction may well have."""
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                return
            pool.dirty = False
            entries = list(pool.waiting)
        for place in range(0, len(entries), MOST_TOGETHER):
            some = entries[place : place + MOST_TOGETHER]
            try:
                self.rounds += 1
                asks = [entry.asking for entry in some]
                served = self._store.transact(lambda transaction, asks=asks: serve(transaction, name, asks))  # type: ignore[misc]
            except Exception as problem:
                if not isinstance(problem, LevadaError):
                    _logger.exception("Workers of pool %r could not be looked after.", name)
                self._answer(pool, [(entry, problem) for entry in some])
                continue
            self._answer_served(pool, some, served)
            try:
                self._follow_up(served)
            except Exception:
                _logger.exception("What follows from the claims of pool %r could not be done.", name)

    def _answer_served(self, pool: _Pool, entries: Sequence[_Waiting], served: Served) -> None:
        now = time.monotonic()
        answers: list[tuple[_Waiting, Any]] = []
        for entry, answer in zip(entries, served.answers, strict=True):
            entry.asking.fresh = entry.asking.woken = False
            pool.last = ClaimAnswer(hold_seconds=answer.hold_seconds, pool=answer.pool)
            if answer.orders or self._are_new(entry.asking.request, answer, now) or entry.until <= now:
                answers.append((entry, answer))
        if served.next_in is not None:
            pool.next_due = now + served.next_in
        self._answer(pool, answers)

    def _are_new(self, request: ClaimRequest, answer: ClaimAnswer, now: float) -> bool:
        """Whether some command is one that the worker was not told a moment ago."""
        if not answer.commands:
            self._told.pop(request.worker, None)
            return False
        told = self._told.get(request.worker, {})
        commands = [(command.run, command.epoch, command.kind) for command in answer.commands]
        new = [command for command in commands if now - told.get(command, -TOLD_SECONDS) >= TOLD_SECONDS]
        self._told[request.worker] = {
            command: now if command in new else told.get(command, now) for command in commands
        }
        return bool(new)

    def _answer(self, pool: _Pool, answers: Iterable[tuple[_Waiting, Any]]) -> None:
        for entry, outcome in answers:
            with self._lock:
                there = entry in pool.waiting
                if there:
                    pool.waiting.remove(entry)
            if there:
                _say(entry, outcome)
            elif isinstance(outcome, ClaimAnswer) and outcome.orders:
                self._take_back(entry.asking.request, outcome)

    def _take_back(self, request: ClaimRequest, answer: ClaimAnswer) -> None:
        """Let others have what a worker got that went away meanwhile."""
        runs = [order.run.bytes for order in answer.orders]
        said = "The worker that got it did not wait for the answer."
        try:
            self._store.transact(lambda transaction: give_back(transaction, runs, said, request.worker.bytes))
        except LevadaError:
            _logger.warning("Runs of a worker that went away are given to others later.", exc_info=True)

    def _dismiss(self) -> None:
        """Let those go whose patience is over, and forget pools of which nobody asks."""
        now = time.monotonic()
        with self._lock:
            over = [
                (entry, pool.last)
                for pool in self._pools.values()
                for entry in pool.waiting
                if entry.until <= now and not entry.asking.fresh
            ]
            for pool in self._pools.values():
                pool.waiting = [entry for entry in pool.waiting if entry.until > now or entry.asking.fresh]
            for name in [name for name, pool in self._pools.items() if not pool.waiting]:
                del self._pools[name]
            if len(self._told) > LONGEST_LINE:
                self._told.clear()
        for entry, last in over:
            _say(entry, ClaimAnswer(hold_seconds=last.hold_seconds, pool=last.pool))


def _deserted(waiting: Sequence[_Waiting], request: ClaimRequest) -> list[_Waiting]:
    """Requests in line that a worker has given up, as its new one says: nothing may be given to them."""
    if not request.answer_lost:
        return []
    return [one for one in waiting if one.asking.request.worker == request.worker and one.asking.request.room > 0]


def _say(entry: _Waiting, outcome: Any) -> None:
    try:
        entry.tell(outcome)
    except Exception:
        _logger.exception("A worker cannot be told what it got.")
