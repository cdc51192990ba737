from __future__ import annotations

import os
from zlib import crc32

from levada.journal import verify
from tests.unit.journal.stream import WRITER, journal, log_line, segment_files, task_state


def test_a_healthy_journal_is_reported_with_what_it_holds(tmp_path):
    with journal(tmp_path, segment_bytes=500) as writer:
        for n in range(10):
            writer.append(task_state(n))
        writer.append(log_line("x"))
        [report] = verify(tmp_path)
    assert report.healthy
    assert report.live
    assert report.writer == WRITER.hex()
    assert report.by_kind == {"TaskState": 10, "LogLine": 1}
    assert (report.records, report.first, report.last, report.unknown) == (11, 1, 11, 0)
    assert report.segments == len(segment_files(tmp_path)) > 1
    assert report.size == sum(file.stat().st_size for file in segment_files(tmp_path))


def test_a_torn_journal_is_reported_and_not_changed(tmp_path):
    with journal(tmp_path) as writer:
        for n in range(3):
            writer.append(task_state(n))
    [file] = segment_files(tmp_path)
    os.truncate(file, file.stat().st_size - 3)
    before = file.read_bytes()
    for _ in range(2):
        [report] = verify(tmp_path)
        assert not report.healthy
        assert not report.live
        assert [problem.kind for problem in report.problems] == ["torn"]
    assert file.read_bytes() == before


def test_a_journal_of_a_newer_format_is_reported_as_unreadable(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(0))
    [file] = segment_files(tmp_path)
    header = bytearray(file.read_bytes()[:44])
    header[8] = 2
    header[40:44] = crc32(bytes(header[:40])).to_bytes(4, "little")
    file.write_bytes(bytes(header))
    [report] = verify(tmp_path)
    assert not report.healthy
    assert "format 2" in str(report.unreadable)


def test_a_home_without_journals_has_nothing_to_report(tmp_path):
    assert verify(tmp_path) == []
