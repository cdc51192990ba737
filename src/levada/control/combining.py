"""Wishes that arrive while others are carried out are carried out together, in one transaction.

A transaction costs the same whether it changes one run or fifty: it begins, locks, commits, announces. So there is one
at a time, and whoever comes meanwhile waits in a bounded line and goes with the next one. Where nobody else is at work,
nobody waits: the thread that asks carries its wish out itself. Under load a thread of the combiner does, so that those
who ask from an event loop need no thread of their own each. An answer is given after the commit, never before.

One wish cannot hurt another: what is refused is its own answer (`levada.control.sheet`), and when the database breaks a
common transaction off because of one of them, each is carried out by itself.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, Final, Generic, TypeVar

from levada.core.errors import StoreUnavailable, TooManyRequests

W = TypeVar("W")

Tell = Callable[[Any], None]
"""Told what became of a wish: its answer, or the error."""

MOST_TOGETHER: Final = 64
"""Wishes of one transaction: enough to share its costs among, few enough that nobody waits long for it."""

LONGEST_LINE: Final = 1000
"""Wishes that may wait; more are sent away."""

LINGER: Final = 1.0
"""Seconds after which the thread ends when nothing comes."""

_logger = logging.getLogger(__name__)


class Combiner(Generic[W]):
    """A line of wishes, and who carries them out.

    Safe to use from many threads; a forked child begins with an empty line.

    Args:
        carry_out: does some wishes in one transaction and returns, after the commit, the answer or error of each. With
            one wish it may raise the error as well. What it raises for several was nobody's: nothing is stored.
        most_together: how many at once.
        longest_line: how many may wait.
    """

    _busy: bool
    """Whether somebody carries wishes out: a thread that asked, or the combiner's own."""
    _mine: bool
    """Whether that is, or is about to be, the combiner's own thread."""
    _ending: bool
    """Whether the combiner's own thread is to end when the line is empty."""

    def __init__(
        self,
        carry_out: Callable[[Sequence[W]], Sequence[Any]],
        most_together: int = MOST_TOGETHER,
        longest_line: int = LONGEST_LINE,
    ) -> None:
        self._carry_out = carry_out
        self.most_together = most_together
        self.longest_line = longest_line
        self.done = 0
        """Wishes that were answered, ever."""
        self.rounds = 0
        """How often some were carried out together."""
        self.refused = 0
        """Wishes that were sent away because the line was full, ever."""
        self._begin()

    @property
    def waiting(self) -> int:
        """Wishes in line."""
        return len(self._line)

    def do(self, wish: W) -> Any:
        """Have a wish carried out; its answer.

        Raises:
            TooManyRequests: the line is full.
            StoreUnavailable: the database cannot be reached.
            Exception: whatever is the wish's own error.
        """
        if self._process != os.getpid():
            self._begin()
        place = None
        with self._lock:
            if self._busy:
                place = _Place()
                self._enter(wish, place.tell)
            else:
                self._busy = True
        if place is not None:
            outcome = place.wait()
        else:
            try:
                (outcome,) = self._outcomes([wish])
            finally:
                with self._lock:
                    self._go_on()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def offer(self, wish: W, tell: Tell) -> None:
        """Have a wish carried out by another thread.

        Args:
            wish: what is to be done.
            tell: called from that thread with the answer or the error, once it is committed; must be quick.

        Raises:
            TooManyRequests: the line is full.
        """
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            self._enter(wish, tell)
            if not self._busy:
                self._busy = True
                self._go_on()

    def close(self) -> None:
        """Wait until everything in line is done, and end the thread; it begins anew with the next wish."""
        if self._process != os.getpid():
            return
        with self._lock:
            thread = self._thread
            self._ending = True
            self._wake.notify_all()
        if thread is not None:
            thread.join()
        with self._lock:
            self._ending = False

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._line: deque[tuple[W, Tell]] = deque()
        self._busy = self._mine = self._ending = False
        self._thread: threading.Thread | None = None

    def _enter(self, wish: W, tell: Tell) -> None:
        """Stand in line; the lock is held."""
        if len(self._line) >= self.longest_line:
            self.refused += 1
            raise TooManyRequests(
                f"{self.longest_line} changes of flow runs wait to be carried out already; ask again later."
            )
        self._line.append((wish, tell))

    def _go_on(self) -> None:
        """See to it that the line is served, by the combiner's thread, or that the next one serves itself."""
        if not self._line:
            self._busy = False
            return
        self._mine = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="levada-wishes", daemon=True)
            self._thread.start()
        else:
            self._wake.notify()

    def _serve(self) -> None:
        while True:
            with self._lock:
                while not self._mine:
                    if self._ending or (not self._wake.wait(LINGER) and not self._mine):
                        self._thread = None
                        return
                batch = [self._line.popleft() for _ in range(min(len(self._line), self.most_together))]
            try:
                outcomes = self._outcomes([wish for wish, _ in batch])
            except BaseException as problem:  # noqa: BLE001 - told to all who wait, who raise it
                outcomes = list(repeat(problem, len(batch)))
            if isinstance(outcomes[0], StoreUnavailable) and len(set(map(type, outcomes))) == 1:
                # Those who wait would be told the same, each of them only after another attempt to connect.
                with self._lock:
                    behind, self._line = list(self._line), deque()
                batch += behind
                outcomes += [_the_same(outcomes[0]) for _ in behind]
            for (_, tell), outcome in zip(batch, outcomes, strict=True):
                try:
                    tell(outcome)
                except Exception:
                    _logger.exception("Somebody cannot be told what became of a wish.")
            with self._lock:
                if not self._line:
                    self._busy = self._mine = False

    def _outcomes(self, wishes: list[W]) -> list[Any]:
        """The answer or error of each."""
        self.rounds += 1
        self.done += len(wishes)
        try:
            return list(self._carry_out(wishes))
        except StoreUnavailable as away:
            return [away, *(_the_same(away) for _ in wishes[1:])]
        except Exception as problem:
            if len(wishes) == 1:
                return [problem]
            _logger.warning(
                "%d changes of flow runs cannot be made together; each is made by itself.", len(wishes), exc_info=True
            )
        return [self._alone(wish) for wish in wishes]

    def _alone(self, wish: W) -> Any:
        try:
            (outcome,) = self._carry_out([wish])
        except Exception as problem:  # noqa: BLE001 - it is the answer
            return problem
        return outcome


def _the_same(away: StoreUnavailable) -> StoreUnavailable:
    """An error of one's own for each: an error that many raise at the same time would collect all their tracebacks."""
    another = StoreUnavailable(str(away))
    another.__cause__ = away
    return another


class _Place:
    """Where a thread waits for what became of its wish."""

    __slots__ = ("_closed", "_outcome")

    def __init__(self) -> None:
        self._closed = threading.Lock()
        self._closed.acquire()
        self._outcome: Any = None

    def tell(self, outcome: Any) -> None:
        self._outcome = outcome
        self._closed.release()

    def wait(self) -> Any:
        with self._closed:
            return self._outcome
