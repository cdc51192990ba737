"""What all runs of this process share: home, settings, clock, journal, results.

One session per process, built on the first run (by `levada.session`, which knows how) and replaced in tests. Code
reads no global but this one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from levada.core.clock import Clock
    from levada.wire.records import Record


class Journal(Protocol):
    """Where records go. Appending never blocks on a network and never raises for a full disk."""

    @property
    def writer(self) -> bytes:
        """16-byte id of this stream of records."""
        ...

    def append(self, record: Record) -> None:
        """Append one record; on return it survives the death of this process (see the durability setting)."""
        ...

    def close(self) -> None:
        """Close the stream; the lock on it is given up."""
        ...


class Limits(Protocol):
    """Concurrency slots, as the engine needs them: asked for, renewed, given back."""

    def acquire(
        self,
        names: list[str],
        slots: int,
        *,
        strict: bool,
        timeout: float | None,
        run: bytes | None,
        task: bytes | None,
    ) -> Any:
        """Wait for slots in all the named limits; returns a lease, or None when no such limit exists."""
        ...

    async def aacquire(
        self,
        names: list[str],
        slots: int,
        *,
        strict: bool,
        timeout: float | None,
        run: bytes | None,
        task: bytes | None,
    ) -> Any:
        """`acquire` for coroutines."""
        ...

    def any(self, names: list[str]) -> bool:
        """Whether some of these limits exist; cheap, because it is asked for every tagged task."""
        ...

    def release(self, lease: Any) -> None:
        """Give the slots back."""
        ...


def _nothing() -> None:
    """There is nothing to prepare."""


class Session:
    """The process-wide parts that runs are made with."""

    def __init__(
        self,
        *,
        home: Path,
        settings: Any,
        clock: Clock,
        journal: Journal,
        results: Any,
        new_id: Callable[[], bytes],
        limits: Callable[[], Limits],
        on_run: Callable[[], None] = _nothing,
        version: str = "",
    ) -> None:
        self.home = home
        self.settings = settings
        self.clock = clock
        self.journal = journal
        self.results = results
        self.new_id = new_id
        self.limits = limits
        self.on_run = on_run
        """Called before each flow run: makes the journal ready, the logging, the mailbox."""
        self.version = version
        self.on_close: list[Callable[[], object]] = []
        """What gives the session's parts up, in order."""
        self.parts: dict[str, Any] = {}
        """What other rooms hang onto the session: made once, shared by all runs."""

    def close(self) -> None:
        """Give everything up that the session holds: its journal, its thread. May be called again."""
        while self.on_close:
            self.on_close.pop(0)()


_current: Session | None = None
_factory: Callable[[], Session] | None = None


def current() -> Session:
    """The session of this process; built when first asked for."""
    global _current  # noqa: PLW0603 - the one global, see the module's docstring
    if _current is None:
        if _factory is None:
            # The composition root stands above the engine; it is named here, not imported, and sets the factory.
            import_module("levada.session")
        assert _factory is not None
        _current = _factory()
    return _current


def existing() -> Session | None:
    """The session of this process, if one was built."""
    return _current


def replace(session: Session | None) -> Session | None:
    """Put another session in place; returns the one that was there."""
    global _current
    before, _current = _current, session
    return before


def set_factory(factory: Callable[[], Session]) -> None:
    """Say how a session is built when one is first needed."""
    global _factory  # noqa: PLW0603
    _factory = factory
