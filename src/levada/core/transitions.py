"""The law of states: which state may follow which.

The engine asks before it writes, ingest asks before it believes. `rank` orders two states of one run when their
records arrive in any order.
"""

from __future__ import annotations

from levada.core.states import FINAL_TYPES, StateType

_S = StateType
_FROM_ACTIVE = FINAL_TYPES

ALLOWED: dict[StateType, frozenset[StateType]] = {
    _S.SCHEDULED: frozenset({_S.SCHEDULED, _S.PENDING, _S.RUNNING, _S.CANCELLING, _S.PAUSED}) | _FROM_ACTIVE,
    _S.PENDING: frozenset({_S.PENDING, _S.RUNNING, _S.SCHEDULED, _S.CANCELLING, _S.PAUSED}) | _FROM_ACTIVE,
    _S.RUNNING: frozenset({_S.RUNNING, _S.SCHEDULED, _S.PENDING, _S.PAUSED, _S.CANCELLING}) | _FROM_ACTIVE,
    _S.PAUSED: frozenset({_S.PAUSED, _S.RUNNING, _S.SCHEDULED, _S.CANCELLING}) | _FROM_ACTIVE,
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.CRASHED}),
    _S.COMPLETED: frozenset({_S.SCHEDULED, _S.PENDING, _S.RUNNING, _S.COMPLETED}),
    _S.FAILED: frozenset({_S.SCHEDULED, _S.PENDING, _S.RUNNING}),
    _S.CANCELLED: frozenset({_S.SCHEDULED, _S.PENDING, _S.RUNNING}),
    _S.CRASHED: frozenset({_S.SCHEDULED, _S.PENDING, _S.RUNNING}),
}
"""Leaving a final state means running again; a completed run may still be renamed RolledBack."""


def may_follow(before: StateType | None, after: StateType) -> bool:
    """Whether a run in `before` (None: it is new) may enter `after`."""
    return before is None or after in ALLOWED[before]
