"""The verbs that change runs: made, moved from state to state, deleted.

Lock the runs, load their rows, ask the law, write what follows from its verdict with its events, commit. Only then are
the processes of this home told; those elsewhere are told with their next batch. Wishes about flow runs that come at the
same time share a transaction (`levada.control.combining`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from levada.control import bulk, inputs, proposing
from levada.control.base import PlanePart
from levada.control.changing import change_flow_run
from levada.control.combining import Combiner
from levada.control.deletion import delete_flow_run
from levada.control.judging import answer, judged_task_run, task_run_facts, wish_of
from levada.control.making import creation, fork
from levada.control.noting import note_correction
from levada.control.proposing import Proposal
from levada.control.queries import task_run_row
from levada.control.rerunning import rerun_plan
from levada.control.sheet import Asked, together
from levada.control.telling import Word, announce_words, tell
from levada.control.views import flow_run_view
from levada.core.rules import TASK_RUN_LAW, Effect, decide
from levada.wire.changes import Decision, ProposedState

if TYPE_CHECKING:
    from levada.store.base import Transaction
    from levada.wire.changes import BulkAction, BulkJob, FlowRunChange, NewFlowRun, RunInput
    from levada.wire.objects import FlowRun
    from levada.wire.reruns import RerunChoice, RerunPlan

Identifier = UUID | bytes | str

_logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """A decision, and who must hear of it."""

    decision: Decision
    words: list[Word]


class Deciding(PlanePart):
    """The single writer of states that no engine records; see `levada.wire.verbs.Runs`."""

    def create_flow_run(self, new: NewFlowRun, created_by: str = "") -> FlowRun:
        """Make a Scheduled flow run; asked again with the same idempotency key for the same flow, the same one.

        Args:
            new: what is to run; its name is made up when it has none, and it is scheduled for now unless it says when.
            created_by: who asks, for people.

        Raises:
            RequestInvalid, InvalidNameError: something in `new` cannot be used.
            RequestTooLarge: its parameters are larger than 512 KiB.
            ObjectNotFound: the task run that calls it does not exist.
            ObjectAlreadyExists: there is a run of the id that it asks for.
        """
        return flow_run_view(self.wishes.do(creation(new, created_by)))

    def fork_flow_run(
        self, run: Identifier, task_keys: Sequence[str] = (), by: str = "", *, latest: bool = False
    ) -> FlowRun:
        """Make a new scheduled run that reuses what another one completed, but runs of these tasks.

        Args:
            run: the other run.
            task_keys: keys of tasks, or ids of task runs, at most 100.
            by: who asks.
            latest: with the version of its deployment that is live, and not with its own.

        Raises:
            ObjectNotFound: there is no such run, it ran no such task, or its deployment is gone.
            RequestInvalid: too many tasks are named; or `latest`, and it is no run of a deployment.
        """
        return flow_run_view(
            self.store.transact(lambda transaction: fork(transaction, run, task_keys, by, latest=latest))
        )

    def plan_rerun(self, run: Identifier, choice: RerunChoice) -> RerunPlan:
        """What a retry or a fork of a run would reuse, and what it would execute again.

        Raises:
            ObjectNotFound: there is no such run, or it ran no such task.
            RequestInvalid: too many tasks are named, or any for the same run.
        """
        with self.store.read() as transaction:
            return rerun_plan(transaction, run, choice, self.lives_here)

    def change_flow_run(self, run: Identifier, change: FlowRunChange) -> FlowRun:
        """Rename a run, add tags, merge labels.

        Raises:
            ObjectNotFound: there is no such run.
            RequestInvalid, InvalidNameError: the name, a tag or a label cannot be used.
        """
        return flow_run_view(self.store.transact(lambda transaction: change_flow_run(transaction, run, change)))

    def delete_flow_run(self, run: Identifier, by: str = "") -> dict[str, int]:
        """Delete a flow run with its subflow runs, task runs, logs and artifacts; how many of each went.

        Each run that goes leaves an event `levada.flow-run.deleted` that says who asked for it.

        Raises:
            ObjectNotFound: there is no such run.
            UnfinishedRun: it, or a subflow run of it, has not ended.
        """
        return delete_flow_run(self.store, run, by)

    # States

    def set_flow_run_state(self, run: Identifier, proposed: ProposedState, by: str = "") -> Decision:
        """Propose a state for a flow run; the law decides.

        Args:
            run: the flow run.
            proposed: what it should enter.
            by: who asks; kept with the state.

        Raises:
            ObjectNotFound: there is no such run.
        """
        return self._granted(Proposal(run, proposed, by))

    def cancel_flow_run(self, run: Identifier, by: str = "") -> Decision:
        """Cancel a run with its subflow runs: at once what nobody executes, otherwise as soon as its process stopped.

        Raises:
            ObjectNotFound: there is no such run.
        """
        return self._granted(proposing.cancel(run, by))

    def suspend_flow_run(self, run: Identifier, by: str = "") -> Decision:
        """Have a running run let go by its process; a resume goes on with what it completed.

        Raises:
            ObjectNotFound: there is no such run.
        """
        return self._granted(proposing.suspend(run, by))

    def resume_flow_run(self, run: Identifier, inputs: dict[str, Any] | None = None, by: str = "") -> Decision:
        """Let a paused or suspended run go on.

        Args:
            run: the flow run.
            inputs: values that it asked for, by key; kept only when it goes on.
            by: who asks.

        Raises:
            ObjectNotFound: there is no such run.
            RequestInvalid: the inputs are not those that its pause asks for, or one cannot be kept.
            RequestTooLarge: an input is larger than 512 KiB.
        """
        (decision,) = self._carry_out([proposing.resume(run, by, inputs or {})])
        return decision  # type: ignore[no-any-return] # answers are of their wish's type

    def retry_flow_run(self, run: Identifier, by: str = "", *, latest: bool = False) -> Decision:
        """Schedule a run that has ended again, as its next epoch; what it completed is reused.

        Args:
            run: the flow run.
            by: who asks.
            latest: from now on it executes the version of its deployment that is live, and not its own.

        Raises:
            ObjectNotFound: there is no such run, or its deployment is gone.
            RequestInvalid: `latest`, and it is no run of a deployment.
        """
        return self._granted(proposing.retry(run, by, latest=latest))

    def set_task_run_state(self, task: Identifier, proposed: ProposedState, by: str = "") -> Decision:
        """Correct the state of a task run, or cancel it; who did so is kept with the state.

        Raises:
            ObjectNotFound: there is no such task run.
        """

        def work(transaction: Transaction) -> Outcome:
            return _decide_task(transaction, self, task, proposed, by)

        outcome = self.store.transact(work)
        tell(self.home, outcome.words)
        return outcome.decision

    # Many wishes in one transaction

    @cached_property
    def wishes(self) -> Combiner[Asked[Any]]:
        """Carries wishes about flow runs out, those together that come at the same time."""
        return Combiner(self._carry_out)

    def _granted(self, proposal: Proposal) -> Decision:
        decision: Decision = self.wishes.do(proposal)
        return decision

    def _carry_out(self, wishes: Sequence[Asked[Any]]) -> list[Any]:
        answers, words = self.store.transact(lambda transaction: together(transaction, self.lives_here, wishes))
        try:
            tell(self.home, words)
        except Exception:
            # It is committed: to say that it failed would have it done again.
            _logger.exception("Processes of %s cannot be told what was decided about their runs.", self.home)
        return answers

    # Inputs

    def read_inputs(self, run: Identifier, prefix: str = "") -> list[RunInput]:
        """Values given to a run from outside, by key."""
        with self.store.read() as transaction:
            return inputs.read_inputs(transaction, run, prefix)

    def read_input(self, run: Identifier, key: str) -> RunInput:
        """One value given to a run.

        Raises:
            ObjectNotFound: there is no such run, or it has no such input.
        """
        with self.store.read() as transaction:
            return inputs.read_input(transaction, run, key)

    def write_input(self, run: Identifier, given: RunInput) -> RunInput:
        """Give a run a value, in place of the one of the same key.

        Raises:
            ObjectNotFound: there is no such run.
            RequestInvalid: the key cannot be used, or the run has a thousand inputs already.
            RequestTooLarge: the value is larger than 512 KiB.
        """
        return self.store.transact(lambda transaction: inputs.write_input(transaction, run, given))

    def delete_input(self, run: Identifier, key: str) -> bool:
        """Take a value back; False when there was none."""
        return self.store.transact(lambda transaction: inputs.delete_input(transaction, run, key))

    # Many at once

    def start_bulk(self, action: BulkAction, by: str = "") -> BulkJob:
        """Begin to do something with every run that a query finds, or only say with how many.

        Raises:
            RequestInvalid: there is no such action, or it lacks what it needs.
        """
        return bulk.start_bulk(self.store, action, by)

    def read_bulk(self, job: UUID) -> BulkJob:
        """How far a bulk job got.

        Raises:
            ObjectNotFound: there is no such job.
        """
        with self.store.read() as transaction:
            return bulk.read_bulk(transaction, job)

    def cancel_bulk(self, job: UUID) -> BulkJob:
        """Stop a bulk job where it is; what it did stays done.

        Raises:
            ObjectNotFound: there is no such job.
        """
        return self.store.transact(lambda transaction: bulk.cancel_bulk(transaction, job))


def _decide_task(
    transaction: Transaction, plane: PlanePart, task: Identifier, proposed: ProposedState, by: str
) -> Outcome:
    found = task_run_row(transaction, task)
    transaction.lock(*sorted({found.id, found.run or found.id}))
    row = task_run_row(transaction, found.id)
    parent = None if row.run is None else transaction.flow_runs.load([row.run]).get(row.run)
    now = transaction.now
    wish = wish_of(proposed, now)
    verdict = decide(task_run_facts(transaction, row, parent, plane.lives_here), wish, TASK_RUN_LAW)
    changed = judged_task_run(row, verdict, wish, by, now)
    words: list[Word] = []
    if Effect.TELLS in verdict.effects or verdict.rule == "cancelling-ends-cancelled":
        owner = parent.writer if parent is not None else row.holder
        words = [(owner, row.id)] if owner else []
    if changed is not None:
        transaction.task_runs.replace([changed])
        note_correction(transaction, row, changed, parent, by)
        transaction.announce("runs", (row.run or row.id).hex())
    announce_words(transaction, words)
    return Outcome(answer(verdict, changed or row), words)
