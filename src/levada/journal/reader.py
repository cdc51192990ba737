"""The reading end: whose journals a home has, and what stands in them.

A reader never waits for a writer and never trusts it to have finished: a frame counts when its checksum does. What
follows a damaged frame is found again by looking for the next valid one, so that one bad block costs the records in
it and no others. Everything that is not as it should be is told as a `Problem`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from levada.core.errors import JournalCorrupted
from levada.journal.format import FRAME_HEAD, FRAME_SIZE, HEADER_SIZE, decode, frame_at, seed_of
from levada.journal.format import unpack_header as parse_header
from levada.journal.layout import LOCK, UNBORN, is_locked, read_destination, segment_number, trusted_roots

_CHUNK: Final = 1 << 20
_NOT_ZERO: Final = re.compile(rb"[^\0]")

TORN, CORRUPTED, MISSING, REPEATED = "torn", "corrupted", "missing", "repeated"


class Entry(NamedTuple):
    """One record, and where the next one starts."""

    sequence: int
    record: Any
    """A `Record` or an `UnknownRecord`; its bytes when it was read raw."""
    segment: int
    next_offset: int


class Problem(msgspec.Struct, frozen=True):
    """Something in a segment that is not as it should be.

    Attributes:
        kind: ``torn`` (the writer died, or its disk filled, in the middle of a record), ``corrupted`` (a record does
            not match its checksum), ``missing`` (sequence numbers were skipped), ``repeated`` (they went backwards).
        segment: number of the segment.
        offset: where in it, in bytes.
        size: how many bytes are torn or corrupted; how many records are missing.
        message: one sentence for people.
    """

    kind: str
    segment: int
    offset: int
    size: int
    message: str

    def error(self) -> JournalCorrupted:
        """The problem as an exception, for those who cannot go on with it."""
        return JournalCorrupted(self.message)


class WriterDirectory:
    """The stream of one writer, wherever its segments lie.

    Attributes:
        writer: 16-byte id of the stream.
    """

    def __init__(self, home: Path, writer: bytes) -> None:
        self.home = home
        self.writer = writer

    def __repr__(self) -> str:
        return f"WriterDirectory({self.writer.hex()})"

    @property
    def paths(self) -> list[Path]:
        """Its directories: one in the home, or in a temporary directory, or one in each."""
        return [path for root in trusted_roots(self.home) if (path := root / self.writer.hex()).is_dir()]

    @property
    def path(self) -> Path:
        """Its first directory; in the home, if it is gone."""
        return next(iter(self.paths), self.home / "journal" / self.writer.hex())

    def is_live(self) -> bool:
        """Whether the process that writes here lives."""
        return any(is_locked(path) for path in self.paths)

    @property
    def destination(self) -> str | None:
        """Address of the server that the records are for; None when they stay with the home."""
        return next((found for path in self.paths if (found := read_destination(path)) is not None), None)

    @property
    def pid(self) -> int:
        """Of the process that writes here, or wrote; 0 when its lock does not tell."""
        for path in self.paths:
            try:
                text = (path / LOCK).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                continue  # removed meanwhile, or torn
            if text.isdigit():
                return int(text)
        return 0

    def segments(self) -> dict[int, Path]:
        """Its segments by number, ascending."""
        found: dict[int, Path] = {}
        for path in self.paths:
            try:
                names = os.listdir(path)
            except FileNotFoundError:
                continue  # removed by another reader, who had drained it
            found.update((number, path / name) for name in names if (number := segment_number(name)) is not None)
        return dict(sorted(found.items()))

    def end(self) -> tuple[int, int]:
        """Where its records end at this moment: number of the last segment, and bytes in it."""
        segments = self.segments()
        last = max(segments, default=0)
        return (last, _size_of(segments[last])) if segments else (0, 0)

    def size(self) -> int:
        """Bytes of all its segments."""
        return sum(_size_of(path) for path in self.segments().values())

    def read(
        self,
        segment: int = 0,
        offset: int = 0,
        limit: int | None = None,
        after: int | None = None,
        *,
        raw: bool = False,
    ) -> Reading:
        """Read on from a position.

        Args:
            segment: where to start; 0, or one that is gone, for the next that is there.
            offset: where in the segment; 0 for its beginning.
            limit: at most so many records.
            after: sequence number of the last record read before, so that a gap right after it is noticed.
            raw: give the bytes of each record as they are, for those who only pass them on.
        """
        return Reading(self, segment, offset, limit, after, bytes if raw else decode)

    def remove_segments(self, before: int) -> int:
        """Remove the segments that are drained: those with numbers below `before`. Returns how many."""
        drained = [path for number, path in self.segments().items() if number < before]
        for path in drained:
            path.unlink(missing_ok=True)
        return len(drained)

    def remove(self) -> bool:
        """Remove everything of a dead writer; False, and nothing removed, when it lives."""
        if self.is_live():
            return False
        for path in self.paths:
            _remove_tree(path)
            _remove_unborn(path.parent)
        return True


class Reading:
    """One pass over a writer's records: iterate once, then ask how it went.

    Attributes:
        segment, offset: where the next reading should start.
        sequence: of the last record seen; None before the first.
        problems: what was not as it should be.
        live: whether the writer lived when the reading began.
        done: everything there was is read; with a writer that is not `live` there will be nothing more, ever.
    """

    def __init__(
        self,
        directory: WriterDirectory,
        segment: int,
        offset: int,
        limit: int | None,
        after: int | None,
        opened: Callable[[memoryview], Any] = decode,
    ) -> None:
        self._opened = opened
        self.segment = segment
        self.offset = offset
        self.sequence = after
        self.problems: list[Problem] = []
        self.done = False
        # In this order: what a dead writer has written is all there, and a segment that has a successor is complete.
        self.live = directory.is_live()
        self._segments = directory.segments()
        self._writer = directory.writer
        self._left = limit if limit is not None else -1

    def __iter__(self) -> Iterator[Entry]:
        numbers = [number for number in self._segments if number >= self.segment]
        for number in numbers:
            last = number == numbers[-1]
            if number != self.segment:
                self.segment, self.offset = number, 0
            try:
                descriptor = os.open(self._segments[number], os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # another reader drained it and removed it
            try:
                yield from self._read_segment(descriptor, growing=last and self.live)
            finally:
                os.close(descriptor)
            if self._left == 0:
                return
        self.done = True

    def _read_segment(self, descriptor: int, *, growing: bool) -> Iterator[Entry]:
        seed = seed_of(self._writer, self.segment)
        if self.offset < HEADER_SIZE and not self._begin(descriptor, growing=growing):
            return
        want = _CHUNK
        while self._left:
            start = self.offset
            data = os.pread(descriptor, want, start)
            yield from self._frames(data, seed)
            size = os.fstat(descriptor).st_size
            if not self._left or self.offset >= size:
                return
            # Here `offset` stands at a frame that is not all in `data`, or is not valid.
            end = self.offset + _needed(os.pread(descriptor, FRAME_SIZE, self.offset))
            if start + len(data) < end <= size:
                want = max(end - self.offset, _CHUNK)
            elif self._skip(descriptor, size, seed, growing=growing):
                want = _CHUNK
            else:
                return

    def _frames(self, data: bytes, seed: int) -> Iterator[Entry]:
        """The valid frames at the start of `data`; `offset` moves over each as it is handed out."""
        view, start, end_of_data, base = memoryview(data), 0, len(data), self.offset
        unpack, opened, segment = FRAME_HEAD.unpack_from, self._opened, self.segment
        while self._left and (body := start + FRAME_SIZE) <= end_of_data:
            crc, size, sequence = unpack(data, start)
            end = body + size
            if end > end_of_data or not size or crc32(view[start + 4 : end], seed) != crc:
                return
            if sequence - 1 != self.sequence:
                self._check_sequence(sequence, base + start)
            self.sequence = sequence
            self.offset = base + end
            self._left -= 1
            yield Entry(sequence, opened(view[body:end]), segment, base + end)
            start = end

    def _begin(self, descriptor: int, *, growing: bool) -> bool:
        """Read the header; False when there is nothing behind it to read yet."""
        data = os.pread(descriptor, HEADER_SIZE, 0)
        header = parse_header(data)
        if header is not None and header.writer == self._writer and header.number == self.segment:
            if self.sequence is not None and header.first > self.sequence + 1:
                self._check_sequence(header.first, 0)
            self.sequence = header.first - 1
            self.offset = header.size
            return True
        if len(data) < HEADER_SIZE:
            if growing:
                return False
            if data:
                self._note(TORN, 0, len(data), "ends in the middle of its header")
            self.offset = len(data)
            return False
        self._note(CORRUPTED, 0, HEADER_SIZE, "has a damaged header")
        self.offset = HEADER_SIZE
        return True

    def _skip(self, descriptor: int, size: int, seed: int, *, growing: bool) -> bool:
        """Move over what is no valid frame, to the next one or to the end; False to stop and wait for more."""
        start = self.offset
        data = os.pread(descriptor, size - start, start)
        found = _next_frame(data, 1, seed, (self.sequence or 0) + 1)
        if found is not None:
            self.offset = start + found
            self._note(CORRUPTED, start, found, f"has {found} bytes that match no checksum")
            return True
        if growing:
            return False
        self.offset = start + len(data)
        if _needed(data) > len(data):
            self._note(TORN, start, len(data), f"ends with {len(data)} bytes of a record that was not finished")
        elif data:
            self._note(CORRUPTED, start, len(data), f"ends with {len(data)} bytes that match no checksum")
        return True

    def _check_sequence(self, sequence: int, offset: int) -> None:
        if self.sequence is None:
            return
        missing = sequence - 1 - self.sequence
        if missing > 0:
            what = f"lacks the records {self.sequence + 1} to {sequence - 1}"
            self._note(MISSING, offset, missing, what)
        elif missing < 0:
            self._note(REPEATED, offset, -missing, f"goes back from record {self.sequence} to {sequence}")

    def _note(self, kind: str, offset: int, size: int, what: str) -> None:
        message = f"Segment {self.segment} of writer {self._writer.hex()} {what}, at byte {offset}."
        self.problems.append(Problem(kind, self.segment, offset, size, message))


def writers(home: Path) -> list[WriterDirectory]:
    """The writers that have a journal for this home, oldest first."""
    names: set[str] = set()
    for root in trusted_roots(home):
        try:
            names.update(name for name in os.listdir(root) if _is_writer(name))
        except (FileNotFoundError, NotADirectoryError):
            continue  # nothing was ever written there
    return [WriterDirectory(home, bytes.fromhex(name)) for name in sorted(names)]


def _is_writer(name: str) -> bool:
    return len(name) == 32 and all(char in "0123456789abcdef" for char in name)


def _needed(head: bytes) -> int:
    """Bytes that the frame which starts with `head` claims to have."""
    if len(head) < FRAME_SIZE:
        return FRAME_SIZE
    return FRAME_SIZE + int(FRAME_HEAD.unpack_from(head)[1])


def _next_frame(data: bytes, start: int, seed: int, sequence: int) -> int | None:
    """Where the next valid frame with at least that sequence starts.

    Sequence numbers of one stream share their upper four bytes until four thousand million records are written, so
    looking for these bytes finds all candidates fast.
    """
    for upper in (sequence >> 32, (sequence >> 32) + 1):
        mark = upper.to_bytes(4, "little")
        at = data.find(mark, start + 12)
        while at >= 0:
            found = frame_at(data, at - 12, seed)
            if found is not None and found[0] >= sequence:
                return at - 12
            at = data.find(mark, _after_zeros(data, at - 12) + 12 if upper == 0 else at + 1)
    return None


def _after_zeros(data: bytes, candidate: int) -> int:
    """The next candidate; in a run of zeros, which a crash of the machine may leave, the first near its end."""
    found = _NOT_ZERO.search(data, candidate)
    return max(candidate + 1, (found.start() if found else len(data)) - FRAME_SIZE)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove_unborn(root: Path) -> None:
    """Remove what processes left that died while they made their journal: nothing was ever written there."""
    try:
        names = [name for name in os.listdir(root) if name.startswith(UNBORN)]
    except FileNotFoundError:
        return
    for name in names:
        # A living process makes its journal in less than a millisecond; an hour spares even one that was stopped.
        if time.time() - _changed(root / name) > 3_600 and not is_locked(root / name):
            _remove_tree(root / name)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _remove_tree(path: Path) -> None:
    """Remove a writer's directory; the lock last, so that a half-removed one is still seen as dead."""
    try:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name == "lock")
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(path / entry.name)
            else:
                (path / entry.name).unlink(missing_ok=True)
        path.rmdir()
    except FileNotFoundError:
        return  # another reader removes it at the same time
