"""Batches of records as a server takes them in: leases, orders, what is refused, what is kept, what crashes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from levada.control import ControlPlane
from levada.control import ingest as ingesting
from levada.control.histories import facts_of_run, run_row
from levada.control.ingest import ingest
from levada.control.intake import Gate, sort_out
from levada.control.losses import Loss, crash_what_is_open
from levada.core.errors import RequestInvalid, TooManyRequests
from levada.core.settings import LeaseSettings
from levada.core.states import StateType, datetime_of
from levada.journal.format import encode
from levada.store.base import Transaction
from levada.store.bodies import DECIDED, VERDICT, RunBody
from levada.wire.ingest import Command, IngestAnswer, IngestBatch
from levada.wire.records import STATE_CODES, Record
from tests.unit.control import records as make

W, V = b"w" * 16, b"v" * 16
# The writers of these tests are no version-7 ids; runs and task runs are.


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as made:
        made.leases = LeaseSettings(seconds=20, renew_seconds=5)
        yield made


def batch(*given: Record | bytes, writer: bytes = W, first: int = 1, **fields: Any) -> IngestBatch:
    payloads = [one if isinstance(one, bytes) else encode(one) for one in given]
    numbered = [(first + place, payload) for place, payload in enumerate(payloads)]
    return over_the_wire(IngestBatch(writer, numbered, **fields))


def over_the_wire(made: IngestBatch) -> IngestBatch:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=IngestBatch)


def opened(plane: ControlPlane, run: bytes, writer: bytes = W, epoch: int = 1, **fields: Any) -> IngestAnswer:
    opening = make.run_opened(run, writer, epoch=epoch, n=0)
    return plane.take_in(
        batch(opening, make.run_state(run, StateType.RUNNING, 1, epoch=epoch), writer=writer, **fields)
    )


def decide(plane: ControlPlane, run: bytes, kind: StateType, flag: int = DECIDED, message: str = "by ana") -> None:
    """What an orchestrator or a reconciler writes into a run's history."""

    def work(transaction: Transaction) -> None:
        row = transaction.flow_runs.load([run])[run]
        body = RunBody.decode(row.body)
        newest = body.entries[-1]
        body.entries.append([newest[0], newest[1] + 1, STATE_CODES[kind] | flag, newest[3] + 1, 1, None, message])
        transaction.flow_runs.save([run_row(run, body, transaction.now)], {run: facts_of_run(body)})

    plane.store.transact(work)


def state_of(plane: ControlPlane, run: bytes) -> StateType | None:
    return plane.read_flow_run(run).state_type


def test_what_is_answered_is_stored(plane: ControlPlane) -> None:
    run, task = make.new_id(), make.new_id()
    answer = plane.take_in(
        batch(
            make.run_opened(run, W, n=0),
            make.task_opened(task, run),
            make.task_state(task, run, StateType.COMPLETED, 2),
            make.log_line(run, "done", task),
            first=5,
        )
    )
    assert (answer.received, answer.refused, answer.commands) == (8, [], [])
    assert plane.read_task_run(task).state_type is StateType.COMPLETED


def test_every_batch_renews_the_lease_also_an_empty_one(plane: ControlPlane) -> None:
    plane.take_in(batch(host="node-7", pid=42))
    with plane.store.read() as transaction:
        row = transaction.writers.find(W)
    assert row is not None
    assert (row.host, row.pid) == ("node-7", 42)
    assert row.renewed is not None
    assert row.expires == row.renewed + 20_000_000


def test_a_writer_that_says_goodbye_has_no_lease_and_leaves_nothing_open(plane: ControlPlane) -> None:
    run, done = make.new_id(), make.new_id()
    opened(plane, run)
    plane.take_in(batch(make.run_opened(done, W, n=0), make.run_state(done, StateType.COMPLETED, 1), first=3))
    plane.take_in(batch(closing=True, pid=42))
    with plane.store.read() as transaction:
        row = transaction.writers.find(W)
    assert row is not None
    assert row.expires is None
    assert state_of(plane, run) is StateType.CRASHED
    assert state_of(plane, done) is StateType.COMPLETED


def test_what_a_dead_process_left_open_crashes_with_its_last_records(plane: ControlPlane) -> None:
    run, task = make.new_id(), make.new_id()
    opened(plane, run)
    plane.take_in(batch(make.task_opened(task, run, started=True), first=3, ended=True, pid=42, host="node-7"))
    assert state_of(plane, run) is StateType.CRASHED
    assert plane.read_task_run(task).state_type is StateType.CRASHED
    assert "is gone" in (plane.read_flow_run(run).state.message or "")


def test_a_run_whose_records_were_shipped_long_after_its_death_crashed_when_its_process_died(
    plane: ControlPlane,
) -> None:
    run = make.new_id()
    opened(plane, run)
    died = make.tick() + 7_000_000
    plane.take_in(batch(ended=True, seen=died))
    assert plane.read_flow_run(run).end_time == datetime_of(died)


def test_an_end_may_be_told_twice(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    plane.take_in(batch(ended=True))
    states = plane.flow_run_states(run)
    plane.take_in(batch(ended=True))
    assert plane.flow_run_states(run) == states


def test_a_damaged_record_is_named_and_keeps_no_other_out(plane: ControlPlane) -> None:
    run = make.new_id()
    answer = plane.take_in(
        batch(make.run_opened(run, W, n=0), b"\xc1 is no MessagePack", make.run_state(run, StateType.RUNNING, 1))
    )
    assert [sequence for sequence, _ in answer.refused] == [2]
    assert state_of(plane, run) is StateType.RUNNING


def test_records_of_a_newer_levada_are_kept_as_they_are(plane: ControlPlane) -> None:
    newer = msgspec.msgpack.encode([77, "of tomorrow"])
    assert plane.take_in(batch(newer, first=9)).refused == []
    with plane.store.read() as transaction:
        assert transaction.execute("SELECT writer, sequence, payload FROM unread_records") == [(W, 9, newer)]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (make.run_state(b"short", StateType.RUNNING, 1), "is no id"),
        (make.run_state(b"\xff" * 16, StateType.RUNNING, 1), "is no id"),
        (make.run_state(make.new_id(), StateType.RUNNING, 1, at=-1), "time"),
        (make.run_state(make.new_id(), StateType.RUNNING, 1, at=1 << 62), "time"),
        (make.run_state(make.new_id(), StateType.RUNNING, 1 << 50), "number"),
        (make.run_state(make.new_id(), StateType.RUNNING, 1, epoch=0), "epoch"),
        (make.run_opened(make.new_id(), b"who"), "writer"),
        (make.task_opened(b"t", make.new_id()), "is no id"),
    ],
)
def test_a_record_that_would_break_rows_is_refused(plane: ControlPlane, record: Record, said: str) -> None:
    ((sequence, reason),) = plane.take_in(batch(record)).refused
    assert sequence == 1
    assert said in reason


def test_nul_characters_are_replaced_because_databases_cannot_hold_them() -> None:
    line = make.log_line(make.new_id(), "a\0b")
    ((_, kept),) = sort_out([(1, encode(line))]).known
    assert kept.message == "a\ufffdb"  # type: ignore[union-attr]


def test_a_batch_that_is_none_is_refused_and_says_why(plane: ControlPlane) -> None:
    with pytest.raises(RequestInvalid, match="16 bytes") as refusal:
        plane.take_in(IngestBatch(b"me"))
    assert refusal.value.fields[0][0] == "$.writer"


def test_a_run_made_on_the_server_and_taken_by_a_process_is_one_run(plane: ControlPlane) -> None:
    """Epoch 0 is the server's: it has no process, so there is nothing to crash, and nobody to be told anything."""
    run = make.new_id()
    made = make.run_opened(run, b"", epoch=0, n=0, host="", pid=0, tags=["nightly"], parameters=make.payload())
    scheduled = make.run_state(run, StateType.SCHEDULED, 1, epoch=0, attempt=0)
    plane.store.transact(lambda transaction: ingest(transaction, b"", [(1, made), (2, scheduled)]))
    assert (plane.read_flow_run(run).epoch, state_of(plane, run)) == (0, StateType.SCHEDULED)
    with plane.store.read() as transaction:
        assert not transaction.flow_runs.load([run])[run].writer

    taken = make.run_opened(run, W, epoch=1, n=0, name="", reason="resume", tags=["by hand"])
    plane.take_in(batch(make.run_state(run, StateType.RUNNING, 1), first=2))
    plane.take_in(batch(taken))

    seen = plane.read_flow_run(run)
    assert (seen.epoch, seen.state_type, seen.name) == (1, StateType.RUNNING, "brave-otter")
    assert set(seen.tags) == {"nightly", "by hand"}
    assert asked(plane, run) == []
    plane.take_in(batch(ended=True))
    assert state_of(plane, run) is StateType.CRASHED


# Orders --------------------------------------------------------------------------------------------------------------


def asked(plane: ControlPlane, run: bytes, epoch: int = 1, writer: bytes = W) -> list[Command]:
    return plane.take_in(batch(writer=writer, running=[(run, epoch)])).commands


def test_a_run_that_nobody_touched_is_left_alone(plane: ControlPlane) -> None:
    run = make.new_id()
    assert opened(plane, run, running=[(run, 1)]).commands == []
    assert asked(plane, run) == []


def test_a_run_that_is_asked_to_cancel_is_told_so_until_it_is_no_longer_executing(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    decide(plane, run, StateType.CANCELLING)
    assert asked(plane, run) == [Command("cancel", run, reason="by ana")]
    assert asked(plane, run) == [Command("cancel", run, reason="by ana")]
    assert plane.take_in(batch()).commands == []


def test_a_run_whose_own_process_says_that_it_is_cancelling_needs_no_order(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    decide(plane, run, StateType.CANCELLING)
    plane.take_in(batch(make.run_state(run, StateType.CANCELLING, 3), first=3))
    assert asked(plane, run) == []


def test_a_run_that_is_suspended_from_outside_is_told_so(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    decide(plane, run, StateType.PAUSED)
    assert [command.kind for command in asked(plane, run)] == ["suspend"]


def test_a_run_that_was_given_up_is_fenced(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    decide(plane, run, StateType.CRASHED, VERDICT, "Its process is gone.")
    assert asked(plane, run) == [Command("fenced", run, reason="Its process is gone.")]


def test_a_run_that_another_process_resumed_is_fenced(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    opened(plane, run, writer=V, epoch=2)
    assert [command.kind for command in asked(plane, run)] == ["fenced"]
    assert asked(plane, run, epoch=2, writer=V) == []


def test_an_epoch_that_two_processes_opened_belongs_to_one_of_them(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    opened(plane, run, writer=V)
    kinds = [[command.kind for command in asked(plane, run, writer=writer)] for writer in (W, V)]
    assert sorted(kinds) == [[], ["fenced"]]


def test_a_run_of_which_nothing_arrived_yet_gets_no_order(plane: ControlPlane) -> None:
    assert asked(plane, make.new_id()) == []


def test_late_records_of_a_fenced_process_change_no_state(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    opened(plane, run, writer=V, epoch=2)
    plane.take_in(batch(make.run_state(run, StateType.COMPLETED, 2), first=3))
    assert state_of(plane, run) is StateType.RUNNING


def give_up(plane: ControlPlane, noticed: int) -> None:
    """What the reconciler does when the lease of the writer is over."""
    loss = Loss("Process 42", noticed - 20_000_000, noticed, "it said nothing for 20 seconds", closes=True)
    plane.store.transact(lambda transaction: crash_what_is_open(transaction, W, loss))


def test_a_run_that_had_ended_before_it_was_given_up_ends_as_it_did(plane: ControlPlane) -> None:
    """The server was away while the process finished; its last records came hours after the verdict."""
    run, task = make.new_id(), make.new_id()
    opened(plane, run)
    plane.take_in(batch(make.task_opened(task, run, started=True), first=3))
    ended = make.tick()
    give_up(plane, ended + 60_000_000)
    assert (state_of(plane, run), plane.read_task_run(task).state_type) == (StateType.CRASHED, StateType.CRASHED)
    last = [
        make.task_state(task, run, StateType.COMPLETED, 5, at=ended - 10),
        make.run_state(run, StateType.COMPLETED, 2, at=ended),
    ]
    for _ in range(2):
        plane.take_in(batch(*last, first=4, ended=True))
    assert (state_of(plane, run), plane.read_task_run(task).state_type) == (StateType.COMPLETED, StateType.COMPLETED)
    names = [state.name for state in plane.flow_run_states(run)]
    assert names == ["Pending", "Running", "Crashed", "Completed"]
    with plane.store.read() as transaction:
        told = [row[0] for row in transaction.execute("SELECT event FROM events ORDER BY id")]
    assert told[-1] == "levada.flow-run.Completed"
    assert told.count("levada.flow-run.Completed") == 1


def test_what_a_process_records_after_it_was_given_up_is_history(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    noticed = make.tick()
    give_up(plane, noticed)
    plane.take_in(batch(make.run_state(run, StateType.COMPLETED, 2, at=noticed + 1), first=3))
    assert state_of(plane, run) is StateType.CRASHED


def test_a_verdict_is_not_taken_back_once_the_run_has_gone_on_elsewhere(plane: ControlPlane) -> None:
    run = make.new_id()
    opened(plane, run)
    ended = make.tick()
    give_up(plane, ended + 60_000_000)
    opened(plane, run, writer=V, epoch=2)
    plane.take_in(batch(make.run_state(run, StateType.COMPLETED, 2, at=ended), first=3))
    assert state_of(plane, run) is StateType.RUNNING


# How much at once ----------------------------------------------------------------------------------------------------


def test_a_full_gate_sends_batches_away_and_says_when_to_come_back() -> None:
    gate = Gate(2)
    with gate.pass_through(), gate.pass_through():
        assert gate.fullness == 1.0
        with pytest.raises(TooManyRequests) as refusal, gate.pass_through():
            pass
    assert refusal.value.retry_after > 0  # type: ignore[attr-defined]
    assert gate.inside == 0


def test_signs_of_life_pass_a_full_gate(plane: ControlPlane) -> None:
    plane.gate.most = 0
    with pytest.raises(TooManyRequests):
        plane.take_in(batch(make.log_line(make.new_id(), "hello")))
    assert plane.take_in(batch()).lease_seconds == 20


def test_a_record_that_no_row_can_be_made_of_is_kept_and_keeps_no_other_out(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the checks of records do not foresee must not stop a process from reporting for ever."""
    good, bad = make.new_id(), make.new_id()
    lines = [make.run_opened(good, W, n=0), make.run_opened(bad, W, n=0, labels={"k": "bad"})]
    real = ingesting.merge_run

    def merge(run: bytes, *others: Any) -> Any:
        if run == bad:
            raise OverflowError("too large for the column")
        return real(run, *others)

    monkeypatch.setattr(ingesting, "merge_run", merge)
    answer = plane.take_in(batch(*lines, *[make.log_line(good, f"line {n}") for n in range(5)]))
    assert [sequence for sequence, _ in answer.refused] == [2]
    assert "too large" in answer.refused[0][1]
    assert plane.read_flow_run(good).name == "brave-otter"
    with plane.store.read() as transaction:
        assert transaction.execute("SELECT sequence FROM unread_records") == [(2,)]
        assert transaction.execute("SELECT count(*) FROM logs") == [(5,)]


def test_a_run_whose_end_comes_with_a_record_that_cannot_be_stored_has_not_crashed(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch of a dead process was taken in by halves, and the first half already said that it is gone."""
    run, other, bad = make.new_id(), make.new_id(), make.new_id()
    opened(plane, run)
    opened(plane, other)
    real = ingesting.merge_run

    def merge(subject: bytes, *others: Any) -> Any:
        if subject == bad:
            raise OverflowError("too large for the column")
        return real(subject, *others)

    monkeypatch.setattr(ingesting, "merge_run", merge)
    last = make.run_state(run, StateType.COMPLETED, 2)
    lines = [make.run_opened(bad, W, n=0), make.log_line(run, "a line"), make.log_line(run, "one more"), last]
    answer = plane.take_in(batch(*lines, first=3, ended=True))
    assert [sequence for sequence, _ in answer.refused] == [3]
    assert [state_of(plane, one) for one in (run, other)] == [StateType.COMPLETED, StateType.CRASHED]
    with plane.store.read() as transaction:
        entered = {name for (name,) in transaction.execute("SELECT event FROM events WHERE run = ?", (run,))}
    assert "levada.flow-run.Crashed" not in entered


def test_labels_are_found_by_what_they_say_also_when_they_are_no_text(plane: ControlPlane) -> None:
    """A label that is a list or a mapping kept the opening of its run out; the number 1 was found as `true` only."""
    run = make.new_id()
    opening = make.run_opened(run, W, n=0, labels={"n": 1, "ok": True, "cells": [1], "more": {"a": None}})
    assert plane.take_in(batch(opening)).refused == []
    with plane.store.read() as transaction:
        facts = {fact for (fact,) in transaction.execute("SELECT fact FROM flow_run_facts WHERE run = ?", (run,))}
    assert {"l:n=1", "l:ok=true", "l:cells=[1]"} <= facts


@pytest.mark.parametrize("moment", [-(2**62), 2**62, 2**63])
def test_a_moment_that_no_clock_shows_is_none(plane: ControlPlane, moment: int) -> None:
    """The service that marks late runs read it from the row and failed for ever, and with it all other late runs."""
    run = make.new_id()
    scheduled = make.run_state(run, StateType.SCHEDULED, 2, details={"scheduled_time": moment})
    assert plane.take_in(batch(make.run_opened(run, W, n=0), scheduled)).refused == []
    with plane.store.read() as transaction:
        row = transaction.flow_runs.load([run])[run]
    assert row.expected == row.created


def test_batches_of_many_writers_at_once_lose_nothing(plane: ControlPlane) -> None:
    run = make.new_id()
    tasks = [make.new_id() for _ in range(40)]
    opened(plane, run)
    writers = [bytes([number]) * 16 for number in range(1, 9)]

    def report(writer: bytes) -> None:
        for number, task in enumerate(tasks):
            plane.take_in(
                batch(make.task_state(task, run, StateType.RUNNING, writer[0]), writer=writer, first=number + 1)
            )

    threads = [threading.Thread(target=report, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(plane.task_run_states(task)) == len(writers) for task in tasks)
