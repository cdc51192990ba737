"""The one shape of every loop of the control plane.

A service has a name, a sentence that says what it does, a frozen configuration that is validated when the service is
made, and `run_once(now)`: one turn, that does what is due and says so in a `Result`. Everything else is here, once:
a thread, jittered intervals so that replicas do not march in step, waking on announcements, backoff and logging of
errors, and figures for metrics. A turn must be safe while the same service runs on any number of replicas, and must
leave nothing half done when its process is killed: it locks what it changes and does it in one transaction.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from msgspec import Struct, field

from levada.core.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

_dice = random.Random()
# Of its own: programs seed the shared one, and their numbers must not depend on what happens beside them.

_logger = logging.getLogger(__name__)

STOP_SECONDS = 1.0
"""How long a service may take to stop; a turn that takes longer looks at `stopping` on its way."""

FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 5.0
"""Seconds between two turns while turns fail: an outage that ends is noticed within this time."""


class ServiceConfig(Struct, frozen=True, kw_only=True):
    """How a loop turns; services with more to configure add fields.

    Attributes:
        interval: seconds between two turns when nobody wakes it.
        jitter: part of the interval by which each one varies, 0 to 1.
        gap: least seconds between two turns, however often it is woken.
    """

    interval: float
    jitter: float = 0.1
    gap: float = 0.0

    def validate(self) -> None:
        """Do nothing when the values make sense.

        Raises:
            ConfigurationError: one does not; the message names it.
        """
        if not 0 < self.interval < float("inf"):
            raise ConfigurationError(f"The interval of a service is a number of seconds above 0, got {self.interval}.")
        if not 0 <= self.jitter <= 1:
            raise ConfigurationError(f"The jitter of a service is a part of its interval, 0 to 1, got {self.jitter}.")
        if not 0 <= self.gap <= self.interval:
            raise ConfigurationError(
                f"The gap of a service is 0 to its interval of {self.interval} seconds, got {self.gap}."
            )


class Result(Struct, frozen=True, kw_only=True):
    """What one turn did.

    Attributes:
        done: how many things were done.
        more: there is more to do now, so that the next turn begins at once.
        next_in: seconds after which something will be due, when that is sooner than the interval.
        counts: figures by name, for people and metrics.
    """

    done: int = 0
    more: bool = False
    next_in: float | None = None
    counts: dict[str, int] = field(default_factory=dict)


class ServiceFigures(Struct):
    """What metrics and `levada server services ls` say of a service in this process.

    Attributes:
        runs: turns that were made, those that failed included.
        failures: turns that ended in an error.
        failing: turns in a row, up to now, that failed.
        done: things done in all turns.
        seconds: time spent in turns.
        last_seconds: time the last turn took.
        last_run: moment of the last turn, seconds since 1970.
        last_success: moment of the last turn that did not fail.
        last_result: what the last such turn did.
        last_error: the error of the last turn that failed.
        counts: the figures of all results, added up.
    """

    runs: int = 0
    failures: int = 0
    failing: int = 0
    done: int = 0
    seconds: float = 0.0
    last_seconds: float = 0.0
    last_run: float | None = None
    last_success: float | None = None
    last_result: Result | None = None
    last_error: str | None = None
    counts: dict[str, int] = field(default_factory=dict)


Config = TypeVar("Config", bound=ServiceConfig)


class Service(ABC, Generic[Config]):
    """One loop of the control plane.

    Args:
        plane: what it works on.
        config: how; checked here.

    Raises:
        ConfigurationError: the configuration makes no sense.
    """

    name: ClassVar[str]
    does: ClassVar[str]
    """One sentence for people."""
    topics: ClassVar[frozenset[str]] = frozenset()
    """Announcements that wake it; see `levada.store.base.Transaction.announce`."""

    def __init__(self, plane: ControlPlane, config: Config) -> None:
        config.validate()
        self.plane = plane
        self.config = config
        self.figures = ServiceFigures()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    @abstractmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say."""

    @abstractmethod
    def run_once(self, now: int) -> Result:
        """Do what is due.

        Args:
            now: microseconds since 1970, as `moment` gives them.
        """

    def moment(self) -> int:
        """Microseconds since 1970 by the clock that this service compares with; the process's own unless overridden."""
        return time.time_ns() // 1000

    def wake(self) -> None:
        """Have the next turn begin soon: something happened. Safe from any thread, and cheap."""
        self._woken.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop; long turns look at it between two transactions."""
        return self._stopping.is_set()

    @property
    def running(self) -> bool:
        """Whether its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Run in a thread of its own until stopped; does nothing when it runs already."""
        if self.running:
            return
        self._stopping.clear()
        self._woken.clear()
        self._thread = threading.Thread(target=self._loop, name=f"levada-{self.name}", daemon=True)
        self._thread.start()

    def signal_stop(self) -> None:
        """Say that it should stop, without waiting; so that many services stop side by side."""
        self._stopping.set()
        self._woken.set()

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop, and wait for the turn that is under way; whether it ended within `timeout` seconds."""
        self.signal_stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                _logger.warning("Service %s is still in its last turn after %s s; left alone.", self.name, timeout)
                return False
        return True

    def turn(self) -> float:
        """Make one turn, whatever happens in it; seconds until the next."""
        figures = self.figures
        begun = time.perf_counter()
        figures.runs += 1
        figures.last_run = time.time()
        try:
            result = self.run_once(self.moment())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, counted, and the loop lives on
            pause = self._failed(error)
        else:
            pause = self._succeeded(result)
        figures.last_seconds = time.perf_counter() - begun
        figures.seconds += figures.last_seconds
        return pause

    def _succeeded(self, result: Result) -> float:
        figures = self.figures
        if figures.failing:
            _logger.info("Service %s works again, after %d turns that failed.", self.name, figures.failing)
        figures.failing = 0
        figures.done += result.done
        figures.last_success = time.time()
        figures.last_result = result
        for name, count in result.counts.items():
            figures.counts[name] = figures.counts.get(name, 0) + count
        if result.more:
            return 0.0
        # Jitter is no secret: it only keeps replicas from doing the same thing at the same moment.
        jitter = self.config.jitter * self.config.interval
        pause = self.config.interval + _dice.uniform(-jitter, jitter)
        return pause if result.next_in is None else max(0.0, min(pause, result.next_in))

    def _failed(self, error: Exception) -> float:
        figures = self.figures
        figures.failures += 1
        figures.failing += 1
        figures.last_error = f"{type(error).__name__}: {error}"
        # The first, second, fourth, … of a row is logged: an outage of an hour is no flood, and is never silent.
        if figures.failing & (figures.failing - 1) == 0:
            _logger.warning(
                "Service %s failed, %d times in a row now; it goes on trying: %s",
                self.name,
                figures.failing,
                figures.last_error,
                exc_info=None if isinstance(error, StoreUnavailable) else error,
            )
        backoff = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(figures.failing - 1, 10))
        return backoff * _dice.uniform(0.5, 1.0)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            # Cleared before the turn, so that what happens during it wakes the next one.
            self._woken.clear()
            pause = self.turn()
            if self.figures.failing:
                self._stopping.wait(pause)  # announcements do not hurry a service that fails
                continue
            if pause > 0:
                if self.config.gap:
                    self._stopping.wait(min(pause, self.config.gap))
                self._woken.wait(max(0.0, pause - self.config.gap))


class Described(Struct, frozen=True):
    """A service as lists show it."""

    name: str
    does: str
    interval: float
    """Seconds."""
    enabled: bool


def store_moment(plane: ControlPlane) -> Callable[[], int]:
    """The clock of the store: the one by which leases are stamped, and the same for all replicas."""

    def read() -> int:
        with plane.store.read() as transaction:
            return transaction.now

    return read
