"""Who asks, and what they may."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec import Struct

from levada.core.errors import NotPermitted, RequestInvalid

SCOPES: Final = {
    "*": "everything",
    "read": "look at everything but keys",
    "write": "change runs, variables, limits; includes `read`",
    "ingest": "report runs, as flows do; includes `read`",
    "admin": "keys, settings and services; includes `read`",
}
"""What a key can be good for."""

_READERS: Final = frozenset({"write", "ingest", "admin"})


class Principal(Struct, frozen=True):
    """Who asks. Users and roles of a later day are made of this, too.

    Attributes:
        name: for `created_by` and the log; empty for those who need not say who they are.
        kind: `anonymous`, `key`, `password` or `session`.
        scopes: what they may.
        key: of the API key they came with, themselves or through a session.
    """

    name: str = ""
    kind: str = "anonymous"
    scopes: frozenset[str] = frozenset({"*"})
    key: UUID | None = None

    def may(self, scope: str | None) -> bool:
        """Whether this is theirs to do."""
        if scope is None or "*" in self.scopes or scope in self.scopes:
            return True
        return scope == "read" and not self.scopes.isdisjoint(_READERS)

    def demand(self, scope: str | None) -> None:
        """Let them pass, or not.

        Raises:
            NotPermitted: they may not.
        """
        if not self.may(scope):
            theirs = ", ".join(sorted(self.scopes)) or "none"
            raise NotPermitted(
                f"This needs the scope {scope!r}; {self.name or 'this caller'} has: {theirs}. "
                "`levada server api-key create --scope` makes a key that may."
            )


EVERYBODY: Final = Principal()
"""Who asks a server that asks nobody who they are."""


def checked_scopes(scopes: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Scopes for a key, each once and in order.

    Raises:
        RequestInvalid: there is none of that name, or none at all.
    """
    strange = [scope for scope in scopes if scope not in SCOPES]
    if strange or not scopes:
        problem = f"there is no scope {strange[0]!r}" if strange else "a key needs a scope"
        raise RequestInvalid(f"Scopes: {problem}; there are: {', '.join(SCOPES)}.", (("$.scopes", problem),))
    return tuple(scope for scope in SCOPES if scope in scopes)
