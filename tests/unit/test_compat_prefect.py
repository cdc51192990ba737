"""Files written for Prefect, run unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("prefect_programs")


def run(file, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "levada.compat.prefect", str(file), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


@pytest.fixture
def program(tmp_path):
    """Runs a program given as text."""

    def ran(text, *arguments):
        file = tmp_path / "program.py"
        file.write_text(text)
        return run(file, *arguments)

    return ran


@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.py")))
def test_a_program_as_the_documentation_writes_them_runs_unchanged(name):
    done = run(PROGRAMS / f"{name}.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "done"


def test_arguments_reach_the_program(program):
    done = program("import sys, prefect\nprint(sys.argv[1:], __name__, prefect.__version__)", "a", "--b")
    assert done.stdout.strip() == "['a', '--b'] __main__ 3.9.1"


def test_a_module_can_be_run():
    done = subprocess.run(
        [sys.executable, "-m", "levada.compat.prefect", "-m", "prefect_module"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode != 0
    assert "prefect_module" in done.stderr


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("from prefect import resume_flow_run", "levada.recovery.resume"),
        ("from prefect.blocks.system import Secret", "not available on Levada"),
        ("from prefect.runner import Runner", "levada worker start"),
        ("from prefect.docker import DockerImage", "container pools"),
        ("from prefect.server.models import flows", "an API of its own"),
        ("from prefect.events import emit_event", "not available on Levada"),
        ("from prefect.nonsense import x", "no counterpart"),
        ("from prefect.tasks import nonsense", "no counterpart"),
        ("import prefect\nprefect.nonsense", "no counterpart"),
    ],
)
def test_what_is_not_there_says_what_to_use_instead(line, hint, program):
    done = program(line)
    assert done.returncode == 1
    assert hint in done.stderr.splitlines()[-1], done.stderr


def test_hasattr_and_getattr_with_a_default_work_on_the_alias(program):
    done = program("import prefect\nprint(getattr(prefect, 'flow') is not None, hasattr(prefect, '__path__'))")
    assert done.stdout.strip() == "True True", done.stderr


def test_nothing_is_left_without_the_alias():
    done = subprocess.run(
        [sys.executable, "-c", "import levada, sys; assert 'prefect' not in sys.modules; import prefect"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'prefect'" in done.stderr


def test_calls_guess_the_colour_of_their_caller(program):
    done = program(
        "import asyncio\n"
        "from prefect import flow, task\n"
        "from prefect.variables import Variable\n"
        "Variable.set('v', 1)\n"
        "@task\n"
        "def sync_task():\n"
        "    return Variable.get('v')\n"
        "@flow\n"
        "async def colours():\n"
        "    return await Variable.get('v'), sync_task(), await Variable.aget('v')\n"
        "print(Variable.get('v'), asyncio.run(colours()))\n"
    )
    assert done.stdout.splitlines()[-1] == "1 (1, 1, 1)", done.stderr


def test_the_command_explains_itself():
    done = subprocess.run([sys.executable, "-m", "levada.compat.prefect"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stdout
