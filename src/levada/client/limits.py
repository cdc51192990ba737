"""Slots for the code of this process: waited for, held, renewed, given back.

`Slots` is what the engine asks for tagged tasks (`levada.engine.session.Limits`) and what `levada.concurrency` is made
of. Without a server who waits looks into the store every 2 to 50 ms, by how fast slots come and go there; a server
holds its answer back until there is a slot. Who waits is woken at once when slots come free in this process. A wait is
written once, as a generator that says what to do next; a sync and an async driver do it.

A server that is away stops nobody who holds slots: leases are renewed as soon as it is back, and after an outage it
gives every holder its time anew. Who asks for slots waits until it answers, with one warning.

Waiting for holders takes real time, even under a virtual clock: they are real threads and processes. Rate limits run by
the session's clock.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.client.keeper import Keeper
from levada.client.line import Lines, Place
from levada.client.waiting import Abandonable, CoroutinePlace, ThreadPlace, drive
from levada.core.clock import Clock
from levada.core.errors import AcquireConcurrencySlotTimeoutError, ServerUnavailable, StoreUnavailable, TooManyRequests
from levada.core.limits import LEASE_SECONDS, TAG_PREFIX, Asker, Grant, Verdict, new_lease
from levada.journal.layout import is_locked, trusted_roots

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from levada.wire.verbs import LimitVerbs, Plane

SHORTEST_POLL = 0.002
LONGEST_POLL = 0.05
LONGEST_POUR = 1.0
"""A wait for a rate limit looks again after so long, in case the limit was raised."""

SAY_SO_SECONDS = 0.5
"""A waiter says so often in the store that it still waits."""

REMEMBER_MISSING = 5.0
"""Seconds for which a limit that did not exist is not looked for again, where that is not an error."""

MOST_REMEMBERED = 10_000

SERVER_WAITS = 10.0
"""Seconds for which a server holds its answer back when there is no slot."""

AWAY_PAUSE = 1.0
"""Seconds after which a server that did not answer is asked again."""

TELL_AFTER = 1.0
"""Seconds after which the log says what is waited for."""

_log = logging.getLogger("levada.concurrency")


class Holding:
    """Slots that are held, or are about to be; `Slots.release` may be called at any moment, any number of times.

    Attributes:
        lease: 16-byte id, chosen before the slots are asked for.
        grant: what was given; None until then.
        asker: who holds them.
        lease_seconds: how long they are held without being renewed.
        lost: limits in which the slots were lost while they were held.
    """

    __slots__ = ("__weakref__", "asker", "grant", "lease", "lease_seconds", "lost", "names", "process", "slots")

    def __init__(self, names: Sequence[str], slots: int, asker: Asker, lease_seconds: float) -> None:
        self.lease = new_lease(time.time_ns() // 1000, os.urandom(8))
        self.names = tuple(names)
        self.slots = slots
        self.asker = asker
        self.lease_seconds = lease_seconds
        self.grant: Grant | None = None
        self.lost: tuple[str, ...] = ()
        self.process = os.getpid()

    @property
    def line(self) -> Hashable:
        """Those who want the same wait in the same line."""
        return frozenset(self.names), self.slots, self.asker.priority

    @property
    def shown(self) -> str:
        """The names of its limits, for people."""
        return ", ".join(repr(name) for name in self.names)


class Slots:
    """The concurrency slots of one process on one home.

    Args:
        home: the Levada home.
        writer: gives the id of this process's journal, whose lock shows others that the process lives.
        clock: what rate limits run by.
        plane: opens the control plane that keeps the limits; that of the home unless given.
        remote: whether that is a server elsewhere, which may be away for a while.
    """

    def __init__(
        self,
        home: Path,
        *,
        writer: Callable[[], bytes],
        clock: Clock,
        plane: Callable[[], Plane] | None = None,
        remote: bool = False,
    ) -> None:
        self.home = home
        self._open = plane
        self._remote = remote
        self._writer = writer
        self._clock = clock
        self._plane: Plane | None = None
        self._limits: LimitVerbs | None = None
        self._away = False
        self._closing: weakref.finalize[Any, Any] | None = None
        self._missing: dict[str, float] = {}
        self._seen: set[str] = set()
        self._proven: tuple[int, bytes] | None = None
        self._start()
        _all.add(self)

    def _start(self) -> None:
        """Begin with nothing held: at first, and in a forked child, whose parent holds what was held."""
        self._opening = threading.Lock()
        self._lines = Lines()
        self._keeper = Keeper(self)
        self._threads: ThreadPoolExecutor | None = None

    @property
    def limits(self) -> LimitVerbs:
        """The limits of the control plane; opened when first asked for."""
        if self._limits is None:
            with self._opening:
                if self._limits is None:
                    plane = self._plane = self._open() if self._open is not None else _of_home(self.home)
                    self._closing = weakref.finalize(self, plane.close)
                    self._limits = plane.limits
        return self._limits

    # What the engine asks for -----------------------------------------------------------------------------------

    def acquire(
        self,
        names: list[str],
        slots: int,
        *,
        strict: bool,
        timeout: float | None,
        run: bytes | None,
        task: bytes | None,
    ) -> Holding | None:
        """Wait for slots in all the named limits; None at once when none of them exists and that is no error.

        Raises:
            ConcurrencySlotAcquisitionError: a limit does not exist (and `strict`), or has too few slots for ever.
            AcquireConcurrencySlotTimeoutError: no slot came free in `timeout` seconds.
        """
        if not strict and self._known_missing(names):
            return None
        holding = self.prepare(names, slots, run=run, task=task)
        try:
            self.take(holding, strict=strict, timeout=timeout)
        except BaseException:
            self.release(holding)
            raise
        return holding if self._holds(holding, names) else None

    async def aacquire(
        self,
        names: list[str],
        slots: int,
        *,
        strict: bool,
        timeout: float | None,
        run: bytes | None,
        task: bytes | None,
    ) -> Holding | None:
        """`acquire` for coroutines; the store is asked in a thread."""
        if not strict and self._known_missing(names):
            return None
        holding = self.prepare(names, slots, run=run, task=task)
        try:
            await self.atake(holding, strict=strict, timeout=timeout)
        except BaseException:
            self.release(holding)
            raise
        return holding if self._holds(holding, names) else None

    def release(self, lease: Any) -> None:
        """Give the slots of a holding back. Never raises: what cannot be given back now is tried again later."""
        holding: Holding = lease
        self._keeper.let_go(holding)
        if holding.process != os.getpid() or (holding.grant is not None and holding.grant.lease is None):
            return
        try:
            self.forget(holding.lease)
        except Exception as problem:  # noqa: BLE001 - must not hide what the body raised; the lease ends in any case
            _log.warning("Slots of %s could not be given back and are tried again: %s", holding.shown, problem)
            self._keeper.release_later(holding.lease)

    async def arelease(self, lease: Any) -> None:
        """`release` for coroutines, in a thread; it is carried through even when this coroutine is cancelled."""
        try:
            released = self._in_thread(lambda: self.release(lease))
        except RuntimeError:  # the interpreter shuts down and starts no more threads
            self.release(lease)
        else:
            await released

    def any(self, names: Sequence[str]) -> bool:
        """Whether any of the limits exists, as far as was seen in the last seconds; costs a microsecond when not."""
        return not self._known_missing(names)

    # Steps of it, for blocks that must give back whatever happens ------------------------------------------------

    def prepare(
        self,
        names: Sequence[str],
        slots: int,
        *,
        run: bytes | None,
        task: bytes | None,
        owner: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        priority: int = 0,
    ) -> Holding:
        """A holding that holds nothing yet."""
        asker = Asker(self._proven_writer(), run, task, owner or f"{socket.gethostname()}:{os.getpid()}", priority)
        return Holding(names, slots, asker, lease_seconds)

    def take(self, holding: Holding, *, strict: bool, timeout: float | None, tries: int | None = None) -> None:
        """Wait until the holding holds its slots.

        Args:
            holding: what `prepare` made.
            strict: whether a limit that does not exist is an error.
            timeout: seconds to wait at most.
            tries: how many times to ask at most.
        """
        with ThreadPlace(self._lines, holding.line) as waiter:
            steps = self._until_granted(waiter.place, self._asking(holding, strict), timeout, tries, holding)
            drive(steps, waiter.sleep)
        self._keep(holding)

    async def atake(self, holding: Holding, *, strict: bool, timeout: float | None, tries: int | None = None) -> None:
        """`take` for coroutines; the store is asked in a thread."""
        async with CoroutinePlace(self._lines, holding.line) as waiter:
            asking = Abandonable(self._asking(holding, strict), lambda: self.release(holding))
            steps = self._until_granted(waiter.place, asking, timeout, tries, holding)
            try:
                await self._adrive(steps, waiter.sleep)
            except BaseException:
                # A thread may still be asking: it then gives back what it gets.
                asking.abandon()
                raise
        self._keep(holding)

    def pour(self, names: Sequence[str], slots: int, *, strict: bool, timeout: float | None) -> None:
        """Wait until rate limits let `slots` through.

        Raises:
            ConcurrencySlotAcquisitionError: a limit does not exist (and `strict`), or has no decay or too few slots.
            AcquireConcurrencySlotTimeoutError: they did not in `timeout` seconds.
        """
        place = self._lines.enter(("pour", frozenset(names), slots))
        try:
            drive(self._until_poured(place, names, slots, strict, timeout), self._clock.sleep)
        finally:
            self._lines.leave(place)

    async def apour(self, names: Sequence[str], slots: int, *, strict: bool, timeout: float | None) -> None:
        """`pour` for coroutines; the store is asked in a thread."""
        place = self._lines.enter(("pour", frozenset(names), slots))
        try:
            await self._adrive(self._until_poured(place, names, slots, strict, timeout), self._clock.asleep)
        finally:
            self._lines.leave(place)

    # What the keeper asks for ------------------------------------------------------------------------------------

    def renew(self, holding: Holding) -> tuple[str, ...]:
        """Hold for longer; the limits in which the slots are lost."""
        if holding.grant is None:
            return ()
        return self.limits.renew(holding.grant, holding.asker, lease_seconds=holding.lease_seconds)

    def forget(self, lease: bytes) -> None:
        """Release a lease, and wake who waits for it in this process."""
        self.limits.release(lease)
        self._lines.stir()

    # ---------------------------------------------------------------------------------------------------------------

    def _asking(self, holding: Holding, strict: bool) -> Callable[[], Grant | Verdict]:
        asked = 0.0

        def ask_server() -> Grant | Verdict:
            try:
                outcome = self.limits.acquire(
                    holding.names,
                    holding.slots,
                    holding.asker,
                    strict=strict,
                    lease=holding.lease,
                    lease_seconds=holding.lease_seconds,
                    wait=SERVER_WAITS,
                )
            except (ServerUnavailable, StoreUnavailable, TooManyRequests) as problem:
                self._note_away(problem)
                return Verdict(tuple(holding.names), None, AWAY_PAUSE)
            self._away = False
            if isinstance(outcome, Grant):
                holding.grant = outcome
            return outcome

        if self._remote:
            return ask_server

        def ask() -> Grant | Verdict:
            nonlocal asked
            # Between two entries in the list of those who wait, a look that writes nothing is enough; only who may
            # win takes the write lock.
            if time.monotonic() - asked < SAY_SO_SECONDS:
                verdict = self.limits.look(holding.names, holding.slots, holding.lease)
                if verdict.full:
                    return verdict
            asked = time.monotonic()
            outcome = self.limits.acquire(
                holding.names,
                holding.slots,
                holding.asker,
                strict=strict,
                lease=holding.lease,
                lease_seconds=holding.lease_seconds,
            )
            if isinstance(outcome, Grant):
                holding.grant = outcome
            return outcome

        return ask

    def _until_granted(
        self,
        place: Place,
        ask: Callable[[], Grant | Verdict],
        timeout: float | None,
        tries: int | None,
        holding: Holding,
    ) -> Generator[Any, Any, None]:
        """Yields what to call, and seconds to sleep, until slots are had."""
        started = time.monotonic()
        asked, told = 0, False
        while True:
            pause = LONGEST_POLL
            if self._lines.is_turn(place):
                outcome = yield ask
                if isinstance(outcome, Grant):
                    return
                pause = outcome.look_again or LONGEST_POLL
                asked += 1
                if tries is not None and asked > tries:
                    raise AcquireConcurrencySlotTimeoutError(_too_late(holding.shown, f"after {asked} attempts"))
            waited = time.monotonic() - started
            if timeout is not None and waited >= timeout:
                raise AcquireConcurrencySlotTimeoutError(_too_late(holding.shown, f"in {timeout:g} s"))
            if not told and waited >= TELL_AFTER:
                told = True
                _log.info("Waiting for %d slot(s) of concurrency limit %s.", holding.slots, holding.shown)
            yield pause if timeout is None else min(pause, timeout - waited)

    def _until_poured(
        self, place: Place, names: Sequence[str], slots: int, strict: bool, timeout: float | None
    ) -> Generator[Any, Any, None]:
        """Yields what to call, and seconds to sleep, until the slots are through."""
        clock = self._clock
        started = clock.monotonic()

        def ask() -> Grant | Verdict:
            try:
                outcome = self.limits.pour(names, slots, strict=strict, now_us=clock.now_us())
            except (ServerUnavailable, StoreUnavailable, TooManyRequests) as problem:
                if not self._remote:
                    raise
                self._note_away(problem)
                return Verdict(tuple(names), AWAY_PAUSE)
            self._away = False
            return outcome

        while True:
            needed = pause = SHORTEST_POLL
            if self._lines.is_turn(place):
                outcome = yield ask
                if isinstance(outcome, Grant):
                    return
                needed = LONGEST_POLL if outcome.retry_after is None else outcome.retry_after
                pause = min(LONGEST_POUR, max(SHORTEST_POLL, needed))
            if timeout is not None and clock.monotonic() - started + needed > timeout:
                shown = ", ".join(repr(name) for name in names)
                raise AcquireConcurrencySlotTimeoutError(_too_late(shown, f"in {timeout:g} s"))
            yield pause

    async def _adrive(self, steps: Generator[Any, Any, None], sleep: Callable[[float], Any]) -> None:
        reply: Any = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration:
                return
            reply = await (sleep(step) if isinstance(step, float) else self._in_thread(step))

    def _in_thread(self, call: Callable[[], Any]) -> Awaitable[Any]:
        """Ask the store in a thread of our own: the loop's may all be busy with code that waits for our slots."""
        import asyncio  # lazy: only async waiters pay for it

        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # lazy: only async waiters pay for it

            # A server holds its answers back, and each that waits for one keeps a thread.
            self._threads = ThreadPoolExecutor(32 if self._remote else 2, thread_name_prefix="levada-slots")
        return asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _known_missing(self, names: Sequence[str]) -> bool:
        """Whether none of the limits exists, as far as was seen in the last seconds."""
        now = time.monotonic()
        if all(self._missing.get(name, 0.0) > now for name in names):
            return True
        known = self._known(names)
        for name in names:
            if name in known:
                self._seen.add(name)
                self._missing.pop(name, None)
            else:
                self._missing[name] = now + REMEMBER_MISSING
        if len(self._missing) > MOST_REMEMBERED:
            self._missing.clear()
        return not known

    def _known(self, names: Sequence[str]) -> set[str]:
        if not self._remote:
            return self.limits.known(names) if (self.home / "levada.db").exists() else set()
        try:
            return self.limits.known(names)
        except (ServerUnavailable, StoreUnavailable, TooManyRequests) as problem:
            # A limit that was seen bounds its tasks also while nobody answers: they wait. The others run.
            self._note_away(problem)
            return {name for name in names if name in self._seen}

    def _note_away(self, problem: Exception) -> None:
        if not self._away:
            self._away = True
            _log.warning(
                "Concurrency limits cannot be asked for now; who needs slots waits until they can: %s", problem
            )

    def _holds(self, holding: Holding, names: Sequence[str]) -> bool:
        if holding.grant is not None and holding.grant.lease is not None:
            return True
        self._missing.update(dict.fromkeys(names, time.monotonic() + REMEMBER_MISSING))
        return False

    def _keep(self, holding: Holding) -> None:
        if holding.grant is not None and holding.grant.lease is not None:
            self._keeper.keep(holding)

    def _proven_writer(self) -> bytes | None:
        """This process's writer when its journal is locked, so that others can see whether it lives."""
        writer = self._writer()
        if self._proven != (os.getpid(), writer):
            if not any(is_locked(root / writer.hex()) for root in trusted_roots(self.home)):
                return None
            self._proven = (os.getpid(), writer)
        return writer

    def _after_fork(self) -> None:
        # What was open is the parent's: it is neither used nor closed here.
        if self._closing is not None:
            self._closing.detach()
            _of_parents.append(self._plane)
        self._plane = self._limits = self._closing = None
        self._start()


def _of_home(home: Path) -> Plane:
    from levada.control import ControlPlane  # lazy: where there are no limits, no database is loaded

    return ControlPlane(home)


def tag_limits(tags: Sequence[str]) -> list[str]:
    """The names of the limits that bound tasks of these tags."""
    return [TAG_PREFIX + tag for tag in tags]


def _too_late(shown: str, how_long: str) -> str:
    return (
        f"No slot of concurrency limit {shown} came free {how_long}. "
        "See who holds it with `levada concurrency-limit inspect`."
    )


_all: weakref.WeakSet[Slots] = weakref.WeakSet()
_of_parents: list[Any] = []


def _after_fork() -> None:
    for slots in list(_all):
        slots._after_fork()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
