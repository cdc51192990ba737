"""The server's end of shipping: a batch is taken in as a whole, in one transaction, or not at all.

The life of a batch: admitted (or told to come later) → decoded, record by record → committed with the writer's lease →
answered with what the process must be told. A record that only a newer Levada understands is kept as it is; a damaged
one is named in the answer and left out; neither keeps the others from being taken in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from levada.control.ingest import ingest, subjects
from levada.control.losses import Loss, crash_what_is_open, named, open_with
from levada.control.orders import orders_for
from levada.control.soundness import UnsoundError, sound
from levada.core.errors import RequestInvalid, StoreUnavailable, TooManyRequests
from levada.core.settings import LeaseSettings
from levada.journal.format import UnknownRecord, decode
from levada.store.base import Store, Transaction
from levada.wire.ingest import Command, IngestAnswer, IngestBatch
from levada.wire.records import Record

MOST_RECORDS = 20_000
"""Records of one batch; shippers send a tenth of it."""

MOST_RUNNING = 10_000
"""Runs that one process may say it executes; orders about further ones come when there are fewer."""

NEWEST_TAG = 9
"""Of the records that this version of Levada knows; see `levada.wire.records`."""

BATCHES_AT_ONCE = 16
"""Batches that may be in work in one server process, waiting for the database included."""

RETRY_SECONDS = 0.5
SLOW_DOWN_SECONDS = 0.2

_log = logging.getLogger("levada.intake")


class Gate:
    """Lets a bounded number of batches in.

    Args:
        most: how many may be inside at once.
    """

    def __init__(self, most: int = BATCHES_AT_ONCE) -> None:
        self.most = most
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def inside(self) -> int:
        """How many are inside now."""
        return self._inside

    @property
    def fullness(self) -> float:
        """From 0, idle, to 1: the next batch is sent away."""
        return self._inside / self.most

    @contextmanager
    def pass_through(self) -> Iterator[None]:
        """Be inside.

        Raises:
            TooManyRequests: it is full; its `retry_after` says in how many seconds to come again.
        """
        with self._lock:
            if self._inside >= self.most:
                refusal = TooManyRequests(
                    f"The server has {self.most} batches of records in work and takes no more now; nothing of this one "
                    f"is stored. Send it again in {RETRY_SECONDS:g} seconds."
                )
                refusal.retry_after = RETRY_SECONDS  # type: ignore[attr-defined]
                raise refusal
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1


class Sorted(NamedTuple):
    """The records of a batch by what can be done with them."""

    known: list[tuple[int, Record]]
    unread: list[tuple[int, bytes]]
    refused: list[tuple[int, str]]


class Intake:
    """Takes batches into a store.

    Args:
        store: where rows go.
        leases: for how long a sign of life counts.
        gate: how many batches may be in work.
    """

    def __init__(self, store: Store, leases: LeaseSettings, gate: Gate) -> None:
        self._store = store
        self._leases = leases
        self._gate = gate

    def take_in(self, batch: IngestBatch) -> IngestAnswer:
        """Take in one batch; when this returns, everything in it is committed.

        Raises:
            RequestInvalid: it is no batch of a writer.
            TooManyRequests: too many are in work; nothing of it is stored.
            StoreUnavailable: the database cannot be reached; nothing of it is stored.
        """
        _check(batch)
        if not batch.records:
            # A sign of life is never sent away: the runs of a process must not be lost because others are busy.
            return self._take(batch)
        with self._gate.pass_through():
            answer = self._take(batch)
            answer.slow_down = SLOW_DOWN_SECONDS if self._gate.fullness > 0.75 else 0.0
        return answer

    def _take(self, batch: IngestBatch) -> IngestAnswer:
        sorted_out = sort_out(batch.records)
        orders = self._commit(batch, sorted_out)
        return IngestAnswer(
            received=max((sequence for sequence, _ in batch.records), default=0),
            commands=orders,
            lease_seconds=self._leases.seconds,
            renew_seconds=self._leases.renew_seconds,
            refused=sorted_out.refused,
        )

    def _commit(self, batch: IngestBatch, records: Sorted) -> list[Command]:
        def work(transaction: Transaction) -> list[Command]:
            return commit(transaction, batch, records, self._leases)

        try:
            return self._store.transact(work)
        except StoreUnavailable:
            raise
        except Exception as problem:
            if not records.known:
                raise
            return self._commit_what_can_be(batch, records, problem)

    def _commit_what_can_be(self, batch: IngestBatch, records: Sorted, problem: Exception) -> list[Command]:
        """Take in halves, so that a record that no row can be made of keeps none of the others out.

        What cannot be taken in is kept as it came.
        """
        known = records.known
        if len(known) == 1:
            sequence, record = known[0]
            _log.error(
                "A %s of writer %s cannot be stored.", type(record).__name__, batch.writer.hex(), exc_info=problem
            )
            raw = next(payload for number, payload in batch.records if number == sequence)
            records.refused.append((sequence, f"it cannot be stored, and is kept as it came: {problem}"))
            return self._commit(batch, Sorted([], [*records.unread, (sequence, raw)], records.refused))
        half = len(known) // 2
        # The process has ended only once all of its records are there: a run whose end stands in the second half has
        # not crashed.
        first = msgspec.structs.replace(batch, ended=False, closing=False)
        self._commit(first, Sorted(known[:half], [], records.refused))
        return self._commit(batch, Sorted(known[half:], records.unread, records.refused))


def _check(batch: IngestBatch) -> None:
    fields = []
    if len(batch.writer) != 16:
        fields.append(("$.writer", "must be the 16 bytes of a writer's id"))
    if len(batch.records) > MOST_RECORDS:
        fields.append(("$.records", f"must be at most {MOST_RECORDS}, in further batches the rest"))
    if any(not 0 < sequence < 1 << 40 for sequence, _ in batch.records):
        fields.append(("$.records", "must be numbered from 1, as in the journal"))
    if len(batch.host) > 255 or "\0" in batch.host:
        fields.append(("$.host", "must be the name of a host"))
    if not 0 <= batch.pid < 1 << 31:
        fields.append(("$.pid", "must be the number of a process"))
    if any(len(run) != 16 for run, _ in batch.running):
        fields.append(("$.running", "must be ids of 16 bytes, each with an epoch"))
    if fields:
        told = "; ".join(f"{path} {message}" for path, message in fields)
        raise RequestInvalid(f"This is no batch of records: {told}.", tuple(fields))


def sort_out(records: Sequence[tuple[int, bytes]]) -> Sorted:
    """Decode the records of a batch, one by one."""
    found = Sorted([], [], [])
    for sequence, payload in records:
        record = decode(payload)
        if not isinstance(record, UnknownRecord):
            try:
                found.known.append((sequence, sound(record)))
            except UnsoundError as problem:
                found.refused.append((sequence, str(problem)))
        elif record.tag is not None and record.tag > NEWEST_TAG:
            found.unread.append((sequence, record.payload))
        else:
            found.refused.append((sequence, record.problem))
    return found


def commit(transaction: Transaction, batch: IngestBatch, records: Sorted, leases: LeaseSettings) -> list[Command]:
    """Write a batch down, with what follows from it; what the process must be told."""
    writer = batch.writer
    last = batch.ended or batch.closing
    keys = subjects(writer, records.known)
    if last:
        keys |= open_with(transaction, writer)
    transaction.lock(*sorted(keys))
    now = transaction.now
    before = transaction.writers.get(writer)
    expires = None if last else now + int(leases.seconds * 1e6)
    transaction.writers.renew(writer, now, expires, batch.host or before.host, batch.pid or before.pid)
    if records.known:
        ingest(transaction, writer, records.known)
    for sequence, payload in records.unread:
        transaction.writers.keep_unread(writer, sequence, payload)
    if last:
        seen = now if batch.closing else batch.seen or before.renewed or now
        how = "it ended without ending them" if batch.closing else "killed, or its machine lost power"
        loss = Loss(named(batch.pid, batch.host), min(now, seen), now, how)
        for run in crash_what_is_open(transaction, writer, loss)[0]:
            transaction.announce("runs", run.hex())
    return orders_for(transaction, writer, batch.running[:MOST_RUNNING])
