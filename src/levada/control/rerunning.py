"""What running a run again would do: which recorded calls answer, which are executed, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Final
from uuid import UUID

from levada.control.judging import flow_run_facts, wish_of
from levada.control.queries import flow_run_row, recorded_calls
from levada.core.errors import ConfigurationError, ObjectNotFound, RequestInvalid
from levada.core.ids import as_uuid
from levada.core.rules import FLOW_RUN_LAW, decide
from levada.core.states import StateType
from levada.store.sql.deployments import DeploymentTable
from levada.wire.changes import ProposedState
from levada.wire.recorded import chosen_of, dependents, memory_of, why_again
from levada.wire.reruns import PlannedCall, PlannedReason, RerunPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada.control.judging import LivesHere
    from levada.control.queries import Identifier
    from levada.store.base import FlowRunRow, Transaction
    from levada.wire.recorded import RecordedCall, RecordedRun
    from levada.wire.reruns import RerunChoice

REUSE: Final = "reuse"
EXECUTE: Final = "execute"
UNKNOWN: Final = "unknown"

MOST_TASK_KEYS: Final = 100
"""Tasks and task runs that one request may name."""


def rerun_plan(transaction: Transaction, run: Identifier, choice: RerunChoice, lives_here: LivesHere) -> RerunPlan:
    """What becomes of the recorded calls of a run when it is run again.

    Raises:
        ObjectNotFound: there is no such run, or it ran no such task.
        RequestInvalid: too many tasks are named, or tasks are named for the same run, which reuses all it completed.
    """
    if choice.task_keys and not choice.fork:
        raise RequestInvalid(
            "A run that goes on reuses all that it completed; to run tasks of it again, fork it.",
            (("$.task_keys", "needs `fork`"),),
        )
    row = flow_run_row(transaction, run)
    recorded = recorded_calls(transaction, row.id)
    obstacle, steps = _obstacle(transaction, row, recorded, choice, lives_here)
    try:
        calls, redo, chosen = _chosen(transaction, recorded, choice.task_keys)
    except ConfigurationError as problem:  # what it was forked from is gone
        calls, redo, chosen = recorded.calls, frozenset(), frozenset()
        obstacle = obstacle or str(problem)
    deployment = None if row.deployment is None else DeploymentTable(transaction).get(row.deployment)
    live = None if deployment is None else deployment.live
    if choice.latest and live is None:
        obstacle = (
            obstacle or f"Flow run {row.name!r} is of no deployment that is still there; it has no later version."
        )
    version = live if choice.latest and live is not None else row.deployed
    planned = _fates(calls, redo, chosen, None if version == row.deployed else version)
    listed: list[PlannedCall] = []
    shown: Counter[str] = Counter()
    for one in planned:
        shown[one.fate] += 1
        if shown[one.fate] <= choice.limit:
            listed.append(one)
    reasons = Counter((one.fate, one.reason) for one in planned)
    return RerunPlan(
        flow_run_id=UUID(bytes=row.id),
        fork=choice.fork,
        epoch=1 if choice.fork else row.epoch + 1,
        version=version,
        version_before=row.deployed,
        version_live=live,
        counts={fate: shown[fate] for fate in (REUSE, EXECUTE, UNKNOWN)},
        reasons=[PlannedReason(fate, reason, number) for (fate, reason), number in reasons.most_common()],
        calls=listed,
        obstacle=obstacle,
        next_steps=steps,
    )


def check_tasks(transaction: Transaction, run: Identifier, tasks: Sequence[str]) -> None:
    """Make sure that tasks of a run can be run again by a fork.

    Raises:
        ObjectNotFound: there is no such run, or it ran no such task.
        RequestInvalid: there are too many.
        ConfigurationError: the run from which it was forked itself is gone.
    """
    if tasks:
        _chosen(transaction, recorded_calls(transaction, run), tasks)


def _chosen(
    transaction: Transaction, recorded: RecordedRun, tasks: Sequence[str]
) -> tuple[list[RecordedCall], frozenset[bytes], frozenset[bytes]]:
    """All calls that would answer, those of them that are to run again, and those that were chosen."""
    if len(tasks) > MOST_TASK_KEYS:
        raise RequestInvalid(
            f"A fork runs at most {MOST_TASK_KEYS} tasks again by name.", (("$.task_keys", "has too many values"),)
        )
    memory = memory_of(recorded, lambda origin: recorded_calls(transaction, origin))
    calls = [*memory.calls, *recorded.calls]
    known = set(chain.from_iterable((call.key, str(as_uuid(call.task))) for call in calls))
    for task in tasks:
        if task not in known:
            raise ObjectNotFound(f"Flow run {recorded.name!r} has no run of a task {task!r}.")
    chosen = chosen_of(calls, tasks)
    return calls, memory.redo | dependents(calls, chosen), chosen


def _fates(
    calls: Sequence[RecordedCall], redo: frozenset[bytes], chosen: frozenset[bytes], version: int | None
) -> list[PlannedCall]:
    """What becomes of each call; `version` is another one than recorded them, if it is another."""
    names: defaultdict[bytes, set[str]] = defaultdict(set)
    for call in calls:
        if call.opaque:
            names[call.identity].add(call.name)
    planned = [_planned(call, redo, len(names.get(call.identity, ())) > 1, version) for call in calls]
    for call, one in zip(calls, planned, strict=True):
        if call.task in redo:
            one.reason = "it was chosen" if call.task in chosen else "it depends on what is executed again"
    return planned


def _planned(call: RecordedCall, redo: frozenset[bytes], unclear: bool, version: int | None) -> PlannedCall:
    reason = why_again(call, redo)
    if reason is not None:
        fate = EXECUTE
        if call.child_run is not None and call.task not in redo:
            reason += "; its subflow run goes on from its own records"
    elif unclear:
        fate = UNKNOWN
        reason = "its inputs cannot be compared, and other calls look the same; the run stops there unless it has a key"
    else:
        fate = REUSE
        who = "the code" if version is None else f"version {version}"
        reason = f"its result is recorded, and taken when {who} makes the same call"
    return PlannedCall(as_uuid(call.task), call.name, call.key, fate, reason)


def live_version(transaction: Transaction, row: FlowRunRow) -> int:
    """The version of a run's deployment that new runs get.

    Raises:
        ObjectNotFound: its deployment is gone.
        RequestInvalid: it has none.
    """
    if row.deployment is None:
        raise RequestInvalid(
            f"Flow run {row.name!r} is of no deployment, so it has no later version; run it again without asking for "
            "one.",
            (("$.latest", "needs a run of a deployment"),),
        )
    found = DeploymentTable(transaction).get(row.deployment)
    if found is None:
        raise ObjectNotFound(f"There is no deployment {UUID(bytes=row.deployment)}.")
    return found.live


def _obstacle(
    transaction: Transaction, row: FlowRunRow, recorded: RecordedRun, choice: RerunChoice, lives_here: LivesHere
) -> tuple[str | None, list[str]]:
    """Why it cannot be done, and what to do then."""
    if not choice.fork:
        wish = wish_of(ProposedState(type=StateType.SCHEDULED), transaction.now, again=True)
        verdict = decide(flow_run_facts(transaction, row, lives_here), wish, FLOW_RUN_LAW)
        if verdict.status != "accept":
            return verdict.reason, []
    if row.pool is None:
        command = f"levada flow-run {'fork' if choice.fork else 'resume'} {UUID(bytes=row.id)}"
        start = f" --from {choice.task_keys[0]!r}" if choice.task_keys else ""
        whose = "it ran in a process of its own" if row.parent_run is None else "it is part of another run"
        return (
            f"Flow run {row.name!r} is of no work pool ({whose}), so no worker takes it. Run it where its code is.",
            [command + start],
        )
    if recorded.parameters is None:
        return f"The parameters of flow run {row.name!r} were not kept; run the flow anew.", []
    return None, []
