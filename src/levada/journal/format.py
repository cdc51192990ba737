"""The bytes of a segment: a header, then frames. ``docs/journal-format.md`` describes them for other readers.

::

    header   magic 8 | version u16 | header size u16 | segment number u32 | writer 16 | first sequence u64 | crc u32
    frame    crc u32 | length u32 | sequence u64 | payload

All numbers are little-endian. A frame's CRC-32 starts from a seed made of the writer and the segment number and runs
over everything after it, so that a frame is valid only in the segment it was written to: old disk blocks, and journal
bytes that a user logged, are never taken for records.
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Any, Final
from zlib import crc32

import msgspec

from levada.core.errors import JournalError
from levada.wire.records import Record

MAGIC: Final = b"LEVADAJ\n"
VERSION: Final = 1

_HEADER: Final = Struct("<8sHHI16sQ")
_CHECKED_HEADER: Final = Struct("<8sHHI16sQI")
_SEED: Final = Struct("<16sI")
FRAME_HEAD: Final = Struct("<IIQ")
FRAME_TAIL: Final = Struct("<IQ")
"""The part of a frame's head that its checksum covers."""

HEADER_SIZE: Final = _CHECKED_HEADER.size
FRAME_SIZE: Final = FRAME_HEAD.size
LONGEST_TEXT: Final = 500
"""Characters kept of a value that only its text can stand for."""


class Header(msgspec.Struct, frozen=True):
    """What a segment says of itself.

    Attributes:
        version: of the format.
        size: bytes of the header; frames start there.
        number: of the segment within its writer's stream.
        writer: 16-byte id of the stream.
        first: sequence number that the first record was going to have.
    """

    version: int
    size: int
    number: int
    writer: bytes
    first: int


class UnknownRecord(msgspec.Struct, frozen=True):
    """A record whose checksum is right and which this version of Levada cannot understand; kept as it is.

    Attributes:
        tag: which kind of record a newer version calls it; None when the payload is no tagged array.
        payload: the MessagePack bytes.
        problem: why it was not understood.
    """

    tag: int | None
    payload: bytes
    problem: str


def seed_of(writer: bytes, number: int) -> int:
    """What the checksums of a segment's frames start from."""
    return crc32(_SEED.pack(writer, number))


def pack_header(writer: bytes, number: int, first: int) -> bytes:
    """The header of a new segment."""
    head = _HEADER.pack(MAGIC, VERSION, HEADER_SIZE, number, writer, first)
    return head + crc32(head).to_bytes(4, "little")


def unpack_header(data: bytes) -> Header | None:
    """The header at the start of `data`, or None when it is incomplete or damaged.

    Raises:
        JournalError: the segment was written by a newer version of Levada, in a format this one does not know.
    """
    if len(data) < HEADER_SIZE:
        return None
    magic, version, size, number, writer, first, crc = _CHECKED_HEADER.unpack_from(data)
    if magic != MAGIC or crc32(data[: _HEADER.size]) != crc:
        return None
    if version > VERSION:
        raise JournalError(f"The journal segment has format {version}; this version of Levada reads up to {VERSION}.")
    return Header(version, size, number, writer, first)


def pack_frame(payload: bytes, sequence: int, seed: int) -> bytes:
    """One frame; `JournalWriter.append` does the same inline, for speed."""
    size = len(payload)
    return FRAME_HEAD.pack(crc32(payload, crc32(FRAME_TAIL.pack(size, sequence), seed)), size, sequence) + payload


def frame_at(data: bytes, start: int, seed: int) -> tuple[int, int] | None:
    """Sequence and end of the valid frame that starts at `start` of `data`, or None when there is none."""
    body = start + FRAME_SIZE
    if body > len(data):
        return None
    crc, size, sequence = FRAME_HEAD.unpack_from(data, start)
    end = body + size
    if size == 0 or end > len(data) or crc32(memoryview(data)[start + 4 : end], seed) != crc:
        return None
    return sequence, end


def encode(record: Record) -> bytes:
    """The payload of a record.

    Never fails for what a user put into it: values that MessagePack cannot carry are replaced by their text.
    """
    try:
        return _encode(record)
    except Exception:  # noqa: BLE001 - text with lone surrogates, huge integers, endless nesting: kept as text
        return _encode(_softened(record, 0))


def decode(payload: bytes | memoryview) -> Record | UnknownRecord:
    """The record of a payload; one that is not understood is kept as an `UnknownRecord`."""
    try:
        record: Record = _decoder().decode(payload)
    except msgspec.MsgspecError as problem:
        return UnknownRecord(_tag_of(payload), bytes(payload), str(problem))
    return record


def _tag_of(payload: bytes | memoryview) -> int | None:
    try:
        fields = msgspec.msgpack.decode(payload, type=list[Any])
    except msgspec.MsgspecError:
        return None
    return fields[0] if fields and isinstance(fields[0], int) else None


def _as_text(value: object) -> str:
    try:
        text = repr(value)
    except Exception as problem:  # noqa: BLE001 - a broken __repr__ of a logged object must not end a run
        text = f"<{type(value).__name__} whose repr raised {type(problem).__name__}>"
    text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def _softened(value: Any, depth: int) -> Any:
    kind = type(value)
    if value is None or kind in {bool, float, bytes}:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else _as_text(value)
    if kind is str:
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, msgspec.Struct):
        return kind(*[_softened(getattr(value, name), depth + 1) for name in kind.__struct_fields__])
    if depth > 20:
        return _as_text(value)
    if isinstance(value, dict):
        return {
            _softened(key if isinstance(key, str) else _as_text(key), depth + 1): _softened(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_softened(item, depth + 1) for item in value]
    return _as_text(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_as_text).encode


@cache
def _decoder() -> msgspec.msgpack.Decoder[Record]:
    # Made when something is first read, because a process that only writes does not need it.
    return msgspec.msgpack.Decoder(Record)
