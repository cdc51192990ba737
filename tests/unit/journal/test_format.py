from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zlib import crc32

import msgspec
import pytest

from levada.core.errors import JournalError
from levada.journal import UnknownRecord
from levada.journal.format import (
    FRAME_SIZE,
    HEADER_SIZE,
    decode,
    encode,
    frame_at,
    pack_frame,
    pack_header,
    seed_of,
    unpack_header,
)
from levada.wire import records as wire
from tests.unit.journal.stream import WRITER, log_line, task_state

ONE_OF_EACH = [
    wire.RunOpened(b"r" * 16, 1, 1, 2, "etl", "misty-weir", WRITER, parameters=wire.Payload("json", b"{}"), tags=["a"]),
    wire.RunState(b"r" * 16, 1, 2, 3, 2, "Running", details={"reason": "x"}),
    wire.RunChanged(b"r" * 16, 1, 3, 4, labels={"team": "water"}),
    wire.TaskOpened(b"t" * 16, None, 1, 1, 5, "etl.load", "load-0", inputs={"x": [b"u" * 16]}, started=True),
    task_state(1),
    wire.TaskChanged(b"t" * 16, b"r" * 16, 1, 2, 6, "load-2026"),
    log_line("hello", fields={"rows": 3}),
    wire.ArtifactWritten(b"a" * 16, b"r" * 16, None, 7, "table", "rows", [{"a": 1}]),
    wire.TaskReused(b"t" * 16, b"r" * 16, 2, 1, 8, b"s" * 16),
]


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_every_record_comes_back_from_its_bytes(record):
    assert decode(encode(record)) == record


def test_the_kinds_of_records_are_all_tested_here():
    assert {type(record) for record in ONE_OF_EACH} == set(wire.Record.__args__)


def test_a_header_says_whose_segment_it_is():
    header = unpack_header(pack_header(WRITER, 7, 1_001))
    assert (header.number, header.writer, header.first, header.size) == (7, WRITER, 1_001, HEADER_SIZE)


def test_a_header_with_any_bit_flipped_is_damaged():
    good = pack_header(WRITER, 7, 1_001)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert unpack_header(bytes(bad)) is None


def test_a_segment_of_a_newer_format_is_refused_and_not_misread():
    head = struct.pack("<8sHHI16sQ", b"LEVADAJ\n", 2, HEADER_SIZE, 1, WRITER, 1)
    with pytest.raises(JournalError, match="format 2; this version of Levada reads up to 1"):
        unpack_header(head + struct.pack("<I", crc32(head)))


def test_a_frame_can_be_read_from_the_description_of_the_format_alone():
    frame = pack_frame(b"payload", 9, seed_of(WRITER, 3))
    crc, length, sequence = struct.unpack("<IIQ", frame[:16])
    assert (length, sequence, frame[16:]) == (7, 9, b"payload")
    assert crc == crc32(frame[4:], crc32(WRITER + struct.pack("<I", 3)))


def test_a_frame_is_valid_only_in_the_segment_it_was_written_to():
    frame = pack_frame(b"payload", 9, seed_of(WRITER, 3))
    assert frame_at(frame, 0, seed_of(WRITER, 3)) == (9, len(frame))
    assert frame_at(frame, 0, seed_of(WRITER, 4)) is None
    assert frame_at(frame, 0, seed_of(bytes(16), 3)) is None


def test_zeros_are_no_frame():
    assert frame_at(bytes(64), 0, 0) is None
    assert frame_at(bytes(64), 0, seed_of(bytes(16), 0)) is None


def test_a_frame_that_is_cut_is_no_frame():
    frame = pack_frame(b"payload", 9, 1)
    assert all(frame_at(frame[:size], 0, 1) is None for size in range(len(frame)))
    assert len(frame) == FRAME_SIZE + 7


def test_a_record_of_a_newer_version_is_kept_as_it_is():
    payload = msgspec.msgpack.encode([99, b"r" * 16, {"new": True}])
    kept = decode(memoryview(payload))
    assert isinstance(kept, UnknownRecord)
    assert (kept.tag, kept.payload) == (99, payload)


def test_a_payload_that_is_no_record_at_all_is_kept_too():
    kept = decode(b"\xc1")
    assert isinstance(kept, UnknownRecord)
    assert kept.tag is None


def test_fields_that_a_newer_version_added_are_passed_over():
    payload = msgspec.msgpack.encode(
        [*msgspec.msgpack.decode(encode(wire.TaskReused(b"t", None, 1, 2, 3, b"s"))), "new"]
    )
    assert decode(payload) == wire.TaskReused(b"t", None, 1, 2, 3, b"s")


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no")


class Plain:
    def __repr__(self) -> str:
        return "Plain()"


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (2**64 - 1, 2**64 - 1),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ({"\udc80": 1}, {"\\udc80": 1}),
        (Plain(), "Plain()"),
        (Broken(), "<Broken whose repr raised ValueError>"),
        ({Plain(): 2**70}, {"Plain()": str(2**70)}),
        ({(1, 2): 1}, {(1, 2): 1}),
        (UUID(int=1), str(UUID(int=1))),
        (Path("/data"), repr(Path("/data"))),
        ((1, 2), [1, 2]),
        (float("inf"), float("inf")),
    ],
)
def test_what_a_user_logs_is_always_recorded(value, kept):
    record = decode(encode(log_line("x", fields={"value": value})))
    assert record.fields == {"value": kept}


def test_dates_are_recorded():
    record = decode(encode(log_line("x", fields={"value": datetime(2026, 7, 1, tzinfo=UTC)})))
    assert "2026" in str(record.fields["value"])


def test_a_message_with_lone_surrogates_is_recorded():
    assert decode(encode(log_line("caf\udce9"))).message == "caf\\udce9"


def test_values_without_end_are_cut():
    endless: list[object] = []
    endless.append(endless)
    for value in (nested(100_000), endless):
        kept = decode(encode(log_line("x", fields={"value": value})))
        assert isinstance(kept, wire.LogLine)
        assert len(str(kept.fields)) < 1_000


def test_long_texts_of_strange_objects_are_cut():
    class Long:
        def __repr__(self) -> str:
            return "x" * 10_000

    kept = decode(encode(log_line("x", fields={"value": Long()}))).fields["value"]
    assert len(kept) == 500
    assert kept.endswith("…")
