"""States that somebody wants flow runs to enter: the law decides each, and what follows from it is put on the sheet."""

from __future__ import annotations

from typing import Any, NamedTuple

from levada.control.histories import facts_of_run, is_open, run_row
from levada.control.inputs import keep_answer
from levada.control.judging import answer, asked_by_pause, flow_run_facts, judged_flow_run, wish_of
from levada.control.queries import Identifier, flow_run_id
from levada.control.rerunning import live_version
from levada.control.sheet import Aims, Sheet
from levada.core.rules import FLOW_RUN_LAW, Effect, Wish, decide
from levada.core.states import StateType
from levada.store.base import FlowRunRow, Transaction
from levada.store.bodies import EPOCH, N, RunBody
from levada.wire.changes import Decision, ProposedState
from levada.wire.records import RunChanged

_CANCEL = frozenset({StateType.CANCELLING, StateType.CANCELLED})


class Proposal(NamedTuple):
    """A state that a flow run is to enter. See `levada.control.sheet.Asked`.

    Attributes:
        run: the flow run.
        proposed: the state.
        by: who asks; kept with the state.
        given: values that a paused run asked for; one that has them is carried out by itself, because they are written
            before all is decided.
        again: an ended run is to begin its next epoch.
        latest: when it goes on, it does so with the version of its deployment that is live now.
    """

    run: Identifier
    proposed: ProposedState
    by: str = ""
    given: dict[str, Any] | None = None
    again: bool = False
    latest: bool = False

    def aims(self, transaction: Transaction) -> Aims:
        """The run, and when it is to be cancelled the open subflow runs below it.

        Raises:
            ObjectNotFound: there is no run of this name, or there are several.
        """
        run = flow_run_id(transaction, self.run)
        return Aims((run, *_below(transaction, run)) if self.proposed.type in _CANCEL else (run,))

    def carry_out(self, sheet: Sheet, aims: Aims) -> Decision:
        """What became of it.

        Raises:
            ObjectNotFound: there is no such run.
            RequestInvalid, RequestTooLarge: the given values are not those that its pause asks for, or cannot be kept;
                or the latest version of a run is asked for that no deployment made.
        """
        transaction = sheet.transaction
        now = transaction.now
        run, *below = aims.runs
        row = sheet.row(run)
        if self.proposed.type in _CANCEL:
            below += sheet.added_below(aims.runs)
        wish = wish_of(self.proposed, now, again=self.again)
        known = flow_run_facts(transaction, row, sheet.lives_here)
        verdict = decide(known, wish, FLOW_RUN_LAW)
        changed = judged_flow_run(row, verdict, wish, self.by, now, known.opens)
        if changed is not None and self.latest:
            changed = _with_latest(transaction, changed)
        after = [] if changed is None else [changed]
        told = [row] if Effect.TELLS in verdict.effects or verdict.rule == "cancelling-ends-cancelled" else []
        if verdict.status == "accept" and verdict.rule != "repeated-wish":
            if self.given is not None:
                keep_answer(transaction, row.id, asked_by_pause(row), self.given, self.by or None)
            for child in (one for one in map(sheet.find, below) if one is not None):
                if not _ends_with(child, sheet):
                    moved, tells = self._cancelled(sheet, child)
                    after += [] if moved is None else [moved]
                    told += [child] if tells else []
        for one, facts in after:
            sheet.put(one, facts)
        sheet.words += [(one.writer, one.id) for one in told if one.writer]
        return answer(verdict, row if changed is None else changed[0])

    def _cancelled(self, sheet: Sheet, child: FlowRunRow) -> tuple[tuple[FlowRunRow, list[str]] | None, bool]:
        """What becomes of a subflow run with its parent, and whether its process must be told."""
        wish = Wish(type=StateType.CANCELLING, name="Cancelling", message=_said("Cancelled with its parent", self.by))
        known = flow_run_facts(sheet.transaction, child, sheet.lives_here)
        verdict = decide(known, wish, FLOW_RUN_LAW)
        moved = judged_flow_run(child, verdict, wish, self.by, sheet.transaction.now, known.opens)
        return moved, Effect.TELLS in verdict.effects


def cancel(run: Identifier, by: str) -> Proposal:
    """To cancel a run with its subflow runs."""
    return Proposal(run, ProposedState(type=StateType.CANCELLING, message=_said("Cancelled", by)), by)


def suspend(run: Identifier, by: str) -> Proposal:
    """To have a run let go by its process."""
    return Proposal(run, ProposedState(type=StateType.PAUSED, name="Suspended", message=_said("Suspended", by)), by)


def resume(run: Identifier, by: str, given: dict[str, Any]) -> Proposal:
    """To let a paused or suspended run go on."""
    wish = ProposedState(type=StateType.SCHEDULED, name="Resuming", message=_said("Resumed", by))
    return Proposal(run, wish, by, given=given)


def retry(run: Identifier, by: str, *, latest: bool = False) -> Proposal:
    """To schedule an ended run as its next epoch, with its own version or that which is live now."""
    wish = ProposedState(type=StateType.SCHEDULED, message=_said("Scheduled again", by))
    return Proposal(run, wish, by, again=True, latest=latest)


def _with_latest(transaction: Transaction, changed: tuple[FlowRunRow, list[str]]) -> tuple[FlowRunRow, list[str]]:
    """A run that was scheduled again, which from now on executes the live version of its deployment.

    Raises:
        ObjectNotFound: its deployment is gone.
        RequestInvalid: it has none.
    """
    row = changed[0]
    live = live_version(transaction, row)
    if live == row.deployed:
        return changed
    body = RunBody.decode(row.body)
    newest = body.entries[-1]
    body.changes.append(RunChanged(row.id, newest[EPOCH], newest[N], transaction.now, deployed=live))
    return run_row(row.id, body, transaction.now), facts_of_run(body)


def _said(what: str, by: str) -> str:
    return f"{what} by {by}." if by else f"{what} on request."


def _ends_with(child: FlowRunRow, sheet: Sheet) -> bool:
    """Whether a subflow run executes in the process of the run that called it, which ends it as its own.

    Told by itself, too, it would end first, and its parent would find that a call of it failed.
    """
    parent = sheet.find(child.parent_run or b"")
    return parent is not None and child.writer is not None and child.writer == parent.writer


def _below(transaction: Transaction, run: bytes) -> list[bytes]:
    """The open subflow runs below a run, and theirs."""
    found: dict[bytes, None] = {}
    waiting = [run]
    while waiting:
        children = transaction.flow_runs.children(waiting.pop())
        new = [row.id for row in transaction.flow_runs.load(children).values() if is_open(row.state)]
        waiting += [child for child in new if child not in found]
        found.update(dict.fromkeys(new))
    found.pop(run, None)
    return list(found)
