"""Concurrency and rate limits over HTTP; see `levada.wire.verbs.LimitVerbs`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from levada.core.errors import ObjectNotFound
from levada.core.ids import as_uuid, uuid7_bytes
from levada.core.limits import LEASE_SECONDS, Asker, Grant, Verdict
from levada.wire.objects import Count, LimitView
from levada.wire.paths import segment
from levada.wire.requests import (
    GivenLimit,
    LimitChange,
    LimitNames,
    NewLimit,
    SlotsAnswer,
    SlotsAsked,
    SlotsAsker,
    SlotsLook,
    SlotsPoured,
    SlotsRenewed,
)

if TYPE_CHECKING:
    from levada.client.http.transport import Transport

_PATH = "/concurrency_limits"


class RemoteLimits:
    """The limits of a server."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def create(self, name: str, slots: int, *, active: bool = True, decay: float = 0.0) -> LimitView:
        """Make a limit."""
        return self._ask("POST", _PATH, LimitView, body=NewLimit(name, slots, active, decay), once=True)

    def upsert(self, name: str, slots: int, *, active: bool | None = None, decay: float | None = None) -> LimitView:
        """Make a limit, or change the one of that name."""
        return self._ask("PUT", f"{_PATH}/{segment(name)}", LimitView, body=GivenLimit(slots, active, decay))

    def change(
        self, name: str, *, slots: int | None = None, active: bool | None = None, decay: float | None = None
    ) -> LimitView:
        """Change what is given of a limit."""
        return self._ask("PATCH", f"{_PATH}/{segment(name)}", LimitView, body=LimitChange(slots, active, decay))

    def read(self, name: str) -> LimitView:
        """One limit with those who hold it."""
        return self._ask("GET", f"{_PATH}/{segment(name)}", LimitView)

    def read_all(self) -> Sequence[LimitView]:
        """Every limit by name."""
        return self._ask("GET", _PATH, list[LimitView])

    def delete(self, name: str) -> bool:
        """Remove a limit; False when there was none."""
        try:
            self._ask("DELETE", f"{_PATH}/{segment(name)}")
        except ObjectNotFound:
            return False
        return True

    def reset(self, name: str) -> int:
        """Take all slots of a limit back; how many were held."""
        return self._ask("POST", f"{_PATH}/{segment(name)}/reset", Count, once=True).count

    def known(self, names: Sequence[str]) -> set[str]:
        """Those of the names for which there is a limit."""
        return set(self._ask("POST", f"{_PATH}/known", list[str], body=LimitNames(list(names))))

    def look(self, names: Sequence[str], slots: int, lease: bytes | None = None) -> Verdict:
        """What `acquire` would say now."""
        body = SlotsLook(list(names), slots, None if lease is None else as_uuid(lease))
        return self._ask("POST", f"{_PATH}/look", SlotsAnswer, body=body).verdict()

    def acquire(
        self,
        names: Iterable[str],
        slots: int,
        asker: Asker,
        *,
        strict: bool = True,
        lease: bytes | None = None,
        lease_seconds: float = LEASE_SECONDS,
        wait: float = 0.0,
    ) -> Grant | Verdict:
        """Take slots in all the limits, or in none.

        The lease is named here when it is not given, so that a request sent twice takes its slots once.

        Args:
            wait: seconds, at most 30, for which the server holds the answer back until a slot comes free.
        """
        chosen = lease or uuid7_bytes(time.time_ns() // 1000, os.urandom(8))
        body = SlotsAsked(
            list(names), slots, SlotsAsker.of(asker), strict, as_uuid(chosen), lease_seconds, wait if lease else 0.0
        )
        answer = self._ask("POST", f"{_PATH}/acquire", SlotsAnswer, body=body)
        if answer.granted:
            return answer.grant()
        if lease is None:
            self.release(chosen)  # nobody waits who does not ask again by the same lease
        return answer.verdict()

    def pour(
        self, names: Iterable[str], slots: int, *, strict: bool = True, now_us: int | None = None
    ) -> Grant | Verdict:
        """Use slots up; the server goes by its own clock."""
        del now_us
        body = SlotsPoured(list(names), slots, strict)
        answer = self._ask("POST", f"{_PATH}/pour", SlotsAnswer, body=body, once=True)
        return answer.grant() if answer.granted else answer.verdict()

    def renew(self, grant: Grant, asker: Asker, *, lease_seconds: float = LEASE_SECONDS) -> tuple[str, ...]:
        """Hold slots for longer; the limits in which they are lost."""
        if grant.lease is None:
            return ()
        body = SlotsRenewed(list(grant.names), grant.slots, SlotsAsker.of(asker), lease_seconds)
        return tuple(self._ask("POST", f"{_PATH}/leases/{as_uuid(grant.lease)}/renew", list[str], body=body))

    def release(self, lease: bytes) -> None:
        """Give slots back."""
        self._ask("DELETE", f"{_PATH}/leases/{as_uuid(lease)}")

    def waits_of(self, subject: bytes) -> Mapping[str, datetime]:
        """What a flow run or task run waits for, and since when."""
        return self._ask("GET", f"{_PATH}/waits/{as_uuid(subject)}", dict[str, datetime])
