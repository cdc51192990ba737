"""Records to write, and what came of them."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levada.journal import Entry, JournalWriter, Problem, WriterDirectory, writers
from levada.wire.records import LogLine, Payload, TaskState

WRITER = bytes(range(16))
RUN = b"r" * 16


def task_state(n: int, **changes: Any) -> TaskState:
    fields: dict[str, Any] = {
        "task": b"t" * 16,
        "run": RUN,
        "epoch": 1,
        "n": n,
        "at": 1_790_000_000_000_000 + n,
        "kind": 5,
        "name": "Completed",
        "attempt": 1,
        "result": Payload("msgpack", b"\x2a", size=1, type="int", preview="42"),
    }
    return TaskState(**{**fields, **changes})


def log_line(message: str, **changes: Any) -> LogLine:
    fields: dict[str, Any] = {"run": RUN, "task": None, "at": 1, "level": 20, "logger": "x", "message": message}
    return LogLine(**{**fields, **changes})


def journal(home: Path, **options: Any) -> JournalWriter:
    """A writer that treats trouble as an error unless the test asks for it."""

    def no_trouble(message: str) -> None:
        raise AssertionError(f"unexpected trouble: {message}")

    return JournalWriter(home, **{"writer": WRITER, "on_trouble": no_trouble, **options})


def directory(home: Path, writer: bytes = WRITER) -> WriterDirectory:
    return next(found for found in writers(home) if found.writer == writer)


def entries(home: Path, writer: bytes = WRITER, **options: Any) -> list[Entry]:
    return list(directory(home, writer).read(**options))


def records(home: Path, writer: bytes = WRITER) -> list[Any]:
    return [entry.record for entry in entries(home, writer)]


def problems(home: Path, writer: bytes = WRITER) -> list[Problem]:
    reading = directory(home, writer).read()
    for _ in reading:
        pass
    return reading.problems


def segment_files(home: Path, writer: bytes = WRITER) -> list[Path]:
    return list(directory(home, writer).segments().values())


@contextmanager
def full_disk(file_size: int = 0) -> Iterator[None]:
    """A disk that takes no file beyond `file_size` bytes: the kernel itself refuses, as it does on a full one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def below_a_file(tmp_path: Path) -> Path:
    """A directory that nobody can make, not even root."""
    file = tmp_path / "file"
    file.touch()
    return file / "home"


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
