"""What the law looks at, and what it says."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from levada.core.states import DEFAULT_NAMES, FINAL_TYPES, StateType, datetime_of


class RunFacts(Struct, frozen=True, kw_only=True):
    """What is known of a run when something is decided about it. Times are microseconds since 1970.

    Attributes:
        title: how sentences call it, e.g. ``Flow run 'misty-otter'``.
        now: the moment of the decision, by the store's clock.
        state, name: the present state; None when nothing of it has arrived.
        epoch: the newest.
        executing: a process that is not known to be gone has it, or a worker is starting one.
        opens: the epoch that the process of a worker is about to open; None when none is.
        keeps_result: it completed with a result that is kept.
        scheduled_for: the moment it waits for.
        pause_until: when its pause ends in failure; None when it may last for ever.
        pause_keys: of pauses that it has been through.
        wishes: transition ids of what was decided about it.
        is_subflow: another run called it.
        parent: of a task run, the state of its flow run; None when there is none.
    """

    title: str
    now: int
    state: StateType | None
    name: str | None = None
    epoch: int = 1
    executing: bool = False
    opens: int | None = None
    keeps_result: bool = False
    scheduled_for: int | None = None
    pause_until: int | None = None
    pause_keys: frozenset[str] = frozenset()
    wishes: frozenset[str] = frozenset()
    is_subflow: bool = False
    parent: StateType | None = None

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL_TYPES

    @property
    def standing(self) -> str:
        """Title and state, as the beginning of a sentence."""
        return f"{self.title} is {self.name or 'in no state yet'}"


class Wish(Struct, frozen=True, kw_only=True):
    """A state that somebody wants a run to enter; fields as in `levada.wire.changes.ProposedState`.

    Attributes:
        scheduled_for: the moment that a Scheduled state waits for.
        pause_until: when the pause that is asked for ends in failure.
        again: it is a retry: the run is to be run again.
    """

    type: StateType
    name: str
    message: str | None = None
    scheduled_for: int | None = None
    pause_key: str | None = None
    pause_until: int | None = None
    transition_id: str | None = None
    force: bool = False
    again: bool = False
    epoch: int | None = None
    details: dict[str, Any] = {}

    @property
    def is_default_name(self) -> bool:
        """Whether the state is called as its type."""
        return self.name == DEFAULT_NAMES[self.type]

    def become(self, **changes: Any) -> Wish:
        """The wish with other fields."""
        return replace(self, **changes)


class Effect(enum.Enum):
    """What a state that is entered does beside being the state."""

    CLOSES = "closes"
    """It ends the epoch: what a process still records of it is history."""
    REOPENS = "reopens"
    """It begins the next epoch, which no process owns yet."""
    TELLS = "tells"
    """The process that executes the run must be told."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a wish.

    Attributes:
        status: `accept`, `reject`, `wait` or `abort`; see `levada.wire.changes.Decision`.
        rule: the name of the rule that decided; None for a plain yes.
        reason: one sentence for people; None for a plain yes.
        retry_after: of a `wait`, seconds.
        state: what the run enters; None when nothing changes.
        effects: what follows from entering it.
    """

    status: str
    rule: str | None = None
    reason: str | None = None
    retry_after: float | None = None
    state: Wish | None = None
    effects: frozenset[Effect] = frozenset()


class Protects(enum.Enum):
    """What a rule is there for; `force` passes over those that only protect people."""

    DATA = "data"
    PEOPLE = "people"


class Rule(Struct, frozen=True):
    """A paragraph of the law.

    Attributes:
        name: as refusals give it.
        protects: what from.
        apply: lets a wish pass (None), puts another one in its place, or decides it.
    """

    name: str
    protects: Protects
    apply: Callable[[RunFacts, Wish], Wish | Verdict | None]

    @property
    def says(self) -> str:
        """What the rule says, in one sentence."""
        return (self.apply.__doc__ or "").strip().splitlines()[0]


def reject(reason: str, state: Wish | None = None) -> Verdict:
    """The wish is not followed; another state is entered, or the present one stays."""
    return Verdict(status="reject", reason=reason, state=state)


def abort(reason: str) -> Verdict:
    """The wish is not followed, and never will be."""
    return Verdict(status="abort", reason=reason)


def as_it_is(reason: str) -> Verdict:
    """What is wished for is there already; nothing changes."""
    return Verdict(status="accept", reason=reason)


def clock(moment: int) -> str:
    """A moment, for people."""
    return f"{datetime_of(moment):%Y-%m-%d %H:%M:%S} UTC"
