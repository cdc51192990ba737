"""Values given to runs from outside, by key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from levada.control.queries import Identifier, flow_run_row
from levada.core.errors import ObjectNotFound, RequestInvalid, RequestTooLarge
from levada.core.states import datetime_of
from levada.store.base import Transaction
from levada.wire.changes import RunInput

LARGEST_VALUE = 512 * 1024
"""Bytes of a value, as it is kept."""

LONGEST_KEY = 255
MOST_INPUTS = 1000
"""Inputs of one run."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def read_inputs(transaction: Transaction, run: Identifier, prefix: str = "") -> list[RunInput]:
    """The inputs of a run whose key begins so, by key."""
    identifier = flow_run_row(transaction, run).id
    sql = "SELECT key, value, created, sender FROM flow_run_inputs WHERE run = ? AND key >= ? ORDER BY key"
    rows = transaction.execute(sql, (identifier, prefix))
    return [_input(*row) for row in rows if str(row[0]).startswith(prefix)]


def read_input(transaction: Transaction, run: Identifier, key: str) -> RunInput:
    """One input of a run.

    Raises:
        ObjectNotFound: there is no such run, or it has no such input.
    """
    identifier = flow_run_row(transaction, run).id
    sql = "SELECT key, value, created, sender FROM flow_run_inputs WHERE run = ? AND key = ?"
    found = transaction.execute(sql, (identifier, key))
    if not found:
        raise ObjectNotFound(f"Flow run {UUID(bytes=identifier)} has no input {key!r}.")
    return _input(*found[0])


def write_input(transaction: Transaction, run: Identifier, given: RunInput) -> RunInput:
    """Keep a value, in place of the one of the same key."""
    identifier = flow_run_row(transaction, run).id
    transaction.lock(identifier)
    return keep(transaction, identifier, given.key, given.value, given.sender)


def keep(transaction: Transaction, run: bytes, key: str, value: Any, sender: str | None) -> RunInput:
    """Keep a value of a run that is locked.

    Raises:
        RequestInvalid: the key cannot be used, or the run has a thousand inputs.
        RequestTooLarge: the value is larger than 512 KiB.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise RequestInvalid(
            f"An input is kept under a key of 1 to {LONGEST_KEY} characters that can be seen; {key[:40]!r} is none.",
            (("$.key", "cannot be used"),),
        )
    try:
        data = _encode(value)
    except (TypeError, ValueError, OverflowError) as problem:
        raise RequestInvalid(f"Input {key!r} cannot be kept: {problem}.", (("$.value", str(problem)),)) from problem
    if len(data) > LARGEST_VALUE:
        raise RequestTooLarge(f"Input {key!r} takes {len(data)} bytes; {LARGEST_VALUE} is the most.")
    removed = transaction.execute("DELETE FROM flow_run_inputs WHERE run = ? AND key = ? RETURNING key", (run, key))
    (count,) = transaction.execute("SELECT count(*) FROM flow_run_inputs WHERE run = ?", (run,))[0]
    if not removed and count >= MOST_INPUTS:
        raise RequestInvalid(f"Flow run {UUID(bytes=run)} has {count} inputs; {MOST_INPUTS} are the most.")
    now = transaction.now
    sql = "INSERT INTO flow_run_inputs (run, key, value, created, sender) VALUES (?, ?, ?, ?, ?)"
    transaction.execute(sql, (run, key, data, now, sender))
    transaction.announce("runs", run.hex())
    return RunInput(key, value, datetime_of(now), sender)


def delete_input(transaction: Transaction, run: Identifier, key: str) -> bool:
    """Remove a value; False when there was none."""
    identifier = flow_run_row(transaction, run).id
    transaction.lock(identifier)
    sql = "DELETE FROM flow_run_inputs WHERE run = ? AND key = ? RETURNING key"
    return bool(transaction.execute(sql, (identifier, key)))


def _input(key: str, value: bytes, created: int, sender: str | None) -> RunInput:
    return RunInput(key, _decode(bytes(value)), datetime_of(created), sender)
