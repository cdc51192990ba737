from __future__ import annotations

import pytest

from levada.core import faults
from levada.journal import MemoryJournal
from tests.unit.journal.stream import log_line, task_state


def test_records_are_kept_in_order():
    journal = MemoryJournal(b"w" * 16)
    journal.append(task_state(1))
    journal.append(log_line("two"))
    journal.sync()
    journal.close()
    assert journal.writer == b"w" * 16
    assert journal.records == [task_state(1), log_line("two")]
    assert journal.closed


def test_a_record_is_kept_as_it_was_when_it_was_appended():
    journal = MemoryJournal()
    fields = {"rows": [1]}
    journal.append(log_line("x", fields=fields))
    fields["rows"].append(2)
    assert journal.records[0].fields == {"rows": [1]}


def test_a_record_that_could_not_be_read_back_is_refused():
    with pytest.raises(TypeError, match="does not come back"):
        MemoryJournal().append(task_state(1, kind="not a number"))


def test_fault_points_are_passed_as_on_disk():
    passed = []
    try:
        faults.arm("journal.before_append", lambda: passed.append("before"))
        faults.arm("journal.after_append", lambda: passed.append("after"))
        MemoryJournal().append(task_state(1))
    finally:
        faults.disarm()
    assert passed == ["before", "after"]
