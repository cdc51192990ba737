"""What one process hears of announcements, passed on to all who wait in it.

One listener on the store (`Store.listen`) serves any number of subscribers, in threads or in event loops. A subscriber
keeps a bounded set of what it has not looked at yet; repeated announcements are one. When the set overflows, or the
connection to the database was lost for a while, it is told only that it *missed* something and reads the tables again:
announcements wake, the tables tell. So nothing is ever lost here, and nobody who is slow makes anybody's memory grow.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from levada.store.base import Store

CAPACITY: Final = 256
"""Different announcements that a subscriber keeps; beyond it, it reads the tables again."""

_logger = logging.getLogger(__name__)


class Heard(Struct, frozen=True):
    """What a subscriber has not looked at yet.

    Attributes:
        said: topics and texts, each once, in the order in which they first came.
        missed: there was more than is kept, or the connection was away: read everything again.
    """

    said: tuple[tuple[str, str], ...] = ()
    missed: bool = False

    def __bool__(self) -> bool:
        return bool(self.said) or self.missed


class Subscription:
    """One who waits for announcements of some topics.

    Args:
        topics: which.
        notify: called, from the bus's thread, whenever something came; must be quick.
        capacity: how many different announcements are kept; 0 keeps none, for who needs only the notification.
    """

    def __init__(self, topics: Iterable[str], notify: Callable[[], object], capacity: int = CAPACITY) -> None:
        self.topics = frozenset(topics)
        self.capacity = capacity
        self.overflows = 0
        self._notify = notify
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], None] = {}
        self._missed = False

    def put(self, topic: str, text: str) -> None:
        """Keep an announcement, and notify; the topic `""` says that some may have been missed."""
        with self._lock:
            if not self.capacity:
                pass
            elif not topic:
                self._miss()
            elif not self._missed and (topic, text) not in self._said:
                if len(self._said) >= self.capacity:
                    self.overflows += 1
                    self._miss()
                else:
                    self._said[topic, text] = None
        self._notify()

    def take(self) -> Heard:
        """What came since the last time."""
        with self._lock:
            heard = Heard(tuple(self._said), self._missed)
            self._said, self._missed = {}, False
        return heard

    def keep(self, heard: Heard) -> None:
        """Take back what was taken and could not be looked at; nobody is notified."""
        with self._lock:
            said = {**dict.fromkeys(heard.said), **self._said}
            if heard.missed or self._missed or len(said) > self.capacity:
                self._miss()
            else:
                self._said = said

    @property
    def waiting(self) -> int:
        """How many announcements are kept at this moment."""
        return len(self._said)

    def _miss(self) -> None:
        self._said, self._missed = {}, True


class Bus:
    """The announcements of a store, heard once for a whole process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._stop: Callable[[], None] | None = None
        self._closed_overflows = 0
        self.heard = 0
        """Announcements that came."""

    def subscribe(self, topics: Iterable[str], notify: Callable[[], object], capacity: int = CAPACITY) -> Subscription:
        """Hear of these topics from now on; `unsubscribe` ends it. The first subscriber starts the listening."""
        subscription = Subscription(topics, notify, capacity)
        with self._lock:
            self._subscriptions = [*self._subscriptions, subscription]
            if self._stop is None:
                self._stop = self._store.listen(self._hear)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hear no more; twice does nothing."""
        with self._lock:
            if subscription in self._subscriptions:
                self._closed_overflows += subscription.overflows
                self._subscriptions = [each for each in self._subscriptions if each is not subscription]

    def close(self) -> None:
        """Stop listening; subscribers are notified that they miss things from now on."""
        with self._lock:
            stop, self._stop = self._stop, None
            subscriptions, self._subscriptions = self._subscriptions, []
        if stop is not None:
            stop()
        for subscription in subscriptions:
            _put(subscription, "", "")

    @property
    def subscribers(self) -> int:
        """How many subscribe now."""
        return len(self._subscriptions)

    @property
    def overflows(self) -> int:
        """How often a subscriber was sent back to the tables because it was slow."""
        return self._closed_overflows + sum(each.overflows for each in self._subscriptions)

    @property
    def fullness(self) -> float:
        """How full the fullest queue of a subscriber is, 0 to 1."""
        return max((each.waiting / each.capacity for each in self._subscriptions if each.capacity), default=0.0)

    def _hear(self, topic: str, text: str) -> None:
        self.heard += 1
        for subscription in self._subscriptions:
            if topic in subscription.topics or not topic:
                _put(subscription, topic, text)


def _put(subscription: Subscription, topic: str, text: str) -> None:
    try:
        subscription.put(topic, text)
    except Exception:
        # One subscriber's loop may be closing; that is no reason for others to hear nothing.
        _logger.exception("A subscriber could not be notified of %r.", topic)
