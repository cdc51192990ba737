"""Journals on disk: the append-only truth of what runs did.

A process that records runs opens a `JournalWriter`: one directory under ``$LEVADA_HOME/journal`` with a lock that
says "alive", and segments to which every record is appended as one checked frame (``docs/journal-format.md``). Whoever
looks finds the `writers` of a home, reads each `WriterDirectory` from where it stopped, and removes what it has
drained. Nobody but its own writer ever changes a segment, so that reading needs no permission and disturbs nothing.

The life of a record: `append` → one frame in a segment → read, perhaps twice, by a drain → removed with its segment.
May import wire and core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from levada.journal.format import UnknownRecord
    from levada.journal.health import WriterReport, verify
    from levada.journal.inbox import post_command, take_commands
    from levada.journal.memory import MemoryJournal
    from levada.journal.reader import Entry, Problem, Reading, WriterDirectory, writers
    from levada.journal.writer import JournalWriter

__all__ = [
    "Entry",
    "JournalWriter",
    "MemoryJournal",
    "Problem",
    "Reading",
    "UnknownRecord",
    "WriterDirectory",
    "WriterReport",
    "post_command",
    "take_commands",
    "verify",
    "writers",
]

_MODULES = {
    "Entry": "reader",
    "JournalWriter": "writer",
    "MemoryJournal": "memory",
    "Problem": "reader",
    "Reading": "reader",
    "UnknownRecord": "format",
    "WriterDirectory": "reader",
    "WriterReport": "health",
    "post_command": "inbox",
    "take_commands": "inbox",
    "verify": "health",
    "writers": "reader",
}


def __getattr__(name: str) -> Any:
    # A process that only writes, which is every run, does not pay for reading.
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"levada.journal.{module}"), name)
    return value
