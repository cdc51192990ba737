"""Values given to runs from outside, by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from levada.control.queries import Identifier, flow_run_row
from levada.core.errors import ObjectNotFound, RequestInvalid, RequestTooLarge
from levada.core.json_schema import problems_of
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


def keep_answer(
    transaction: Transaction, run: bytes, asked: Mapping[str, Any] | None, given: Mapping[str, Any], sender: str | None
) -> None:
    """Keep what a paused run is given as it goes on.

    Args:
        transaction: one that has locked the run.
        run: the run.
        asked: the `run_input_keyset` of its pause, if it has one: `schema` is the key of the input that holds a JSON
            Schema of what is asked for, `response` the key under which the answer is kept as a whole.
        given: the answer, by name.
        sender: who gives it.

    Raises:
        RequestInvalid: it is not what the pause asks for; each field that is wrong is named.
    """
    asked = asked or {}
    if "schema" in asked:
        sql = "SELECT value FROM flow_run_inputs WHERE run = ? AND key = ?"
        found = transaction.execute(sql, (run, str(asked["schema"])))
        problems = problems_of(dict(given), _decode(bytes(found[0][0])), "$.inputs") if found else []
        if problems:
            told = "; ".join(f"{path} {problem}" for path, problem in problems)
            raise RequestInvalid(f"The run does not go on, because it asks for other inputs: {told}.", tuple(problems))
    if "response" in asked:
        keep(transaction, run, str(asked["response"]), dict(given), sender)
        return
    for name, value in given.items():
        keep(transaction, run, name, value, sender)


def delete_input(transaction: Transaction, run: Identifier, key: str) -> bool:
    """Remove a value; False when there was none."""
    identifier = flow_run_row(transaction, run).id
    transaction.lock(identifier)
    sql = "DELETE FROM flow_run_inputs WHERE run = ? AND key = ? RETURNING key"
    return bool(transaction.execute(sql, (identifier, key)))


def _input(key: str, value: bytes, created: int, sender: str | None) -> RunInput:
    return RunInput(key, _decode(bytes(value)), datetime_of(created), sender)
