from __future__ import annotations

import os
from zlib import crc32

import msgspec
import pytest

from levada.core.errors import JournalCorrupted, JournalError
from levada.journal import UnknownRecord, writers
from levada.journal.format import FRAME_SIZE, HEADER_SIZE, encode, pack_frame, pack_header, seed_of
from tests.unit.journal.stream import (
    WRITER,
    directory,
    entries,
    journal,
    log_line,
    problems,
    records,
    segment_files,
    task_state,
)

FRAME = FRAME_SIZE + len(encode(task_state(1)))


def write(home, count, first=0, **options):
    with journal(home, **options) as writer:
        for n in range(first, first + count):
            writer.append(task_state(n))
    return segment_files(home, options.get("writer", WRITER))


def numbers(home):
    return [record.n for record in records(home)]


def cut(file, size):
    os.truncate(file, size)


def overwrite(file, offset, data):
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)


def test_a_home_without_a_journal_has_no_writers(tmp_path):
    assert writers(tmp_path) == []
    assert writers(tmp_path / "nowhere") == []


def test_writers_are_listed_oldest_first_and_other_files_are_passed_over(tmp_path):
    for writer in (b"\x02" * 16, b"\x01" * 16):
        write(tmp_path, 1, writer=writer)
    (tmp_path / "journal" / "notes.txt").touch()
    (tmp_path / "journal" / f".new-{WRITER.hex()}").mkdir()
    assert [found.writer for found in writers(tmp_path)] == [b"\x01" * 16, b"\x02" * 16]


def test_reading_goes_on_where_it_stopped(tmp_path):
    write(tmp_path, 30, segment_bytes=700)
    found, position = [], (0, 0)
    while True:
        reading = directory(tmp_path).read(*position, limit=4)
        batch = list(reading)
        found += [entry.record.n for entry in batch]
        assert len(batch) == 4 or reading.done
        position = (reading.segment, reading.offset)
        if reading.done:
            break
        assert position == (batch[-1].segment, batch[-1].next_offset)
    assert found == [*range(30)]


def test_any_entry_is_a_place_to_go_on_from(tmp_path):
    write(tmp_path, 12, segment_bytes=500)
    for entry in entries(tmp_path):
        rest = entries(tmp_path, segment=entry.segment, offset=entry.next_offset, after=entry.sequence)
        assert [found.sequence for found in rest] == [*range(entry.sequence + 1, 13)]


def test_a_reading_that_is_done_with_a_dead_writer_stays_done(tmp_path):
    write(tmp_path, 3)
    reading = directory(tmp_path).read()
    assert len(list(reading)) == 3
    assert (reading.done, reading.live, reading.sequence) == (True, False, 3)
    again = directory(tmp_path).read(reading.segment, reading.offset, after=3)
    assert list(again) == []
    assert (again.done, again.problems, again.segment, again.offset) == (True, [], reading.segment, reading.offset)


def test_what_a_live_writer_appends_is_seen_by_the_next_reading(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(0))
        reading = directory(tmp_path).read()
        assert [entry.record.n for entry in reading] == [0]
        assert reading.live
        assert reading.done
        writer.append(task_state(1))
        assert [entry.record.n for entry in directory(tmp_path).read(reading.segment, reading.offset)] == [1]


def test_drained_segments_can_be_removed_while_the_writer_goes_on(tmp_path):
    with journal(tmp_path, segment_bytes=500) as writer:
        for n in range(10):
            writer.append(task_state(n))
        found = directory(tmp_path)
        reading = found.read()
        assert len(list(reading)) == 10
        assert found.remove_segments(before=reading.segment) == reading.segment - 1
        for n in range(10, 20):
            writer.append(task_state(n))
        rest = list(found.read(reading.segment, reading.offset, after=reading.sequence))
        assert [entry.record.n for entry in rest] == [*range(10, 20)]
    assert problems(tmp_path) == []


def test_a_reading_that_starts_in_a_removed_segment_starts_with_the_next(tmp_path):
    write(tmp_path, 10, segment_bytes=500)
    found = directory(tmp_path)
    found.remove_segments(before=3)
    assert entries(tmp_path, segment=1, offset=200)[0].segment == 3


def test_only_a_dead_writers_directory_can_be_removed(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(0))
        assert not directory(tmp_path).remove()
        (writer.directories[0] / "inbox").mkdir()
        (writer.directories[0] / "inbox" / "a.cancel").touch()
    found = directory(tmp_path)
    assert found.remove()
    assert found.remove(), "removing what is gone is no error"
    assert writers(tmp_path) == []
    assert list(found.read()) == []


def test_what_was_left_of_a_journal_in_the_making_goes_with_the_next_one_that_is_removed(tmp_path):
    write(tmp_path, 1)
    old, young = (tmp_path / "journal" / f".new-{digit * 32}" for digit in "ab")
    for path in (old, young):
        path.mkdir()
        (path / "lock").touch()
    os.utime(old, (0, 0))
    assert directory(tmp_path).remove()
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("left", [1, FRAME_SIZE - 1, FRAME_SIZE, FRAME - 1])
def test_the_torn_tail_of_a_dead_writer_is_cut_and_told(tmp_path, left):
    [file] = write(tmp_path, 3)
    cut(file, HEADER_SIZE + 2 * FRAME + left)
    assert numbers(tmp_path) == [0, 1]
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.segment, problem.offset, problem.size) == ("torn", 1, HEADER_SIZE + 2 * FRAME, left)
    assert f"{left} bytes of a record that was not finished" in problem.message


def test_a_record_that_a_live_writer_has_not_finished_is_waited_for(tmp_path):
    with journal(tmp_path) as writer:
        for n in range(2):
            writer.append(task_state(n))
        [file] = segment_files(tmp_path)
        whole = file.read_bytes()
        cut(file, len(whole) - 5)
        reading = directory(tmp_path).read()
        assert [entry.record.n for entry in reading] == [0]
        assert (reading.problems, reading.done, reading.offset) == ([], True, HEADER_SIZE + FRAME)
        overwrite(file, 0, whole)
        assert [entry.record.n for entry in directory(tmp_path).read(reading.segment, reading.offset)] == [1]


def test_a_torn_tail_is_told_once_and_then_passed(tmp_path):
    [file] = write(tmp_path, 3)
    cut(file, HEADER_SIZE + 2 * FRAME + 9)
    reading = directory(tmp_path).read()
    list(reading)
    again = directory(tmp_path).read(reading.segment, reading.offset)
    assert list(again) == []
    assert (again.problems, again.done) == ([], True)


def test_a_torn_end_of_a_segment_that_has_a_successor_loses_no_later_record(tmp_path):
    files = write(tmp_path, 9, segment_bytes=HEADER_SIZE + 3 * FRAME)
    cut(files[0], HEADER_SIZE + 2 * FRAME + 7)
    assert numbers(tmp_path) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert [(problem.kind, problem.segment, problem.size) for problem in problems(tmp_path)] == [
        ("torn", 1, 7),
        ("missing", 2, 1),
    ]


def test_a_damaged_record_costs_itself_and_no_other(tmp_path):
    [file] = write(tmp_path, 6)
    overwrite(file, HEADER_SIZE + 2 * FRAME + 40, b"damage")
    assert numbers(tmp_path) == [0, 1, 3, 4, 5]
    corrupted, missing = problems(tmp_path)
    assert (corrupted.kind, corrupted.offset, corrupted.size) == ("corrupted", HEADER_SIZE + 2 * FRAME, FRAME)
    assert (missing.kind, missing.size) == ("missing", 1)
    with pytest.raises(JournalCorrupted, match=rf"Segment 1 of writer {WRITER.hex()} has {FRAME} bytes"):
        raise corrupted.error()


def test_a_damaged_length_costs_no_other_record(tmp_path):
    for length in (0, 1, 10, 2**31, 2**32 - 1):
        writer = length.to_bytes(16, "big")
        [file] = write(tmp_path, 6, writer=writer)
        overwrite(file, HEADER_SIZE + 2 * FRAME + 4, length.to_bytes(4, "little"))
        assert [record.n for record in records(tmp_path, writer)] == [0, 1, 3, 4, 5]


def test_damage_in_the_segment_of_a_live_writer_is_passed_as_soon_as_something_follows(tmp_path):
    with journal(tmp_path) as writer:
        for n in range(2):
            writer.append(task_state(n))
        [file] = segment_files(tmp_path)
        overwrite(file, HEADER_SIZE + FRAME + 30, b"damage")
        assert numbers(tmp_path) == [0]
        assert problems(tmp_path) == []
        writer.append(task_state(2))
        assert numbers(tmp_path) == [0, 2]
        assert problems(tmp_path)[0].kind == "corrupted"


def test_a_damaged_last_record_is_told_as_damage_and_not_as_torn(tmp_path):
    [file] = write(tmp_path, 2)
    overwrite(file, HEADER_SIZE + FRAME + 30, b"damage")
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.size) == ("corrupted", FRAME)


def test_blocks_of_zeros_are_crossed_fast(tmp_path):
    """A machine that lost power may leave a hole of zeros in a file; a scan byte by byte would take seconds."""
    [file] = write(tmp_path, 6)
    data = file.read_bytes()
    at = HEADER_SIZE + 3 * FRAME
    file.write_bytes(data[:at] + bytes(6 << 20) + data[at:])
    assert numbers(tmp_path) == [*range(6)]
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.size) == ("corrupted", 6 << 20)


def test_a_tail_of_zeros_is_cut(tmp_path):
    [file] = write(tmp_path, 3)
    with file.open("ab") as opened:
        opened.write(bytes(3 << 20))
    assert numbers(tmp_path) == [0, 1, 2]
    assert [problem.size for problem in problems(tmp_path)] == [3 << 20]


def test_a_damaged_header_loses_no_record(tmp_path):
    files = write(tmp_path, 9, segment_bytes=HEADER_SIZE + 3 * FRAME)
    overwrite(files[1], 3, b"damage")
    assert numbers(tmp_path) == [*range(9)]
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.segment, problem.offset, problem.size) == ("corrupted", 2, 0, HEADER_SIZE)


@pytest.mark.parametrize("left", [0, 1, HEADER_SIZE - 1])
def test_a_segment_that_was_just_being_made_is_empty(tmp_path, left):
    files = write(tmp_path, 6, segment_bytes=HEADER_SIZE + 3 * FRAME)
    cut(files[1], left)
    assert numbers(tmp_path) == [0, 1, 2]
    assert [(problem.kind, problem.size) for problem in problems(tmp_path)] == ([("torn", left)] if left else [])


def test_the_segment_of_another_stream_is_not_taken_for_ones_own(tmp_path):
    [file] = write(tmp_path, 3)
    other = b"o" * 16
    write(tmp_path, 3, first=10, writer=other)
    segment_files(tmp_path, other)[0].write_bytes(file.read_bytes())
    assert records(tmp_path, other) == []
    assert problems(tmp_path, other)[0].kind == "corrupted"


def test_a_missing_segment_is_told_as_missing_records(tmp_path):
    files = write(tmp_path, 9, segment_bytes=HEADER_SIZE + 3 * FRAME)
    files[1].unlink()
    assert numbers(tmp_path) == [0, 1, 2, 6, 7, 8]
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.segment, problem.size) == ("missing", 3, 3)
    assert "lacks the records 4 to 6" in problem.message


def test_records_lost_before_an_empty_segment_are_told_too(tmp_path):
    files = write(tmp_path, 6, segment_bytes=HEADER_SIZE + 3 * FRAME)
    cut(files[0], HEADER_SIZE + 2 * FRAME)
    cut(files[1], HEADER_SIZE)
    assert [(problem.kind, problem.size) for problem in problems(tmp_path)] == [("missing", 1)]


def test_a_gap_right_after_the_cursor_is_told_to_who_says_what_came_before(tmp_path):
    [file] = write(tmp_path, 3)
    overwrite(file, HEADER_SIZE + FRAME, file.read_bytes()[HEADER_SIZE + 2 * FRAME :])
    cut(file, HEADER_SIZE + 2 * FRAME)
    reading = directory(tmp_path).read(1, HEADER_SIZE + FRAME, after=1)
    assert [entry.sequence for entry in reading] == [3]
    assert [problem.kind for problem in reading.problems] == ["missing"]


def test_sequence_numbers_that_go_back_are_told_and_the_records_kept(tmp_path):
    [file] = write(tmp_path, 2)
    with file.open("ab") as opened:
        opened.write(pack_frame(encode(task_state(9)), 1, seed_of(WRITER, 1)))
    assert numbers(tmp_path) == [0, 1, 9]
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.size) == ("repeated", 2)


def test_a_record_of_a_newer_version_is_handed_out_as_it_is(tmp_path):
    payload = msgspec.msgpack.encode([77, b"r" * 16])
    [file] = write(tmp_path, 1)
    with file.open("ab") as opened:
        opened.write(
            pack_frame(payload, 2, seed_of(WRITER, 1)) + pack_frame(encode(task_state(2)), 3, seed_of(WRITER, 1))
        )
    first, second, third = records(tmp_path)
    assert (first.n, third.n) == (0, 2)
    assert isinstance(second, UnknownRecord)
    assert (second.tag, second.payload) == (77, payload)


def test_a_segment_of_a_newer_format_stops_the_reading_and_is_not_passed(tmp_path):
    write(tmp_path, 1)
    path = directory(tmp_path).path / "000002.seg"
    header = bytearray(pack_header(WRITER, 2, 2))
    header[8] = 9
    header[-4:] = crc32(bytes(header[:-4])).to_bytes(4, "little")
    path.write_bytes(bytes(header))
    reading = directory(tmp_path).read()
    with pytest.raises(JournalError, match="format 9"):
        list(reading)
    assert (reading.segment, reading.offset, reading.done) == (2, 0, False)


def test_records_larger_than_what_is_read_at_once_are_read(tmp_path):
    with journal(tmp_path) as writer:
        for size in (10, 900_000, 200_000, 2_500_000, 10, 1_048_576, 10):
            writer.append(log_line("x" * size))
    assert [len(record.message) for record in records(tmp_path)] == [10, 900_000, 200_000, 2_500_000, 10, 1_048_576, 10]
    assert problems(tmp_path) == []


def test_journal_bytes_inside_a_record_are_not_taken_for_records(tmp_path):
    """A user logs the bytes of a journal, and the record that holds them is damaged: the scan must not see them."""
    write(tmp_path, 3)
    inside = segment_files(tmp_path)[0].read_bytes()
    other = b"o" * 16
    with journal(tmp_path, writer=other) as writer:
        writer.append(task_state(0))
        writer.append(log_line("x", fields={"data": inside}))
        writer.append(task_state(1))
    [file] = segment_files(tmp_path, other)
    overwrite(file, HEADER_SIZE + FRAME + FRAME_SIZE + 2, b"damage")
    assert [record.n for record in records(tmp_path, other)] == [0, 1]
