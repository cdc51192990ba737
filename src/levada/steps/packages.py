"""Steps that install packages into the environment of the process that runs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from levada.steps.errors import StepExecutionError
from levada.steps.processes import run_program


def pip_install_requirements(
    directory: str | None = None, requirements_file: str = "requirements.txt", stream_output: bool = True
) -> dict[str, str]:
    """Install what a requirements file names; with uv where there is no pip.

    For packages that only some deployments need, `environment` of a deployment is faster and touches nothing else.

    Args:
        directory: where the file is; here unless given.
        requirements_file: its name.
        stream_output: print what the installer says as it comes.

    Returns:
        `stdout` and `stderr`.

    Raises:
        StepExecutionError: the file is not there, or a package cannot be installed.
    """
    place = Path(directory).expanduser() if directory else Path.cwd()
    if not (place / requirements_file).is_file():
        raise StepExecutionError(f"There is no {requirements_file!r} in {str(place)!r}.")
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "-r", requirements_file]
    else:
        command = [*find_uv(), "pip", "install", "--python", sys.executable, "-r", requirements_file]
    ran = run_program(command, cwd=place, stream=stream_output)
    return {"stdout": ran.stdout.strip(), "stderr": ran.stderr.strip()}


def uv_sync(
    directory: str | None = None, groups: list[str] | None = None, frozen: bool = True, stream_output: bool = True
) -> dict[str, str]:
    """Install what the project in a folder needs, by its ``uv.lock``; what else is installed stays.

    Args:
        directory: folder with ``pyproject.toml``; here unless given.
        groups: dependency groups on top.
        frozen: take the lock as it is, without looking whether it fits the project.
        stream_output: print what uv says as it comes.

    Returns:
        `stdout` and `stderr`.

    Raises:
        StepExecutionError: uv is not there, or a package cannot be installed.
    """
    place = Path(directory).expanduser() if directory else Path.cwd()
    words = [word for group in groups or () for word in ("--group", group)]
    command = [*find_uv(), "sync", "--active", "--inexact", *(["--frozen"] if frozen else []), *words]
    env = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    ran = run_program(command, cwd=place, env=env, stream=stream_output)
    return {"stdout": ran.stdout.strip(), "stderr": ran.stderr.strip()}


def find_uv() -> list[str]:
    """How uv is called: the program on PATH, else the package `uv` beside this interpreter.

    Raises:
        StepExecutionError: there is neither.
    """
    found = shutil.which("uv")
    if found is not None:
        return [found]
    beside = Path(sys.executable).with_name("uv")
    if beside.is_file():
        return [str(beside)]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise StepExecutionError(
        "uv builds Python environments, and it is not on this machine. Install it: pip install uv, or see "
        "https://docs.astral.sh/uv."
    )
