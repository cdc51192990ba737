"""The writing end of a journal: one stream of records of one process.

The common path of `JournalWriter.append` is one encoding, one checksum and one ``os.write``. Whatever is not common
(the segment is full, the disk is, the home cannot be written, a signal struck in the middle) goes through
`_append_carefully`, which first asks the file itself how much of it is written: the file is the truth, the counters
are a memory of it.

Trouble never reaches the caller. A record goes to the first place that takes it: the home, a temporary directory, a
bounded backlog in memory; what fits nowhere is counted, and the count is written as soon as anything can be. Places
that failed are tried again after 1 second, then 2, 4, up to 60.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from levada.core.errors import JournalError
from levada.core.faults import armed, reach
from levada.journal.backlog import Backlog
from levada.journal.format import (
    FRAME_HEAD,
    FRAME_SIZE,
    FRAME_TAIL,
    HEADER_SIZE,
    encode,
    frame_at,
    pack_frame,
    pack_header,
    seed_of,
)
from levada.journal.inbox import take_commands
from levada.journal.layout import (
    DESTINATION,
    LOCK,
    UNBORN,
    fallback_roots,
    hold_lock,
    journal_root,
    make_private,
    segment_name,
)
from levada.wire.records import LogLine, Record

SEGMENT_BYTES: Final = 8 << 20
_LONGEST_PAUSE: Final = 60.0
_NOWHERE: Final = -1
_LOST: Final = -1

_pack_head = FRAME_HEAD.pack
_pack_tail = FRAME_TAIL.pack


def _print_trouble(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _now_us() -> int:
    return time.time_ns() // 1_000


class _Waiting:
    """A record on the careful path; `sequence` is the number under which it is being written."""

    __slots__ = ("payload", "record", "sequence")

    def __init__(self, record: Record, payload: bytes) -> None:
        self.record = record
        self.payload = payload
        self.sequence: int | None = None


class JournalWriter:
    """Appends records to a stream of its own, from any thread.

    Args:
        home: the Levada home; made when it does not exist.
        writer: 16-byte id of the stream, never used before.
        durability: ``buffered`` (a record survives the death of this process) or ``fsync`` (also of the machine).
        destination: address of the server that the records are for; None when they stay with the home.
        segment_bytes: a segment is closed before it grows beyond this.
        on_trouble: told, in a sentence for people, when records cannot go where they should, and when they can again.
        fallbacks: directories to go on in when the home cannot be written. Default: below the machine's temporary
            directories, where readers of this home look.
        monotonic: seconds, for the pauses between attempts to leave a fallback.
        now_us: microseconds since 1970, for the note about lost records.

    Raises:
        ValueError: an argument cannot be used. A home that cannot be written is trouble, and raises nothing.
    """

    def __init__(
        self,
        home: Path,
        *,
        writer: bytes,
        durability: Literal["buffered", "fsync"] = "buffered",
        destination: str | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        on_trouble: Callable[[str], None] = _print_trouble,
        fallbacks: Sequence[Path] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now_us: Callable[[], int] = _now_us,
    ) -> None:
        if len(writer) != 16:
            raise ValueError(f"A writer id has 16 bytes, got {len(writer)}.")
        if durability not in {"buffered", "fsync"}:
            raise ValueError(f"durability must be 'buffered' or 'fsync', got {durability!r}.")
        self.home = Path(os.path.abspath(home))
        self.writer = writer
        self.destination = destination
        self.wake: Callable[[], object] | None = None
        """Called once, after the next record; whoever waits for records sets it before each wait. It must be fit to be
        called where a signal handler interrupts itself."""
        self._fsync = durability == "fsync"
        self._segment_bytes = segment_bytes
        self._on_trouble = on_trouble
        self._monotonic = monotonic
        self._now_us = now_us
        self._fallbacks = fallbacks
        # Reentrant, because a signal handler may log while its thread is in the middle of an append.
        self._lock = threading.RLock()
        self._position = (0, 0)
        """Last sequence given out, and end of the segment; replaced as a whole, so that no signal sees half of it."""
        self._steady = False
        """The next append may take the common path; False while a write is under way, so that one that was
        interrupted is looked into."""
        self._fd = _NOWHERE
        self._seed = 0
        self._number = 0
        self._place = _NOWHERE
        self._on_disk = 0
        """Highest sequence that was written on the careful path."""
        self._told = 0
        """The place that people believe records go to."""
        self._roots: list[Path] = [journal_root(self.home)]
        self._locks: dict[int, int] = {}
        self._retry_at: dict[int, float] = {}
        self._pause: dict[int, float] = {}
        self._problem: OSError | None = None
        self._backlog = Backlog()
        self._waiting: deque[_Waiting] = deque()
        self._busy = False
        self._notices: list[str] = []
        self._pid = os.getpid()
        self._closed = False
        _open_writers.add(self)
        with self._lock:
            self._find_place()
            self._steady = self._place == 0
            self._announce()
        self._tell()

    @property
    def directories(self) -> list[Path]:
        """The directories that this writer holds: one, or two after trouble."""
        return [self._roots[place] / self.writer.hex() for place in sorted(self._locks)]

    @property
    def sequence(self) -> int:
        """Sequence number of the last record appended; 0 before the first."""
        return self._position[0]

    @property
    def trouble(self) -> str | None:
        """Why records do not go to the home at this moment; None when they do."""
        return str(self._problem) if self._place != 0 and self._problem is not None else None

    def append(self, record: Record) -> None:
        """Append one record; on return it is where `durability` says.

        Raises:
            JournalError: the journal is closed, or belongs to the process that this one was forked from.
        """
        if armed:
            reach("journal.before_append")
        payload = encode(record)
        size = len(payload)
        with self._lock:
            before = self._position
            sequence, offset = before
            sequence += 1
            end = offset + FRAME_SIZE + size
            written = False
            if self._steady and end <= self._segment_bytes:
                crc = crc32(payload, crc32(_pack_tail(size, sequence), self._seed))
                frame = _pack_head(crc, size, sequence) + payload
                # Signal handlers run after calls. One that appended since `before` was read has used our sequence
                # number; one that appends right after the write finds our frame in the file.
                if before is self._position and not armed:
                    self._steady = False
                    try:
                        written = os.write(self._fd, frame) == end - offset
                    except OSError:
                        written = False  # looked into below
                    if written and before is self._position:
                        self._position = (sequence, end)
                        self._steady = True
                    if written and self._fsync:
                        self._flush()
            if not written:
                self._append_carefully(record, payload)
        if self._notices:
            self._tell()
        if self.wake is not None:
            self._wake_once()
        if armed:
            reach("journal.after_append")

    def commands(self) -> list[str]:
        """Take the commands that were posted to this process; see `levada.journal.inbox`."""
        return [command for directory in self.directories for command in take_commands(directory)]

    def _wake_once(self) -> None:
        wake, self.wake = self.wake, None
        if wake is not None:  # another thread was faster
            wake()

    def sync(self) -> None:
        """Push what was appended onto the disk, whatever the durability setting."""
        with self._lock:
            if self._fd != _NOWHERE:
                self._flush()
        self._tell()

    def close(self) -> None:
        """Write what is still held in memory, if anything takes it, and give up the lock.

        A journal to which nothing was appended is removed.
        """
        with self._lock:
            if self._closed:
                return
            try:
                self._write_out()
            finally:
                self._closed = True
                self._steady = False
                if self._fsync and self._fd != _NOWHERE:
                    self._flush()
                self._close_segment()
                if self._position[0] == 0:
                    self._remove_unused()
                while self._locks:
                    _give_up(self._locks.popitem()[1])
        _open_writers.discard(self)
        self._tell()

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What follows runs with the lock held.

    def _append_carefully(self, record: Record, payload: bytes) -> None:
        if self._closed:
            raise JournalError("The journal is closed.")
        if self._pid != os.getpid():
            raise JournalError(f"This journal belongs to process {self._pid}; a forked process needs one of its own.")
        self._waiting.append(_Waiting(record, payload))
        # A signal handler that appends while its thread is in `_write_waiting` leaves its record there and returns.
        while self._waiting and not self._busy:
            self._write_waiting()
        self._announce()

    def _write_waiting(self) -> None:
        self._busy = True
        self._steady = False
        try:
            while self._waiting:
                first = self._waiting[0]
                self._settle()
                # One whose append was interrupted by a signal may be written already.
                if first.sequence is None or first.sequence > self._position[0]:
                    self._append_somewhere(first)
                self._waiting.popleft()
            self._steady = self._place == 0
        finally:
            self._busy = False

    def _append_somewhere(self, waiting: _Waiting) -> None:
        while True:
            self._find_place(len(waiting.payload))
            try:
                if self._place != _NOWHERE:
                    self._write_backlog()
                sequence = waiting.sequence = self._position[0] + 1
                if self._place == _NOWHERE:
                    self._hold(waiting, sequence)
                else:
                    self._write(waiting.payload, sequence)
            except OSError as problem:
                self._abandon(problem)
            else:
                return

    def _find_place(self, size: int = 0) -> None:
        """Open a segment in the best place that takes one, unless the open one is in the best place and has room."""
        end = self._position[1]
        if self._fd != _NOWHERE and end > HEADER_SIZE and end + FRAME_SIZE + size > self._segment_bytes:
            self._close_segment()
            if armed:
                reach("journal.rotate")
        if self._place == 0:
            return
        now = self._monotonic()
        place = 0
        while place < len(self._roots) and (self._place == _NOWHERE or place < self._place):
            if now >= self._retry_at.get(place, now):
                try:
                    self._open_segment(place)
                    return
                except OSError as problem:
                    self._postpone(place, problem)
            place += 1

    def _open_segment(self, place: int) -> None:
        directory = self._occupied(place)
        # Counted before the file exists: a number is never used twice, whatever happens in between.
        self._number += 1
        path = directory / segment_name(self._number)
        seed = seed_of(self.writer, self._number)
        first = self._backlog.held[0][0] if self._backlog.held else self._position[0] + 1
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, pack_header(self.writer, self._number, first))
            if self._fsync:
                os.fdatasync(descriptor)
                _sync_directory(directory)
        except BaseException:  # also a signal's: a successor that stays would say that the open segment is complete
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        # No call stands between these lines, so that no signal sees some of them done (see `append`).
        before = self._fd
        self._fd, self._place, self._seed, self._position = descriptor, place, seed, (self._position[0], HEADER_SIZE)
        if before != _NOWHERE:
            os.close(before)

    def _occupied(self, place: int) -> Path:
        """The writer's directory in a place, made and locked when it is not yet (or no longer) there."""
        directory = self._roots[place] / self.writer.hex()
        if place in self._locks:
            if directory.is_dir():
                return directory
            _give_up(self._locks.pop(place))
        if place == 0:
            self._roots[0].mkdir(0o700, parents=True, exist_ok=True)
        else:
            make_private(self._roots[place])
        # Readers take a directory without a held lock for that of a dead process, so they see it only locked.
        unborn = self._roots[place] / f"{UNBORN}{self.writer.hex()}"
        if directory.is_dir():
            unborn = directory  # a signal struck after the renaming below, and before its lock was noted
        unborn.mkdir(0o700, exist_ok=True)
        descriptor = _lock(unborn)
        try:
            if self.destination is not None:
                (unborn / DESTINATION).write_text(f"{self.destination}\n", encoding="utf-8")
            unborn.rename(directory)
            if self._fsync:
                _sync_directory(self._roots[place])
        except OSError:
            _give_up(descriptor)
            raise
        self._locks[place] = descriptor
        return directory

    def _settle(self) -> None:
        """Learn what is written of an append whose end was not seen; cut what is torn."""
        sequence, offset = self._position
        if self._backlog.held and self._backlog.held[-1][0] > sequence:
            self._position = (self._backlog.held[-1][0], offset)
        if self._fd == _NOWHERE:
            return
        try:
            size = os.fstat(self._fd).st_size
            if size == offset:
                return
            data = os.pread(self._fd, max(size - offset, 0), offset)
            start = 0
            while (found := frame_at(data, start, self._seed)) is not None:
                self._on_disk, start = found
            offset = min(offset + start, size)
            self._position = (max(self._on_disk, self._position[0]), offset)
            if offset < size:
                os.ftruncate(self._fd, offset)
        except OSError as problem:
            self._abandon(problem)

    def _write(self, payload: bytes, sequence: int) -> None:
        frame = pack_frame(payload, sequence, self._seed)
        if "journal.torn_append" in armed:
            _write_all(self._fd, frame[: len(frame) // 2])
            reach("journal.torn_append")
            self._settle()
        _write_all(self._fd, frame)
        self._on_disk = sequence
        self._position = (max(sequence, self._position[0]), self._position[1] + len(frame))
        if self._fsync:
            self._flush()

    def _write_backlog(self) -> None:
        backlog = self._backlog
        while backlog.held:
            sequence, payload = backlog.held[0]
            if sequence > self._on_disk:
                self._write(payload, sequence)
            backlog.shift()
        while backlog.lost:
            run, count = next(iter(backlog.lost.items()))
            self._write(encode(self._loss(run, count)), self._position[0] + 1)
            del backlog.lost[run]
        backlog.since = 0

    def _loss(self, run: bytes | None, count: int) -> LogLine:
        whose = "that belong to no run, or to further runs," if run is None else "of this run"
        message = f"{count} records {whose} were lost, because no disk took them: {self._problem}"
        fields = {"lost_records": count, "lost_since": self._backlog.since}
        return LogLine(run, None, self._now_us(), 40, "levada.journal", message, fields=fields)

    def _hold(self, waiting: _Waiting, sequence: int) -> None:
        first_loss = not self._backlog.lost
        if not self._backlog.offer(sequence, waiting.payload, waiting.record, self._now_us()) and first_loss:
            self._notices.append(
                "Levada has no room left for records that no disk takes: from now on records are lost. They are "
                "counted, and the count is written as soon as that is possible."
            )
        self._position = (sequence, self._position[1])

    def _write_out(self) -> None:
        """A last attempt to write what is held in memory."""
        while self._waiting and not self._busy:
            self._write_waiting()
        self._settle()
        self._retry_at.clear()
        while self._backlog:
            self._find_place()
            if self._place == _NOWHERE:
                lost = len(self._backlog.held) + sum(self._backlog.lost.values())
                self._notices.append(f"Levada lost {lost} records, because no disk took them: {self._problem}.")
                self._backlog.clear()
                return
            try:
                self._write_backlog()
            except OSError as problem:
                self._abandon(problem)

    def _flush(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as problem:
            self._notices.append(f"Levada cannot make its journal in {self.home} durable: {problem}.")

    def _abandon(self, problem: OSError) -> None:
        """Leave a place that does not take records any more."""
        place = self._place
        if self._fd != _NOWHERE:
            try:
                os.ftruncate(self._fd, self._position[1])
            except OSError:
                pass  # a torn frame at the end of a segment costs nothing: readers cut it, and its record is not lost
        self._close_segment()
        self._postpone(place, problem)

    def _postpone(self, place: int, problem: OSError) -> None:
        self._problem = problem
        now = self._monotonic()
        fresh = now > self._retry_at.get(place, now) + _LONGEST_PAUSE  # it was well for a while
        pause = 1.0 if fresh else min(self._pause.get(place, 0.5) * 2, _LONGEST_PAUSE)
        self._pause[place] = pause
        self._retry_at[place] = now + pause
        if len(self._roots) == 1:
            self._roots += fallback_roots(self.home) if self._fallbacks is None else self._fallbacks

    def _close_segment(self) -> None:
        descriptor, self._fd, self._place = self._fd, _NOWHERE, _NOWHERE
        self._steady = False
        if descriptor != _NOWHERE:
            os.close(descriptor)

    def _remove_unused(self) -> None:
        for directory in self.directories:
            try:
                for name in os.listdir(directory):
                    (directory / name).unlink()
                directory.rmdir()
            except OSError:
                continue  # an inbox with a late command, or a reader was first: the next drain removes it

    def _announce(self) -> None:
        """Say where records go, when that has changed."""
        if self._place == self._told:
            return
        self._told = self._place
        if self._place == 0:
            self._notices.append(f"Levada writes its journal to {self._roots[0]} again.")
        elif self._place == _NOWHERE:
            self._notices.append(
                f"Levada cannot write its journal to {self._roots[0]}, nor to any temporary directory "
                f"({self._problem}). Records are kept in memory, and are lost if this process dies before a disk "
                "takes them."
            )
        else:
            self._notices.append(
                f"Levada cannot write its journal to {self._roots[0]} ({self._problem}). Records go to "
                f"{self._roots[self._place]} until it can; commands of levada on this machine find them there."
            )

    # Without the lock again.

    def _tell(self) -> None:
        while self._notices:
            notice = self._notices.pop(0)
            try:
                self._on_trouble(notice)
            except Exception as problem:  # noqa: BLE001 - telling must not break what it tells about
                _print_trouble(f"{notice} (and this could not be told properly: {problem!r})")

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of everything without touching the parent's files.

        A flock belongs to the open file, which parent and child share: a child that kept it would keep the journal
        of a dead parent alive.
        """
        self._lock = threading.RLock()
        self._close_segment()
        while self._locks:
            _give_up(self._locks.popitem()[1])
        self._busy = False
        self._waiting.clear()
        self._backlog.clear()
        self._notices.clear()


def _lock(directory: Path) -> int:
    """Lock a directory of ours; `_LOST` when this process holds the lock by a descriptor that nobody knows any more."""
    try:
        return hold_lock(directory)
    except BlockingIOError:
        # A signal struck when the lock was taken and its descriptor not yet noted. It is held until the process ends.
        if (directory / LOCK).read_bytes().strip() == b"%d" % os.getpid():
            return _LOST
        raise


def _give_up(descriptor: int) -> None:
    if descriptor != _LOST:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    done = os.write(descriptor, data)
    while done < len(data):
        done += os.write(descriptor, data[done:])


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_open_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_open_writers):
        writer._leave_to_parent()  # noqa: SLF001 - the fork hook belongs to the class
    _open_writers.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
