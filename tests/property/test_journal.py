"""What must hold of a journal for any records, any damage and any order of misfortunes."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from levada.journal import JournalWriter
from levada.journal.backlog import Backlog
from levada.journal.format import HEADER_SIZE, decode, encode
from levada.wire.records import LogLine, Record, TaskState
from tests.unit.journal.stream import (
    WRITER,
    directory,
    entries,
    full_disk,
    journal,
    log_line,
    problems,
    records,
    segment_files,
    task_state,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
logs = st.builds(
    log_line,
    st.text(max_size=40),
    level=st.integers(0, 60),
    fields=st.none() | st.dictionaries(st.text(max_size=4), values, max_size=3),
)
states = st.builds(
    task_state, st.integers(0, 2**40), name=st.text(max_size=9), details=st.none() | st.just({"reason": "x"})
)
streams = st.lists(logs | states, min_size=1, max_size=12)
segment_sizes = st.sampled_from([200, 400, 1_000, 1 << 20])


@contextmanager
def new_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def write(home: Path, stream: list[Record], **options: Any) -> None:
    with journal(home, **options) as writer:
        for record in stream:
            writer.append(record)


@given(streams, segment_sizes)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_in_order(stream, segment_bytes):
    with new_home() as home:
        write(home, stream, segment_bytes=segment_bytes)
        assert records(home) == stream
        assert problems(home) == []


@given(st.recursive(st.text() | st.integers() | st.floats(), lambda inner: st.lists(inner) | st.sets(st.integers())))
@settings(max_examples=100, deadline=None)
def test_every_value_that_is_logged_can_be_recorded(value):
    assert isinstance(decode(encode(log_line("x", fields={"value": value}))), LogLine)


@given(st.text(st.characters(codec=None, categories=("Cs", "L", "S"))))
def test_every_text_that_is_logged_can_be_recorded(text):
    assert isinstance(decode(encode(log_line(text))), LogLine)


@given(streams, segment_sizes, st.data())
@settings(max_examples=80, deadline=None)
def test_a_file_cut_anywhere_gives_a_prefix(stream, segment_bytes, data):
    with new_home() as home:
        write(home, stream, segment_bytes=segment_bytes)
        files = segment_files(home)
        which = data.draw(st.integers(0, len(files) - 1))
        for file in files[which + 1 :]:
            file.unlink()
        whole = files[which].read_bytes()
        size = data.draw(st.integers(0, len(whole)))
        files[which].write_bytes(whole[:size])
        found = records(home)
        assert found == stream[: len(found)]
        assert [problem.kind for problem in problems(home)] in ([], ["torn"])


@given(streams, segment_sizes, st.data())
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_costs_at_most_the_record_it_is_in(stream, segment_bytes, data):
    with new_home() as home:
        write(home, stream, segment_bytes=segment_bytes)
        whole = entries(home)
        file = data.draw(st.sampled_from(segment_files(home)))
        content = bytearray(file.read_bytes())
        bit = data.draw(st.integers(0, len(content) * 8 - 1))
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bytes(content))
        found = entries(home)
        ends = [HEADER_SIZE, *(entry.next_offset for entry in whole if entry.segment == int(file.stem))]
        hit = sum(end <= bit // 8 for end in ends)  # 0: the header
        lost = [entry for entry in whole if entry.segment == int(file.stem)][hit - 1 : hit] if hit else []
        assert found == [entry for entry in whole if entry not in lost]
        assert problems(home)


@given(streams, st.binary(min_size=1, max_size=300), st.data())
@settings(max_examples=80, deadline=None)
def test_rubbish_between_records_costs_no_record(stream, rubbish, data):
    with new_home() as home:
        write(home, stream)
        [file] = segment_files(home)
        content = file.read_bytes()
        at = data.draw(st.sampled_from([HEADER_SIZE, *(entry.next_offset for entry in entries(home))]))
        file.write_bytes(content[:at] + rubbish + content[at:])
        assert records(home) == stream
        assert {problem.kind for problem in problems(home)} <= {"corrupted", "torn"}
        assert sum(problem.size for problem in problems(home)) == len(rubbish)


@given(streams, segment_sizes, st.lists(st.integers(1, 4), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_reading_in_pieces_gives_what_reading_at_once_gives(stream, segment_bytes, limits):
    with new_home() as home:
        write(home, stream, segment_bytes=segment_bytes)
        found, segment, offset, after = [], 0, 0, None
        for limit in itertools.cycle(limits):
            reading = directory(home).read(segment, offset, limit, after)
            found += list(reading)
            assert reading.problems == []
            segment, offset, after = reading.segment, reading.offset, reading.sequence
            if reading.done:
                break
        assert found == entries(home)


@pytest.mark.parametrize("round_", range(3))
def test_threads_that_append_at_once_lose_nothing_while_others_read(tmp_path, round_):
    writer = journal(tmp_path, segment_bytes=[300, 2_000, 1 << 20][round_])
    start = threading.Barrier(5)
    seen: list[tuple[int, int]] = []

    def append(thread: int) -> None:
        start.wait()
        for n in range(200):
            writer.append(log_line(f"{thread}:{n}"))

    def read() -> None:
        start.wait()
        segment, offset, after = 0, 0, None
        while len(seen) < 800:
            reading = directory(tmp_path).read(segment, offset, after=after)
            seen.extend((entry.sequence, len(entry.record.message)) for entry in reading)
            assert reading.problems == []
            segment, offset, after = reading.segment, reading.offset, reading.sequence

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert [sequence for sequence, _ in seen] == [*range(1, 801)]
    assert len(records(tmp_path)) == 800


class Misfortunes(RuleBasedStateMachine):
    """Disks that fill and empty, clocks that run, homes that come and go; at the end every record is accounted for."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.TemporaryDirectory()
        self.home = Path(self.root.name) / "home"
        self.fallback = Path(self.root.name) / "private" / "digest" / "journal"
        self.time = 0.0
        self.appended = 0
        self.told: list[str] = []
        self.disk: int | None = None

    @initialize(home_at_first=st.booleans(), fallback=st.booleans(), segment_bytes=segment_sizes, memory=st.booleans())
    def begin(self, home_at_first: bool, fallback: bool, segment_bytes: int, memory: bool) -> None:
        if not home_at_first:
            self.home.touch()
        self.writer = JournalWriter(
            self.home,
            writer=WRITER,
            segment_bytes=segment_bytes,
            on_trouble=self.told.append,
            fallbacks=[self.fallback] if fallback else [],
            monotonic=lambda: self.time,
            now_us=lambda: 1,
        )
        self.writer._backlog = Backlog(100_000 if memory else 1_500)

    @rule(count=st.integers(1, 30), log=st.booleans())
    def append(self, count: int, log: bool) -> None:
        for _ in range(count):
            self.appended += 1
            record = log_line(str(self.appended)) if log else task_state(self.appended)
            if self.disk is None:
                self.writer.append(record)
            else:
                with full_disk(self.disk):
                    self.writer.append(record)

    @rule(size=st.integers(0, 3_000))
    def disk_fills(self, size: int) -> None:
        self.disk = size

    @rule()
    def disk_empties(self) -> None:
        self.disk = None

    @rule()
    def home_becomes_possible(self) -> None:
        if self.home.is_file():
            self.home.unlink()

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.time += seconds

    @invariant()
    def numbers_are_given_out_once(self) -> None:
        if hasattr(self, "writer"):
            assert self.writer.sequence >= self.appended

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.home_becomes_possible()
            self.writer.close()
            self.check()
        self.root.cleanup()

    def check(self) -> None:
        found: list[Any] = []
        gaps: list[Any] = []
        if self.appended:
            found, gaps = self.read_both()
        kept = [int(record.message) for record in found if isinstance(record, LogLine) and record.message.isdigit()]
        kept += [record.n for record in found if isinstance(record, TaskState)]
        notes = [record for record in found if isinstance(record, LogLine) and not record.message.isdigit()]
        lost = sum(note.fields["lost_records"] for note in notes)
        assert len(set(kept)) == len(kept), "nothing is there twice"
        assert len(kept) + lost == self.appended, "what is not there is counted"
        assert {gap.kind for gap in gaps} <= {"missing"}
        assert sum(gap.size for gap in gaps) == lost
        assert bool(lost) == any("no room" in message for message in self.told)

    def read_both(self) -> tuple[list[Any], list[Any]]:
        # The fallback of this test stands where no reader looks; its segments are moved to the home, as numbered.
        away, home = self.fallback / WRITER.hex(), self.home / "journal" / WRITER.hex()
        if away.is_dir():
            home.mkdir(parents=True, exist_ok=True)
            for file in away.glob("*.seg"):
                assert not (home / file.name).exists(), "numbers of segments are used once"
                file.rename(home / file.name)
        return records(self.home), problems(self.home)


Misfortunes.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMisfortunes = Misfortunes.TestCase
