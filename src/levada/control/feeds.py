"""News of one kind, read once for all who follow it in this process.

The life of a piece of news: something is announced → the feed's thread reads what is new from the tables → it stands
in a ring of bounded length → followers whose filter it passes are notified and take it from there. A follower is a
place in the ring and nothing more: one that is slow, or idle, costs no memory. When the ring has run past its place it
reads on from the tables (`Feed.since`), by the id of the last it had; so does one that comes back.

A feed has a thread only while somebody follows it. It looks at the tables once a second without being woken, because
an announcement may be lost with a connection, and because other processes that share a SQLite file announce nothing.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from levada.core.faults import armed, reach

if TYPE_CHECKING:
    from levada.control.bus import Bus, Heard, Subscription
    from levada.store.base import Store, Transaction

RING: Final = 4096
"""Pieces of news that a feed keeps at hand."""

GAP_SECONDS: Final = 0.05
"""Announcements within this time are answered by one look at the tables."""

LOOK_SECONDS: Final = 1.0
"""How often the tables are looked at when nothing is announced."""

PAGE: Final = 500
"""Rows of one reading."""

_logger = logging.getLogger(__name__)


class News(NamedTuple):
    """One piece of news.

    Attributes:
        id: by which a follower resumes after it.
        kind: `event`, `log`, `flow-run` or `task-run`.
        value: the event, the line, or the run as it is now.
    """

    id: str
    kind: str
    value: Any


class Wanted(Protocol):
    """Which news somebody follows."""

    def __call__(self, news: News) -> bool:
        """Whether this piece is wanted."""
        ...


W = TypeVar("W", bound=Wanted)


class Follower(Generic[W]):
    """One who follows a feed: a place in its ring.

    Args:
        wanted: which news.
        place: number of the next piece to take.
        notify: called from the feed's thread when something wanted came; must be quick.
    """

    def __init__(self, wanted: W, place: int, notify: Callable[[], object]) -> None:
        self.wanted = wanted
        self.place = place
        self.notify = notify


class Feed(ABC, Generic[W]):
    """News of one kind.

    Args:
        store: where they are read.
        bus: what wakes the reading.
        ring: how many pieces are kept at hand.
    """

    topics: frozenset[str]

    def __init__(self, store: Store, bus: Bus, ring: int = RING) -> None:
        self.store = store
        self.overflows = 0
        """How often a follower was sent back to the tables because the ring had run past it."""
        self._closing = threading.Event()
        self._bus = bus
        self._ring: deque[News] = deque(maxlen=ring)
        self._end = 0
        self._lock = threading.Lock()
        self._followers: list[Follower[W]] = []
        self._woken = threading.Event()
        self._failing = False
        self.marked = ""
        """The id by which one resumes who has taken everything there is."""
        self._thread: threading.Thread | None = None

    @abstractmethod
    def begin(self, transaction: Transaction) -> None:
        """Take the present as the beginning: what is read from now on is what comes after it."""

    @abstractmethod
    def read(self, transaction: Transaction, heard: Heard, wanted: Sequence[W]) -> list[News]:
        """What is new, in order, each piece once; `heard` says where to look, an empty one says look by yourself."""

    @abstractmethod
    def since(self, transaction: Transaction, last: str, wanted: W, limit: int) -> tuple[list[News], str | None]:
        """What came after the piece with this id, read from the tables; and where to read on, None at the end."""

    @abstractmethod
    def mark(self) -> str:
        """The id by which one resumes who has had everything that was read up to now."""

    @property
    def closed(self) -> bool:
        """Whether it tells no more."""
        return self._closing.is_set()

    @property
    def followers(self) -> int:
        """How many follow now."""
        return len(self._followers)

    def follow(self, wanted: W, notify: Callable[[], object]) -> Follower[W]:
        """Follow from now on; `leave` ends it.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        with self._lock:
            if self._thread is None and not self.closed:
                # First of all, so that nothing is announced between the beginning and the first who hears it.
                subscription = self._bus.subscribe(self.topics, self._woken.set)
                try:
                    with self.store.read() as transaction:
                        self.begin(transaction)
                except BaseException:
                    self._bus.unsubscribe(subscription)
                    raise
                self._ring.clear()
                self.marked = self.mark()
                self._thread = threading.Thread(
                    target=self._loop, args=(subscription,), name=f"levada-feed-{type(self).__name__}", daemon=True
                )
                self._thread.start()
            follower = Follower(wanted, self._end, notify)
            self._followers = [*self._followers, follower]
        return follower

    def leave(self, follower: Follower[W]) -> None:
        """Follow no more; twice does nothing."""
        with self._lock:
            self._followers = [each for each in self._followers if each is not follower]
        self._woken.set()

    def take(self, follower: Follower[W], limit: int = 256) -> tuple[list[News], bool]:
        """What a follower has not had yet, and whether the ring ran past it: then it must read on with `since`."""
        with self._lock:
            missed = follower.place < self._end - len(self._ring)
            if missed:
                self.overflows += 1
                follower.place = self._end
                return [], True
            first = len(self._ring) - (self._end - follower.place)
            pending = [self._ring[number] for number in range(first, len(self._ring))]
        taken: list[News] = []
        for news in pending:
            if len(taken) == limit:
                break
            follower.place += 1
            if follower.wanted(news):
                taken.append(news)
        return taken, False

    def catch_up(self, last: str, wanted: W) -> Iterator[list[News]]:
        """Everything after the piece with this id, in pages, up to now."""
        place: str | None = last
        while place is not None and not self.closed:
            with self.store.read() as transaction:
                news, place = self.since(transaction, place, wanted, PAGE)
            if news:
                yield news

    def close(self) -> None:
        """Let every follower go."""
        self._closing.set()
        self._woken.set()
        for follower in self._followers:
            _tell(follower)

    def _loop(self, subscription: Subscription) -> None:
        try:
            while True:
                self._woken.wait(LOOK_SECONDS)
                self._woken.clear()
                with self._lock:
                    if self.closed or not self._followers:
                        self._thread = None
                        return
                heard = subscription.take()
                if not self._turn(heard):
                    subscription.keep(heard)  # a late line of log is found by its announcement alone
                if heard:
                    self._closing.wait(GAP_SECONDS)
        finally:
            self._bus.unsubscribe(subscription)

    def _turn(self, heard: Heard) -> bool:
        """Read and pass on what is new; False when it cannot be read now."""
        followers = self._followers
        try:
            if armed:
                reach("control.feeds.before_read")
            with self.store.read() as transaction:
                news = self.read(transaction, heard, [follower.wanted for follower in followers])
        except Exception as error:
            # Followers stay; the next look reads on from the same place.
            if not self._failing:
                _logger.warning("News cannot be read now, and will be: %s", error, exc_info=error)
            self._failing = True
            return False
        self._failing = False
        with self._lock:
            self._ring.extend(news)
            self._end += len(news)
            self.marked = self.mark()
        for follower in followers:
            if any(follower.wanted(each) for each in news):
                _tell(follower)
        return True


def _tell(follower: Follower[Any]) -> None:
    try:
        follower.notify()
    except Exception:
        # Its event loop may be closing; that is no reason for others to hear nothing.
        _logger.exception("A follower could not be notified.")
