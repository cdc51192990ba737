"""However records are shuffled, repeated and batched on their way, the tables come out the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levada.control.ingest import ingest, subjects
from levada.control.intake import Gate, Intake
from levada.core.settings import DatabaseSettings, LeaseSettings
from levada.core.states import StateType
from levada.journal.format import encode
from levada.store.base import FlowRunRow, Store, TaskRunRow
from levada.store.opening import open_store
from levada.store.sqlite import SqliteStore
from levada.wire.ingest import IngestBatch
from levada.wire.records import Record
from tests.postgres import database
from tests.unit.control import records as make

Delivery = tuple[bytes, int, Record]

ENDINGS = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


class Stories:
    """Writes the journals of random runs: some resumed, some with tasks in child processes, some cut off anywhere."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.deliveries: list[Delivery] = []
        self._sequences: dict[bytes, int] = {}
        self._finished: list[bytes] = []

    def write(self, writer: bytes, record: Record) -> None:
        self._sequences[writer] = sequence = self._sequences.get(writer, 0) + 1
        self.deliveries.append((writer, sequence, record))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def flow_run(self, parent: bytes | None = None, parent_task: bytes | None = None) -> None:
        run = make.new_id()
        tasks = [make.new_id() for _ in range(self.random.randrange(5))]
        for epoch in range(1, self.random.choice([1, 1, 2, 3]) + 1):
            self._epoch(run, epoch, tasks, parent, parent_task)

    def _epoch(
        self, run: bytes, epoch: int, tasks: list[bytes], parent: bytes | None, parent_task: bytes | None
    ) -> None:
        writer = make.new_id()
        opening = make.run_opened(
            run,
            writer,
            epoch=epoch,
            n=0,
            flow=self.random.choice(["etl", "train"]) if epoch == 1 else "",
            name=f"run-{epoch}",
            reason="new" if epoch == 1 else "resume",
            parent_run=parent,
            parent_task=parent_task,
            parameters=make.payload() if epoch == 1 else None,
            tags=self.random.sample(["a", "b", "c"], self.random.randrange(3)),
            labels={"epoch": epoch},
        )
        self.write(writer, opening)
        self.write(writer, make.run_state(run, StateType.RUNNING, 1, epoch=epoch))
        if self.chance(0.3):
            self.write(writer, make.run_changed(run, 2, epoch=epoch, name="renamed", tags=["d"]))
        for task in tasks:
            self._task(writer, run, epoch, task)
        if self.chance(0.2) and parent is None:
            self.flow_run(run, tasks[0] if tasks else None)
        if self.chance(0.8):
            kind = self.random.choice(ENDINGS)
            self.write(writer, make.run_state(run, kind, 3, epoch=epoch, message="so it ended", result=make.payload()))

    def _task(self, writer: bytes, run: bytes, epoch: int, task: bytes) -> None:
        if task in self._finished:
            self.write(writer, make.task_reused(task, run, 0, task, epoch))
            return
        started = self.chance(0.5)
        key = self.random.choice(["extract", "load"])
        opening = make.task_opened(
            task,
            run,
            epoch=epoch,
            key=key,
            name=f"{key}-{epoch}",
            started=started,
            tags=["t"] if self.chance(0.3) else None,
        )
        self.write(writer, opening)
        worker = make.new_id() if not started and self.chance(0.5) else writer
        number = 1
        for attempt in range(1, self.random.randrange(4)):
            self.write(
                worker,
                make.task_state(task, run, StateType.RUNNING, number, epoch=epoch, attempt=attempt, name="Retrying"),
            )
            number += 1
        if self.chance(0.2):
            self.write(writer, make.task_changed(task, run, number + 1, "renamed", epoch))
        if self.chance(0.3):
            self.write(worker, make.log_line(run, f"line {number}", task, fields={"n": number}))
        if self.chance(0.3):
            self._artifact(worker, run, task)
        if self.chance(0.8):
            kind = self.random.choice(ENDINGS)
            ended = make.task_state(task, run, kind, number + 2, epoch=epoch, result=make.payload(), details={"k": 1})
            self.write(worker, ended)
            if kind is StateType.COMPLETED:
                self._finished.append(task)

    def _artifact(self, writer: bytes, run: bytes, task: bytes) -> None:
        first = make.artifact(run, self.random.choice([None, "report"]), task=task, data=0)
        self.write(writer, first)
        if self.chance(0.5):
            again = make.artifact(run, first.key, task=task, data=1, artifact=first.artifact)
            self.write(writer, again)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One database for all examples; each starts by emptying it."""
    made = SqliteStore(tmp_path_factory.mktemp("ingest") / "levada.db")
    yield made
    made.close()


@pytest.fixture(scope="module")
def postgres(postgres_server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same on PostgreSQL."""
    with database(postgres_server_url) as url:
        made = open_store(tmp_path_factory.mktemp("unused"), DatabaseSettings(url=url))
        yield made
        made.close()


def one_after_the_other(store: Store, batches: list[list[Delivery]]) -> None:
    """Take batches in as a drain does."""
    for batch in batches:
        numbered = [(sequence, record) for _, sequence, record in batch]
        with store.write() as transaction:
            transaction.lock(*sorted(subjects(batch[0][0], numbered)))
            ingest(transaction, batch[0][0], numbered)


def all_at_once(store: Store, batches: list[list[Delivery]]) -> None:
    """Take batches in as a server does, on several threads."""
    intake = Intake(store, LeaseSettings(), Gate())

    def take_in(batch: list[Delivery]) -> None:
        records = [(sequence, encode(record)) for _, sequence, record in batch]
        assert intake.take_in(IngestBatch(batch[0][0], records)).refused == []

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(take_in, batches))


def tables(
    store: Store, batches: list[list[Delivery]], deliver: Callable[..., None] = one_after_the_other
) -> dict[str, Any]:
    """Everything that the tables hold after these batches, with numbers given on arrival replaced by their meaning."""
    names = ["flow_runs", "flow_run_facts", "task_runs", "calls", "logs", "artifacts", "artifact_collections", "flows"]
    # When a row was written last depends on the delivery; nothing else does.
    columns = {
        "flow_runs": ", ".join(column for column in FlowRunRow._fields if column != "changed"),
        "task_runs": ", ".join(column for column in TaskRunRow._fields if column != "changed"),
    }
    with store.write() as transaction:
        for name in [*names, "writers"]:
            transaction.execute(f"DELETE FROM {name}")
    deliver(store, batches)
    with store.read() as transaction:
        found = {
            name: transaction.execute(f"SELECT {columns.get(name, '*')} FROM {name} ORDER BY 1, 2") for name in names
        }
        calls = {number: (key, code) for number, key, code in found.pop("calls")}
        writers = dict(transaction.execute("SELECT number, id FROM writers"))
    found["task_runs"] = [(*row[:2], calls.get(row[2]), *row[3:]) for row in found["task_runs"]]
    found["logs"] = sorted((writers[row[0] >> 40], row[0] & (1 << 40) - 1, *row[1:]) for row in found["logs"])
    return found


def in_batches(deliveries: list[Delivery], random: Random) -> list[list[Delivery]]:
    """The deliveries in their order; each batch is of one writer, as a shipper's is."""
    batches: list[list[Delivery]] = []
    for delivery in deliveries:
        if batches and batches[-1][0][0] == delivery[0] and random.random() < 0.8:
            batches[-1].append(delivery)
        else:
            batches.append([delivery])
    return batches


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_any_delivery_of_the_same_records_gives_the_same_tables(store: Store, story: Random, fate: Random) -> None:
    stories = Stories(story)
    for _ in range(story.randrange(1, 4)):
        stories.flow_run()
    straight = tables(store, in_batches(stories.deliveries, Random(0)))

    disturbed = stories.deliveries + fate.sample(stories.deliveries, len(stories.deliveries) // 3)
    fate.shuffle(disturbed)

    assert tables(store, in_batches(disturbed, fate)) == straight


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_one_batch_and_a_batch_for_every_record_give_the_same_tables(store: Store, story: Random) -> None:
    stories = Stories(story)
    stories.flow_run()
    stories.flow_run()
    by_writer: dict[bytes, list[Delivery]] = {}
    for delivery in stories.deliveries:
        by_writer.setdefault(delivery[0], []).append(delivery)

    assert tables(store, list(by_writer.values())) == tables(store, [[delivery] for delivery in stories.deliveries])


def batches_at_once_give_the_tables_of_an_orderly_delivery(store: Store, story: Random, fate: Random) -> None:
    stories = Stories(story)
    for _ in range(story.randrange(1, 4)):
        stories.flow_run()
    straight = tables(store, in_batches(stories.deliveries, Random(0)))
    disturbed = stories.deliveries + fate.sample(stories.deliveries, len(stories.deliveries) // 3)
    fate.shuffle(disturbed)
    by_writer = sorted(disturbed, key=lambda delivery: delivery[0]) if fate.random() < 0.5 else disturbed

    assert tables(store, in_batches(by_writer, fate), all_at_once) == straight


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_batches_that_are_taken_in_at_once_give_the_same_tables(store: Store, story: Random, fate: Random) -> None:
    batches_at_once_give_the_tables_of_an_orderly_delivery(store, story, fate)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_batches_that_postgresql_takes_in_at_once_give_the_same_tables(
    postgres: Store, story: Random, fate: Random
) -> None:
    batches_at_once_give_the_tables_of_an_orderly_delivery(postgres, story, fate)
