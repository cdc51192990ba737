"""Names, tags and labels of flow runs, changed from outside."""

from __future__ import annotations

import msgspec

from levada.control.histories import facts_of_run, run_row
from levada.control.making import LONGEST_NAME, check_tags
from levada.control.queries import Identifier, flow_run_row
from levada.control.saving import save_flow_runs
from levada.core.errors import RequestInvalid, RequestTooLarge
from levada.core.naming import check_name
from levada.store.base import FlowRunRow, Transaction
from levada.store.bodies import N, RunBody
from levada.wire.changes import FlowRunChange
from levada.wire.records import RunChanged

LARGEST_LABELS = 64 * 1024
"""Bytes of the labels of one change, as JSON."""

MOST_CHANGES = 10_000
"""A run's history of names, tags and labels is kept whole; one that is changed more often is used as something else."""


def change_flow_run(transaction: Transaction, run: Identifier, change: FlowRunChange) -> FlowRunRow:
    """Rename a run, add tags, merge labels.

    Raises:
        ObjectNotFound: there is no such run.
        InvalidNameError, RequestInvalid, RequestTooLarge: something of the change cannot be kept.
    """
    _check(change)
    identifier = flow_run_row(transaction, run).id
    transaction.lock(identifier)
    row = flow_run_row(transaction, identifier)
    body = RunBody.decode(row.body)
    if len(body.changes) >= MOST_CHANGES:
        raise RequestInvalid(f"Flow run {row.name!r} was changed {MOST_CHANGES} times; no more is kept.")
    if change.name is None and not change.tags and not change.labels:
        return row
    # Beside the newest thing that is known of the run: what its process says later counts more.
    places = [(entry[0], entry[N]) for entry in body.entries] + [(one.epoch, one.n) for one in body.changes]
    epoch, n = max(places, default=(row.epoch, 0))
    said = RunChanged(identifier, epoch, n, transaction.now, change.name, change.tags or None, change.labels or None)
    body.changes.append(said)
    body.changes.sort(key=lambda one: (one.epoch, one.n))
    made = run_row(identifier, body, transaction.now)
    save_flow_runs(transaction, {identifier: row}, [(made, facts_of_run(body))])
    return made


def _check(change: FlowRunChange) -> None:
    if change.name is not None:
        check_name("flow run", change.name)
        if len(change.name) > LONGEST_NAME:
            raise RequestInvalid(
                f"A name has at most {LONGEST_NAME} characters.", (("$.name", f"has {len(change.name)} characters"),)
            )
    check_tags(change.tags or ())
    if change.labels:
        try:
            size = len(msgspec.json.encode(change.labels))
        except (TypeError, ValueError, OverflowError) as problem:
            raise RequestInvalid(f"The labels are no JSON: {problem}.", (("$.labels", str(problem)),)) from problem
        if size > LARGEST_LABELS:
            raise RequestTooLarge(f"The labels take {size} bytes; {LARGEST_LABELS} is the most.")
