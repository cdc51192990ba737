"""The shipping end of a journal: everything arrives, whatever the network does, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from levada.core.errors import RequestTooLarge, ServerUnavailable, TooManyRequests
from levada.core.faults import InjectedFault
from levada.journal import JournalWriter, WriterDirectory, writers
from levada.journal.acknowledged import AcknowledgedJournal
from levada.journal.leftovers import Shipment, leftovers, ship
from levada.journal.outgoing import Outgoing, shipped_up_to, unsent_bytes
from levada.journal.shipper import Shipper
from levada.testing import eventually, fault
from levada.wire.ingest import Command, IngestAnswer, IngestBatch
from tests.unit.journal.stream import WRITER, log_line, task_state

URL = "http://server.test/api"


class Server:
    """Remembers what it was sent; fails as a test wishes."""

    def __init__(self) -> None:
        self.batches: list[IngestBatch] = []
        self.failing: Callable[[IngestBatch], None] = lambda batch: None
        self.answer: Callable[[], IngestAnswer] = lambda: IngestAnswer(renew_seconds=0.05, lease_seconds=20)

    def take_in(self, batch: IngestBatch) -> IngestAnswer:
        self.failing(batch)
        self.batches.append(batch)
        return self.answer()

    def go_away(self) -> None:
        def refuse(_: IngestBatch) -> None:
            raise ServerUnavailable("nobody listens there")

        self.failing = refuse

    def come_back(self) -> None:
        self.failing = lambda batch: None

    @property
    def sequences(self) -> list[int]:
        return [sequence for batch in self.batches for sequence, _ in batch.records]


class Sending:
    """A process that ships: its journal, its shipper, and what the shipper said."""

    def __init__(self, home: Path, server: Server, **options: Any) -> None:
        self.said: list[str] = []
        self.asked: list[Command] = []
        self.running: list[tuple[bytes, int]] = []
        segment_bytes = options.pop("segment_bytes", 1 << 20)
        self.journal = JournalWriter(home, writer=WRITER, destination=URL, segment_bytes=segment_bytes)
        self.shipper = Shipper(
            self.journal,
            lambda: server.take_in,
            obey=self._obey,
            running=lambda: self.running,
            warn=self.said.append,
            **{"flush_seconds": 5.0, **options},
        )

    def _obey(self, command: Command) -> bool:
        self.asked.append(command)
        return True

    def write(self, count: int, first: int = 1) -> None:
        for number in range(first, first + count):
            self.journal.append(task_state(number))

    def end(self) -> None:
        self.shipper.finish()
        self.journal.close()
        self.shipper.settle()


@pytest.fixture
def server() -> Server:
    return Server()


@contextmanager
def sending(home: Path, server: Server, **options: Any) -> Iterator[Sending]:
    made = Sending(home, server, **options)
    yield made
    made.end()


def test_what_a_run_records_arrives_in_its_order_and_nothing_stays_behind(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server) as process:
        process.write(5_000)
    assert server.sequences == list(range(1, 5_001))
    assert server.batches[-1].closing
    assert writers(levada_home) == []


def test_a_process_that_records_nothing_starts_no_thread_and_leaves_nothing(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server):
        pass
    assert server.batches == []
    assert writers(levada_home) == []


def test_records_that_come_together_are_sent_together(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server) as process:
        process.write(100)
        eventually(lambda: process.shipper.acknowledged == 100)
        assert sum(1 for batch in server.batches if batch.records) <= 3


def test_shipped_segments_are_removed_while_the_process_lives(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server, segment_bytes=4096) as process:
        process.write(500)
        eventually(lambda: process.shipper.acknowledged == 500)
        eventually(lambda: len(WriterDirectory(levada_home, WRITER).segments()) == 1)


def test_an_idle_process_gives_signs_of_life_with_what_it_executes(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server) as process:
        process.running = [(b"r" * 16, 1)]
        process.write(1)
        eventually(lambda: sum(1 for batch in server.batches if not batch.records) >= 3)
        assert server.batches[-1].running == [(b"r" * 16, 1)]


def test_a_server_that_is_away_is_told_of_once_and_misses_nothing(levada_home: Path, server: Server) -> None:
    server.go_away()
    with sending(levada_home, server) as process:
        process.write(10)
        eventually(lambda: process.said)
        process.write(10, first=11)
        server.come_back()
        eventually(lambda: process.shipper.acknowledged == 20)
    assert server.sequences == list(range(1, 21))
    assert len(process.said) == 2
    assert "does not take records now" in process.said[0]
    assert "takes records again" in process.said[1]


def test_a_process_ends_soon_without_a_server_and_says_what_is_left(levada_home: Path, server: Server) -> None:
    server.go_away()
    with sending(levada_home, server, flush_seconds=0.3) as process:
        process.write(3)
    assert "3 records of this process did not reach" in process.said[-1]
    assert "levada journal ship" in process.said[-1]
    (left,) = leftovers(levada_home, URL)
    assert unsent_bytes(left) > 0


def test_an_answer_that_is_lost_costs_a_repetition_and_no_record(levada_home: Path, server: Server) -> None:
    lost = iter([True, True])

    def drop() -> None:
        if next(lost, False):
            raise InjectedFault("the answer is lost")

    with fault("journal.ship.after_send", drop), sending(levada_home, server) as process:
        process.write(10)
        eventually(lambda: process.shipper.acknowledged == 10)
    assert sorted(set(server.sequences)) == list(range(1, 11))
    assert len(server.sequences) > 10


def test_a_server_that_is_busy_is_given_the_time_it_asks_for(levada_home: Path, server: Server) -> None:
    busy = iter([True, True, True])

    def refuse(batch: IngestBatch) -> None:
        if batch.records and next(busy, False):
            raise TooManyRequests("come again")

    server.failing = refuse
    with sending(levada_home, server) as process:
        process.write(10)
        eventually(lambda: process.shipper.acknowledged == 10)
    assert process.said == []


def test_batches_that_are_too_large_are_halved_and_a_record_that_is_too_large_is_named(
    levada_home: Path, server: Server
) -> None:
    def refuse(batch: IngestBatch) -> None:
        if sum(len(payload) for _, payload in batch.records) > 5_000:
            raise RequestTooLarge("too large")

    server.failing = refuse
    with sending(levada_home, server) as process:
        process.write(100)
        process.journal.append(log_line("x" * 9_000))
        process.write(100, first=102)
        eventually(lambda: process.shipper.acknowledged == 201, timeout=20)
    assert sorted(set(server.sequences)) == [n for n in range(1, 202) if n != 101]
    assert any("Record 101" in said for said in process.said)


def test_what_the_server_asks_is_carried_out_once_while_it_is_repeated(levada_home: Path, server: Server) -> None:
    cancel = Command("cancel", b"r" * 16, reason="by ana")
    server.answer = lambda: IngestAnswer(renew_seconds=0.05, commands=[cancel])
    with sending(levada_home, server) as process:
        process.write(1)
        eventually(lambda: len(server.batches) > 4)
    assert process.asked == [cancel]


def test_a_command_that_cannot_be_carried_out_stops_no_shipping(levada_home: Path, server: Server) -> None:
    server.answer = lambda: IngestAnswer(renew_seconds=0.05, commands=[Command("cancel", b"r" * 16)])
    process = Sending(levada_home, server)

    def fail(_: Command) -> bool:
        raise RuntimeError("no such thing")

    process.shipper._obey = fail
    process.write(1)
    eventually(lambda: bool(process.said))
    process.write(5, first=2)
    process.end()
    assert server.sequences == [1, 2, 3, 4, 5, 6]


def test_a_journal_read_anew_goes_on_where_the_server_has_it(levada_home: Path, server: Server) -> None:
    writer = JournalWriter(levada_home, writer=WRITER, destination=URL)
    for number in range(1, 6):
        writer.append(task_state(number))
    outgoing = Outgoing(WriterDirectory(levada_home, WRITER))
    parcel = outgoing.next()
    assert parcel is not None
    outgoing.delivered(parcel)
    writer.append(task_state(6))

    again = Outgoing(WriterDirectory(levada_home, WRITER))

    assert shipped_up_to(again.directory).sequence == 5
    following = again.next()
    assert following is not None
    assert [sequence for sequence, _ in following.records] == [6]
    writer.close()


def test_a_cursor_that_cannot_be_read_sends_everything_again(levada_home: Path) -> None:
    writer = JournalWriter(levada_home, writer=WRITER, destination=URL)
    writer.append(task_state(1))
    directory = WriterDirectory(levada_home, WRITER)
    (directory.path / "shipped").write_text("0001 garb")
    parcel = Outgoing(directory).next()
    assert parcel is not None
    assert len(parcel.records) == 1
    writer.close()


# What dead processes left --------------------------------------------------------------------------------------------


def left_by_a_dead_process(home: Path, count: int = 10, destination: str | None = URL) -> WriterDirectory:
    writer = JournalWriter(home, writer=WRITER, destination=destination)
    for number in range(1, count + 1):
        writer.append(task_state(number))
    writer.close()
    return WriterDirectory(home, WRITER)


def test_leftovers_are_shipped_to_their_end_and_removed(levada_home: Path, server: Server) -> None:
    directory = left_by_a_dead_process(levada_home)
    shipment = Shipment()
    ship(directory, server.take_in, shipment)
    assert server.sequences == list(range(1, 11))
    assert server.batches[-1].ended
    assert not any(batch.ended for batch in server.batches[:-1])
    assert (shipment.journals, shipment.records) == (1, 10)
    assert writers(levada_home) == []


def test_only_journals_of_the_address_are_leftovers_and_living_ones_never(levada_home: Path) -> None:
    left_by_a_dead_process(levada_home)
    local = JournalWriter(levada_home, writer=b"l" * 16)
    local.append(task_state(1))
    living = JournalWriter(levada_home, writer=b"a" * 16, destination=URL)
    living.append(task_state(1))
    local.close()
    assert [one.writer for one in leftovers(levada_home, URL)] == [WRITER]
    assert leftovers(levada_home, "http://elsewhere/api") == []
    assert [one.writer for one in leftovers(levada_home)] == [WRITER]
    living.close()


def test_two_processes_do_not_ship_the_same_leftover_at_once(levada_home: Path, server: Server) -> None:
    directory = left_by_a_dead_process(levada_home)
    inner = Shipment()
    server.failing = lambda batch: ship(directory, server.take_in, inner) if not inner.busy else None
    shipment = Shipment()
    ship(directory, server.take_in, shipment)
    assert (shipment.records, inner.records, inner.busy) == (10, 0, 1)


def test_shipping_that_breaks_off_goes_on_where_it_was(levada_home: Path, server: Server) -> None:
    directory = left_by_a_dead_process(levada_home, 5_000)
    sent = iter(range(2))

    def break_off(_: IngestBatch) -> None:
        if next(sent, None) is None:
            raise ServerUnavailable("gone in the middle")

    server.failing = break_off
    with pytest.raises(ServerUnavailable):
        ship(directory, server.take_in, Shipment())
    server.come_back()
    ship(directory, server.take_in, Shipment())
    assert server.sequences == list(range(1, 5_001))


# Acknowledged --------------------------------------------------------------------------------------------------------


def test_an_acknowledged_step_is_on_the_server_when_it_is_over(levada_home: Path, server: Server) -> None:
    with sending(levada_home, server) as process:
        journal = AcknowledgedJournal(
            process.journal, process.shipper, warn=process.said.append, broken_off=lambda: False
        )
        for number in range(1, 6):
            journal.append(task_state(number))
            assert server.sequences[-1] == number


def test_waiting_for_an_acknowledgement_can_be_broken_off(levada_home: Path, server: Server) -> None:
    server.go_away()
    told_to_stop = threading.Event()
    with sending(levada_home, server, flush_seconds=0.2) as process:
        journal = AcknowledgedJournal(
            process.journal, process.shipper, warn=process.said.append, broken_off=told_to_stop.is_set
        )
        waiting = threading.Thread(target=journal.append, args=(task_state(1),))
        waiting.start()
        eventually(lambda: process.shipper.away)
        assert waiting.is_alive()
        told_to_stop.set()
        waiting.join(5)
        assert not waiting.is_alive()


def test_a_process_that_is_called_says_something_at_once(levada_home: Path, server: Server) -> None:
    server.answer = lambda: IngestAnswer(renew_seconds=60, lease_seconds=600)
    with sending(levada_home, server) as process:
        process.shipper.call()  # nothing is shipped yet, so there is nobody to call
        process.write(1)
        eventually(lambda: process.shipper.acknowledged == 1)
        before = len(server.batches)
        server.answer = lambda: IngestAnswer(commands=[Command("cancel", bytes(16))], renew_seconds=60)
        process.shipper.call()
        eventually(lambda: process.asked)
        assert len(server.batches) == before + 1
