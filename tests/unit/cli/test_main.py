"""The command as a whole: help, misspelt names, errors and exit codes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from levada.cli.main import NOUNS, root


def invoke(*args: str):
    return CliRunner().invoke(root, args)


def test_the_help_names_every_noun_with_what_it_does():
    shown = invoke("--help").output
    for noun, (_, text) in NOUNS.items():
        assert f"{noun} " in shown
        assert text.split(";")[0].split(",")[0] in shown


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("flowrun", "ls"), "flow-run"),
        (("flow_run", "ls"), "flow-run"),
        (("variables",), "variable"),
        (("jornal", "ls"), "journal"),
        (("flow-run", "inspct", "x"), "inspect"),
        (("config", "st"), "set"),
    ],
)
def test_a_misspelt_command_suggests_the_one_that_was_meant(given, meant):
    result = invoke(*given)
    assert result.exit_code == 2
    assert f"Did you mean '{meant}'?" in result.output


def test_a_command_like_no_other_lists_what_there_is():
    result = invoke("flow", "zzzzzz")
    assert result.exit_code == 2
    assert "There are: ls, serve." in result.output


def test_a_mistake_of_the_user_is_one_line_and_no_traceback(levada):
    failed = levada("flow-run", "inspect", "no-such-run", code=1)
    assert failed.stdout == ""
    assert failed.stderr.startswith("levada: There is no flow run called 'no-such-run'")
    assert "Traceback" not in failed.stderr


def test_debug_mode_shows_our_own_traceback(levada):
    assert "Traceback" in levada("flow-run", "inspect", "no-such-run", code=1, LEVADA_DEBUG_MODE="1").stderr


def test_a_setting_that_does_not_fit_is_told_before_anything_happens(levada):
    failed = levada("flow-run", "ls", code=1, LEVADA_JOURNAL_DURABILITY="paper")
    assert "journal.durability is 'paper' (environment variable LEVADA_JOURNAL_DURABILITY)" in failed.stderr


def test_the_version_is_printed_short_and_long(levada):
    short = levada("--version").stdout.strip()
    shown = levada.json("version")
    assert shown["version"] == short
    assert shown["server"] is None
    assert short in levada("version").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell):
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_LEVADA_COMPLETE" in result.output


def test_completion_completes_nouns_and_verbs(levada):
    def completed(words: str, position: int) -> list[str]:
        done = levada(_LEVADA_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(position))
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("levada fl", 1) == ["flow-run", "flow"]
    assert completed("levada flow-run re", 2) == ["resume", "retry"]
