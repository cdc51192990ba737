"""What a person at a terminal sees: drawn tables, short ids, colours, and a question before something is destroyed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

COLORS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(levada):
    """Runs a command on a terminal of its own; gives what it showed and its exit code."""

    def run(*args: str, types: str = "", **environment: str) -> tuple[str, int]:
        controller, end = pty.openpty()
        os.write(controller, types.encode())
        with subprocess.Popen(
            [sys.executable, "-m", "levada.cli", *args],
            cwd=levada.folder,
            stdin=end,
            stdout=end,
            stderr=end,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        ) as process:
            os.close(end)
            shown = b""
            while True:
                try:
                    part = os.read(controller, 65536)
                except OSError:
                    break  # the command has ended and closed its terminal
                if not part:
                    break
                shown += part
        os.close(controller)
        return shown.decode(), process.returncode

    return run


def test_lists_are_drawn_with_short_ids_that_name_a_run(levada, terminal):
    run = levada.run("--name", "a run")
    shown, code = terminal("flow-run", "ls")
    assert code == 0
    assert "\x1b[32mCompleted" in shown
    lines = COLORS.sub("", shown).splitlines()
    [row] = [line for line in lines if "a run" in line]
    short = row.split()[0]
    assert short == run["id"][:18]
    assert levada.json("flow-run", "inspect", short)["id"] == run["id"]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    "environment", [{"LEVADA_CLI_COLORS": "false"}, {"NO_COLOR": "1"}], ids=["setting", "NO_COLOR"]
)
def test_colours_can_be_switched_off(levada, terminal, environment):
    levada.run()
    shown, _ = terminal("flow-run", "ls", **environment)
    assert "\x1b[32m" not in shown


def test_a_deletion_asks_first(levada, terminal):
    levada.run("--name", "kept")
    shown, code = terminal("flow-run", "delete", "kept", types="n\n")
    assert "Delete flow run 'kept' of 'pipeline', with all that they recorded?" in shown
    assert code == 1
    assert len(levada.json("flow-run", "ls")) == 1
    shown, code = terminal("flow-run", "delete", "kept", types="y\n")
    assert "is deleted" in shown
    assert code == 0
    assert levada.json("flow-run", "ls") == []


def test_questions_can_be_switched_off(levada, terminal):
    levada.run("--name", "kept")
    shown, code = terminal("--no-prompt", "flow-run", "delete", "kept")
    assert "say --yes" in shown
    assert code == 2


def test_json_is_the_same_on_a_terminal(levada, terminal):
    levada.run()
    shown, _ = terminal("flow-run", "ls", "-o", "json")
    assert shown.replace("\r\n", "\n") == levada("flow-run", "ls", "-o", "json").stdout
