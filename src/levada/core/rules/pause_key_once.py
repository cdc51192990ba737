"""A pause with a key is one pause."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """The key of a pause works once: code that runs again after a resume does not stop at the same place again."""
    if wish.type is StateType.PAUSED and wish.pause_key is not None and wish.pause_key in run.pause_keys:
        return reject(f"{run.title} has been through the pause {wish.pause_key!r} already; it goes on.")
    return None


RULE = Rule("pause-key-once", Protects.DATA, _apply)
