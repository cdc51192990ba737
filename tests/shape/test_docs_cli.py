"""The command stays light, knows what it offers, and its reference names all of it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from levada.cli.main import NOUNS, root

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "cli.md"

# No command but those that run code or look at runs may load what only these need.
HEAVY = {"asyncio", "cloudpickle", "multiprocessing", "pydantic", "rich", "sqlite3"}


def loaded_by(*args: str) -> set[str]:
    """The modules that are loaded after a command."""
    program = (
        "import atexit, json, sys\n"
        "from levada.cli.main import main\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        f"main({list(args)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "levada"}


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("--version",), (), ("--nonsense",), ("no-such-noun",)])
def test_the_help_of_the_command_loads_no_noun(args) -> None:
    assert own(loaded_by(*args)) == {"levada", "levada.version", "levada.cli", "levada.cli.main"}


@pytest.mark.parametrize(
    "args",
    [
        ("version",),
        ("config", "view"),
        ("profile", "ls"),
        ("journal", "ls"),
        ("completion", "bash"),
        *((noun, "--help") for noun in NOUNS),
    ],
    ids=" ".join,
)
def test_commands_that_look_at_no_run_load_nothing_heavy(args) -> None:
    assert loaded_by(*args) & HEAVY == set()


def test_listing_runs_into_a_pipe_loads_no_renderer_and_no_engine() -> None:
    loaded = loaded_by("flow-run", "ls")
    assert loaded & (HEAVY - {"sqlite3"}) == set()
    assert not any(name.startswith(("levada.engine", "levada.flows")) for name in loaded)


def test_every_noun_of_the_table_is_the_command_of_its_module() -> None:
    for noun, (module, text) in NOUNS.items():
        command = importlib.import_module(f"levada.cli.{module}").command
        assert command.name == noun
        assert command.help, noun
        assert text.endswith(".")


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_stands_in_the_reference(path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"## levada {' '.join(path)}\n" in page


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_and_option_says_what_it_does(path) -> None:
    command: click.Command = root
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    assert command.help
    silent = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]
    assert silent == []


@pytest.mark.parametrize("path", [path for path in commands() if path[-1] in {"ls", "inspect"}], ids=" ".join)
def test_everything_that_lists_or_inspects_speaks_json(path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "levada.cli", *path, "--help"], check=True, capture_output=True, text=True
    )
    assert "--output [table|json]" in done.stdout
