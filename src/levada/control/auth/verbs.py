"""The verbs about who may ask, as a part of the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada.control.auth import keys, sessions
from levada.control.base import PlanePart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from levada.control.auth.principals import Principal
    from levada.wire.objects import ApiKeyView


class Admitting(PlanePart):
    """Keys and sessions; see `levada.wire.verbs.Administration` for those of them that travel."""

    def create_api_key(
        self, name: str, scopes: Sequence[str] = ("*",), expires: datetime | None = None
    ) -> tuple[ApiKeyView, str]:
        """Make an API key; its text is shown this once.

        Raises:
            RequestInvalid: name, scopes or end cannot be used.
            ObjectAlreadyExists: there is a key of that name.
        """
        return self.store.transact(lambda transaction: keys.create(transaction, name, scopes, expires))

    def read_api_keys(self) -> list[ApiKeyView]:
        """Every key as the server knows it, newest first."""
        with self.store.read() as transaction:
            return keys.read_all(transaction)

    def revoke_api_key(self, key: UUID) -> bool:
        """Make a key useless; False when there is no such key, or it was revoked before."""
        return self.store.transact(lambda transaction: keys.revoke(transaction, key))

    def has_api_keys(self) -> bool:
        """Whether there is a key that is not revoked."""
        with self.store.read() as transaction:
            return keys.exist(transaction)

    def key_principal(self, text: str) -> Principal | None:
        """Who comes with the text of a key, whose use is noted now and then; None when it opens nothing."""
        with self.store.read() as transaction:
            found = keys.recognise(transaction, text)
        if found is None:
            return None
        principal, unnoted = found
        key = principal.key
        if unnoted and key is not None:
            self.store.transact(lambda transaction: keys.note_use(transaction, key))
        return principal

    def session_principal(self, token: str, seal: str = "") -> Principal | None:
        """Who comes with the cookie of a session; None when it opens nothing."""
        with self.store.read() as transaction:
            return sessions.recognise(transaction, token, seal)

    def begin_session(self, principal: Principal, seal: str = "") -> str:
        """Begin a session of a browser; gives the text of its cookie."""
        return self.store.transact(lambda transaction: sessions.begin(transaction, principal, seal))

    def end_session(self, token: str) -> None:
        """End a session; twice does nothing."""
        self.store.transact(lambda transaction: sessions.end(transaction, token))
