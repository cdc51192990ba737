"""``python -m levada.environments``: a worker asks for the interpreter of a run.

Reads ``{"environment": EnvironmentSpec, "code": Code}`` as JSON on standard input; prints the path of the interpreter
as its last line, or says on standard error why there is none, and ends with 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from msgspec import MsgspecError, Struct, json

from levada.core.errors import LevadaError
from levada.environments.building import interpreter_of
from levada.settings import get_current_settings
from levada.wire.deployments import Code, EnvironmentSpec


class Wanted(Struct):
    """What a worker asks for."""

    environment: EnvironmentSpec
    code: Code


def main() -> int:
    """Answer a worker; gives the exit code."""
    try:
        print(_answer(json.decode(sys.stdin.buffer.read(), type=Wanted)))  # noqa: T201 - it is the answer
    except (LevadaError, MsgspecError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _answer(wanted: Wanted) -> Path:
    home = get_current_settings().home.expanduser()
    spec, code = wanted.environment, wanted.code
    if code.path is not None or spec.requirements or not code.pull:
        return interpreter_of(spec, Path(code.path or "."), home=home, tell=_tell)
    from levada.steps import run_pull_steps  # lazy: only code that is fetched has steps

    # The files that say what is in it come with the code, which is fetched once more by the run itself.
    with tempfile.TemporaryDirectory(prefix="levada-code-") as folder:
        os.chdir(folder)
        found = run_pull_steps(code.pull)
        made = interpreter_of(spec, Path(found or folder), home=home, tell=_tell)
        os.chdir("/")
    return made


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
