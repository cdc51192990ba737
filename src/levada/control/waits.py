"""For which concurrency limits a run waits, and who holds them, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from levada.control.occupancy import SILENT_SECONDS, Occupancy, dead_writers
from levada.core.ids import as_uuid
from levada.core.limits import TAG_PREFIX
from levada.store.limits import LeaseRow, LimitRow, LimitTables

if TYPE_CHECKING:
    from levada.store.base import Transaction

SHOWN = 3
"""How many holders are named."""


def waits_in_words(
    transaction: Transaction,
    subject: bytes,
    is_live: Callable[[bytes], bool | None],
    tags: Iterable[str] = (),
    now_us: int | None = None,
) -> list[str]:
    """A sentence for each limit that a flow run or task run waits for.

    Args:
        transaction: where limits, holders and waiters are.
        subject: the flow run or task run.
        is_live: see `levada.control.occupancy.dead_writers`.
        tags: tags whose limits stand in the way when they are full, of a task run that did not start yet.
        now_us: microseconds since 1970; the transaction's moment unless given.
    """
    now = transaction.now if now_us is None else now_us
    tables = LimitTables(transaction)
    fresh = now - int(SILENT_SECONDS * 1e6)
    waits = dict.fromkeys(row.limit_name for row in tables.waits_of(subject) if row.asked > fresh)
    names = list(waits | dict.fromkeys(TAG_PREFIX + tag for tag in tags))
    if not names:
        return []
    seen = Occupancy(tables, names, now, is_live)
    holders = {lease.holder_writer for lease in seen.held}
    dead = dead_writers(tables, holders, is_live)
    sentences = []
    for row in seen.rows:
        held = [lease for lease in seen.held if lease.limit_name == row.name and lease.holder_writer not in dead]
        if row.name in waits or (row.active and sum(lease.slots for lease in held) >= row.slots):
            sentences.append(_sentence(row, held))
    return sentences


def _sentence(row: LimitRow, held: Sequence[LeaseRow]) -> str:
    taken = sum(lease.slots for lease in held)
    said = f"It waits for a slot of concurrency limit {row.name!r}: {taken} of {row.slots} are held"
    if not held:
        return f"{said}."
    rest = "" if len(held) <= SHOWN else f" and {len(held) - SHOWN} more"
    return f"{said}, by {', '.join(_holder(lease) for lease in held[:SHOWN])}{rest}."


def _holder(lease: LeaseRow) -> str:
    if lease.task is not None:
        return f"task run {as_uuid(lease.task)} ({lease.owner})"
    if lease.run is not None:
        return f"flow run {as_uuid(lease.run)} ({lease.owner})"
    return lease.owner or "a process of no name"
