"""Whatever happens to runs, in whatever order: the queue says of each what its row says, and no limit is exceeded."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from levada.control import ControlPlane
from levada.control.queueing import epoch_to_open
from levada.core.errors import LevadaError
from levada.core.states import StateType
from levada.store.base import FlowRunRow
from levada.store.bodies import RunBody
from levada.store.sql.work import BEGUN, CLAIMED, WAITING, WorkRow, WorkTables
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.ingest import IngestBatch
from levada.wire.pools import ClaimRequest, Held, PoolSpec, QueueSpec, RunExit
from levada.wire.records import Record
from tests.unit.control import records as make

POOL = "press"
LIMIT = 2


class Story:
    """A pool with two workers, and everything that may happen in it."""

    def __init__(self, plane: ControlPlane, seed: int) -> None:
        self.plane = plane
        self.dice = random.Random(seed)
        self.workers = [uuid4(), uuid4()]
        self.runs: list[UUID] = []
        self.held: dict[UUID, tuple[UUID, int, bytes | None]] = {}
        """Worker, epoch, and the writer of the process once it has begun."""
        self.sequence: Counter[bytes] = Counter()
        plane.create_work_pool(PoolSpec(name=POOL))
        plane.create_work_queue(POOL, QueueSpec(name="other", priority=2))
        code = Code(entrypoint="flows.py:paper", path="/srv")
        plane.deploy(
            NewDeployment(
                flow_name="paper", name="print", code=code, pool=POOL, concurrency_limit=LIMIT, crash_retries=1
            )
        )

    def step(self) -> None:
        """One thing that may happen."""
        getattr(self, self.dice.choice(["make", "claim", "claim", "begin", "begin", "end", "exit", "exit", "give_back",
                                        "cancel", "retry", "move", "leave"]))()  # fmt: skip

    def make(self) -> None:
        new = NewDeploymentRun(priority=self.dice.randint(-1, 1), queue=self.dice.choice([None, "other"]))
        self.runs.append(self.plane.run_deployment("paper/print", new).id)

    def claim(self) -> None:
        worker = self.dice.choice(self.workers)
        held = [Held(run, epoch) for run, (whose, epoch, _) in self.held.items() if whose == worker]
        answer = self.plane.claim(POOL, ClaimRequest(worker=worker, name="w", room=self.dice.randint(1, 3), held=held))
        for order in answer.orders:
            assert order.run not in self.held
            self.held[order.run] = (worker, order.epoch, None)

    def _some_held(self, *, begun: bool) -> UUID | None:
        found = [run for run, (_, _, writer) in self.held.items() if (writer is not None) == begun]
        return self.dice.choice(found) if found else None

    def _send(self, writer: bytes, records: list[Record]) -> None:
        first = self.sequence[writer] + 1
        self.sequence[writer] += len(records)
        raw = [(number, msgspec.Raw(msgspec.msgpack.encode(record))) for number, record in enumerate(records, first)]
        self.plane.take_in(IngestBatch(writer=writer, records=raw, host="mill", pid=1))

    def begin(self) -> None:
        run = self._some_held(begun=False)
        if run is not None:
            worker, epoch, _ = self.held[run]
            writer = make.new_id()
            self.held[run] = (worker, epoch, writer)
            opened = make.run_opened(run.bytes, writer, epoch=epoch)
            self._send(writer, [opened, make.run_state(run.bytes, StateType.RUNNING, 2, epoch=epoch)])

    def end(self) -> None:
        run = self._some_held(begun=True)
        if run is not None:
            worker, epoch, writer = self.held.pop(run)
            assert writer is not None
            kind = self.dice.choice([StateType.COMPLETED, StateType.FAILED])
            self._send(writer, [make.run_state(run.bytes, kind, 3, epoch=epoch)])
            self.plane.report_exit(POOL, RunExit(worker=worker, run=run, epoch=epoch, begun=True, exit_code=0))

    def exit(self) -> None:
        if self.held:
            run = self.dice.choice(list(self.held))
            worker, epoch, _ = self.held.pop(run)
            cancelled = self.dice.random() < 0.3
            end = RunExit(worker=worker, run=run, epoch=epoch, begun=True, exit_code=-9, cancelled=cancelled)
            self.plane.report_exit(POOL, end)

    def give_back(self) -> None:
        run = self._some_held(begun=False)
        if run is not None:
            worker, epoch, _ = self.held.pop(run)
            self.plane.report_exit(POOL, RunExit(worker=worker, run=run, epoch=epoch, begun=False, reason="No room."))

    def leave(self) -> None:
        worker = self.dice.choice(self.workers)
        self.plane.forget_worker(POOL, worker)
        for run in [run for run, (whose, _, writer) in self.held.items() if whose == worker and writer is None]:
            del self.held[run]

    def _one(self) -> UUID | None:
        return self.dice.choice(self.runs) if self.runs else None

    def cancel(self) -> None:
        if (run := self._one()) is not None:
            self.plane.cancel_flow_run(run)

    def retry(self) -> None:
        if (run := self._one()) is not None and run not in self.held:
            self.plane.retry_flow_run(run)

    def move(self) -> None:
        if (run := self._one()) is not None:
            try:
                self.plane.move_in_queue(run, self.dice.randint(-3, 3), self.dice.choice([None, "default", "other"]))
            except LevadaError:
                pass  # it does not wait

    def check(self) -> None:
        """The queue says what the rows say."""
        with self.plane.store.read() as transaction:
            rows = transaction.flow_runs.load(run.bytes for run in self.runs)
            tables = WorkTables(transaction)
            work = tables.load(run.bytes for run in self.runs)
            lanes = {lane.id for lane in tables.lanes(POOL)}
        for key, row in rows.items():
            self._check_one(row, work.get(key))
        assert {row.lane for row in work.values()} <= lanes
        assert sum(row.stage > WAITING for row in work.values()) <= LIMIT
        assert len(self.held) <= LIMIT

    def _check_one(self, row: FlowRunRow, work: WorkRow | None) -> None:
        body = RunBody.decode(row.body)
        story = [(entry[0], entry[2] & 15) for entry in body.entries], work
        if row.state >= 5:
            assert work is None, story
        elif row.writer is not None:
            assert work is not None, story
            assert (work.stage, work.epoch) == (BEGUN, row.epoch), story
        else:
            assert work is not None, story
            assert work.epoch == epoch_to_open(row, body), story
            assert work.stage in ((WAITING, CLAIMED) if row.state == 0 else (CLAIMED,)), story
            assert (work.queue, work.priority) == (row.queue, body.openings[0].priority), story


@pytest.mark.parametrize("seed", range(12))
def test_the_queue_says_what_the_rows_say(tmp_path: Path, seed: int) -> None:
    with ControlPlane(tmp_path) as plane:
        story = Story(plane, seed)
        for _ in range(150):
            story.step()
            story.check()
