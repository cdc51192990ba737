"""Bodies of requests that are not the argument of a verb itself, and answers that are not its value itself.

How a verb of `levada.wire.verbs` becomes a request: the path is the one of its docstring, under ``/api``. A name or id
in braces is written by `levada.wire.paths.segment`. An argument that is a Struct or a list of them is the body; the
others are then query parameters (times in ISO 8601, UTC), left out when they have their default. Without such an
argument the body of a POST, PUT or PATCH is an object of the arguments by name, as below. `by` and `created_by` are
not sent: the server knows who asks. Ids are UUID text.

How an answer becomes its value: a number is the `count` of a `Count`; True is 204, False (and None of a verb that
looks for one thing) is 404; None is 204; a pair or a union has a Struct below.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from levada.core.limits import LEASE_SECONDS, MOST_URGENT, Asker, Grant, Verdict
from levada.wire.objects import ApiKeyView

MOST_COUNTED = 10_000_000
"""The highest bound of a count over HTTP; asking for it is asking for the whole number."""

_Name = Annotated[str, Meta(min_length=1, max_length=500)]
_Names = Annotated[list[_Name], Meta(max_length=1000)]
_Slots = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Decay = Annotated[float, Meta(ge=0, le=1e12)]


class GivenInputs(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a paused run is given when it goes on."""

    inputs: dict[str, Any] | None = None


class ForkChoice(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks of a run its fork runs again, by their keys or by ids of task runs, and with which version."""

    task_keys: _Names = field(default_factory=list)
    latest: bool = False


class AwaitedRuns(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Flow runs whose end is waited for."""

    runs: Annotated[list[UUID], Meta(max_length=200)]
    wait: float = 0.0


class GivenVariable(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A variable's value, and whether it may take the place of another."""

    value: Any
    tags: list[str] | None = None
    overwrite: bool = False


class VariableChange(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What to change of a variable; what is absent stays."""

    value: Any | UnsetType = UNSET
    tags: list[str] | None = None
    new_name: str | None = None


class NewLimit(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A concurrency limit to be made."""

    name: _Name
    slots: _Slots
    active: bool = True
    decay: _Decay = 0.0


class GivenLimit(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A concurrency limit as it should be, whether or not there is one; what is None stays as it is."""

    slots: _Slots
    active: bool | None = None
    decay: _Decay | None = None


class LimitChange(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What to change of a concurrency limit; what is None stays."""

    slots: _Slots | None = None
    active: bool | None = None
    decay: _Decay | None = None


class LimitNames(Struct, forbid_unknown_fields=True):
    """Names of concurrency limits."""

    names: _Names


class SlotsLook(Struct, omit_defaults=True):
    """Whether slots could be had."""

    names: _Names
    slots: int
    lease: UUID | None = None


class SlotsAsker(Struct, omit_defaults=True):
    """Who wants slots; see `levada.core.limits.Asker`."""

    writer: UUID | None = None
    run: UUID | None = None
    task: UUID | None = None
    owner: str = ""
    priority: Annotated[int, Meta(ge=-MOST_URGENT, le=MOST_URGENT)] = 0

    @classmethod
    def of(cls, asker: Asker) -> SlotsAsker:
        """The asker, to be sent."""
        return cls(_uuid(asker.writer), _uuid(asker.run), _uuid(asker.task), asker.owner, asker.priority)

    def value(self) -> Asker:
        """The asker that was sent."""
        return Asker(_raw(self.writer), _raw(self.run), _raw(self.task), self.owner, self.priority)


class SlotsAsked(Struct, omit_defaults=True):
    """Slots to be taken in all the limits, or in none.

    Attributes:
        wait: seconds to wait for a slot before the answer says no; 30 are the most, and only who gave a `lease` waits.
    """

    names: _Names
    slots: int
    asker: SlotsAsker = field(default_factory=SlotsAsker)
    strict: bool = True
    lease: UUID | None = None
    lease_seconds: Annotated[float, Meta(gt=0, le=86_400.0)] = LEASE_SECONDS
    wait: Annotated[float, Meta(ge=0, le=30.0)] = 0.0


class SlotsPoured(Struct, omit_defaults=True):
    """Slots to be used up in the buckets of limits, which run out by themselves."""

    names: _Names
    slots: int
    strict: bool = True


class SlotsRenewed(Struct, omit_defaults=True):
    """Slots to be held for longer."""

    names: _Names
    slots: int
    asker: SlotsAsker = field(default_factory=SlotsAsker)
    lease_seconds: Annotated[float, Meta(gt=0, le=86_400.0)] = LEASE_SECONDS


class SlotsAnswer(Struct, omit_defaults=True):
    """Slots that were given, or why not.

    Attributes:
        granted: whether they were given (or, when only looked for, could be).
        lease: what to renew and release.
        names: the limits in which slots are held.
        slots: how many in each.
        full: the limits that have no room.
        retry_after: seconds after which a bucket will have run out far enough, if only that is missing.
        look_again: seconds after which it makes sense to look again.
    """

    granted: bool
    lease: UUID | None = None
    names: list[str] = field(default_factory=list)
    slots: int = 0
    full: list[str] = field(default_factory=list)
    retry_after: float | None = None
    look_again: float | None = None

    @classmethod
    def of(cls, answer: Grant | Verdict) -> SlotsAnswer:
        """The answer, to be sent."""
        if isinstance(answer, Grant):
            return cls(True, _uuid(answer.lease), list(answer.names), answer.slots)
        return cls(answer.granted, full=list(answer.full), retry_after=answer.retry_after, look_again=answer.look_again)

    def grant(self) -> Grant:
        """The grant that was sent."""
        return Grant(_raw(self.lease), tuple(self.names), self.slots)

    def verdict(self) -> Verdict:
        """The verdict that was sent."""
        return Verdict(tuple(self.full), self.retry_after, self.look_again)


class NewApiKey(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An API key to be made."""

    name: _Name
    scopes: list[str] = field(default_factory=lambda: ["*"])
    expires: datetime | None = None


class MadeApiKey(Struct):
    """An API key that was made; its text is shown this once."""

    key: ApiKeyView
    text: str


class SettingView(Struct, omit_defaults=True):
    """A setting as the server runs with it; secret ones have no value here, only whether they are set."""

    name: str
    value: Any
    source: str
    description: str
    secret: bool = False


class ServiceView(Struct, omit_defaults=True, kw_only=True):
    """A loop of the server, and how its turns in the answering process went."""

    name: str
    does: str
    state: str
    """`running`, `stopped` (it runs elsewhere, or nowhere), or `disabled` by settings."""
    interval_seconds: float
    runs: int = 0
    failures: int = 0
    done: int = 0
    last_run: datetime | None = None
    last_seconds: float | None = None
    last_error: str | None = None
    last_done: int | None = None
    last_counts: dict[str, int] = field(default_factory=dict)


class RetentionView(Struct, omit_defaults=True, kw_only=True):
    """How long the server keeps things, and what it last removed."""

    enabled: bool
    runs_days: float
    failed_runs_days: float
    logs_days: float
    events_days: float
    last_run: datetime | None = None
    last_result: Any = None


class Move(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Where a run that waits is to go; what is None stays.

    Attributes:
        priority: of the runs of one queue, those with a higher number are taken first.
        queue: of its pool.
    """

    priority: int | None = None
    queue: str | None = None


def _uuid(raw: bytes | None) -> UUID | None:
    return None if raw is None else UUID(bytes=raw)


def _raw(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes
