"""The step that runs a script."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from string import Template
from typing import Any

from levada.steps.processes import run_program


def run_shell_script(
    script: str,
    directory: str | None = None,
    env: dict[str, Any] | None = None,
    stream_output: bool = True,
    expand_env_vars: bool = False,
    shell: bool = False,
) -> dict[str, str]:
    """Run commands, one a line; the first that fails ends it.

    Args:
        script: the commands.
        directory: where; here unless given.
        env: environment variables on top of ours.
        stream_output: print what they say as it comes.
        expand_env_vars: put the values of ``$VARIABLES`` in place before the commands are run.
        shell: give the whole script to a shell, which understands pipes and conditions; otherwise each line is a
            program and its arguments.

    Returns:
        `stdout` and `stderr`, without space around them.

    Raises:
        StepExecutionError: a command failed, or cannot be started.
    """
    around = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
    place = None if directory is None else Path(directory).expanduser()
    if expand_env_vars:
        script = _expanded(script, around)
    if shell:
        command = ["/bin/sh", "-c", script]
        ran = [run_program(command, cwd=place, env=around, stream=stream_output, what="The script")]
    else:
        commands = [shlex.split(line, comments=True) for line in script.splitlines()]
        ran = [run_program(words, cwd=place, env=around, stream=stream_output) for words in commands if words]
    return {
        "stdout": "".join(one.stdout for one in ran).strip(),
        "stderr": "".join(one.stderr for one in ran).strip(),
    }


def _expanded(script: str, around: dict[str, str]) -> str:
    return Template(script).safe_substitute(around)
