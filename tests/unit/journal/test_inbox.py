from __future__ import annotations

import os

import pytest

from levada.journal import post_command, take_commands
from tests.unit.journal.stream import WRITER, below_a_file, journal, task_state


def test_a_command_reaches_the_living_process_once(tmp_path):
    with journal(tmp_path) as writer:
        assert writer.commands() == []
        assert post_command(tmp_path, WRITER, "ab12.cancel")
        assert writer.commands() == ["ab12.cancel"]
        assert writer.commands() == []


def test_posting_twice_is_posting_once(tmp_path):
    with journal(tmp_path) as writer:
        for _ in range(2):
            assert post_command(tmp_path, WRITER, "ab12.cancel")
        assert writer.commands() == ["ab12.cancel"]


def test_commands_are_taken_in_the_order_in_which_they_came(tmp_path):
    with journal(tmp_path) as writer:
        for place, name in enumerate(("c.cancel", "a.cancel", "b.cancel")):
            post_command(tmp_path, WRITER, name)
            os.utime(writer.directories[0] / "inbox" / name, ns=(place, place))
        assert writer.commands() == ["c.cancel", "a.cancel", "b.cancel"]


def test_a_command_to_a_dead_process_says_that_nobody_will_read_it(tmp_path):
    writer = journal(tmp_path)
    writer.append(task_state(0))
    writer.close()
    assert not post_command(tmp_path, WRITER, "ab12.cancel")
    assert not post_command(tmp_path, b"?" * 16, "ab12.cancel")
    assert take_commands(tmp_path / "journal" / WRITER.hex()) == []


def test_a_command_finds_a_process_whose_home_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    home = below_a_file(tmp_path)
    with journal(home, on_trouble=lambda message: None) as writer:
        assert post_command(home, WRITER, "ab12.cancel")
        assert writer.commands() == ["ab12.cancel"]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a\0b"])
def test_a_command_cannot_leave_the_inbox(tmp_path, name):
    with journal(tmp_path), pytest.raises(ValueError, match="name of a command"):
        post_command(tmp_path, WRITER, name)
