"""Running programs for steps: their output as it comes, and an error that shows the end of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from levada.steps.errors import StepExecutionError

_SHOWN_LINES = 20
HIDDEN = "***"


class Ran(NamedTuple):
    """What a program said."""

    stdout: str
    stderr: str


def run_program(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stream: bool = False,
    secrets: Iterable[str] = (),
    what: str = "",
) -> Ran:
    """Run a program to its end.

    Args:
        command: its words.
        cwd: where; here unless given.
        env: its whole environment; ours unless given.
        stream: print what it says as it comes.
        secrets: texts that must not be shown.
        what: what the program was to do, for messages; its first word unless given.

    Raises:
        StepExecutionError: it cannot be started, or ended with an error.
    """
    hidden = [secret for secret in secrets if secret]
    name = what or command[0]
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise StepExecutionError(f"{masked(name, hidden)} cannot be started: {error.strerror or error}.") from error
    assert process.stdout is not None
    assert process.stderr is not None
    said: tuple[list[str], list[str]] = ([], [])
    threads = [
        threading.Thread(target=_read, args=(pipe, lines, show if stream else None, hidden), daemon=True)
        for pipe, lines, show in ((process.stdout, said[0], sys.stdout), (process.stderr, said[1], sys.stderr))
    ]
    try:
        for thread in threads:
            thread.start()
        code = process.wait()
    except BaseException:
        process.kill()
        raise
    finally:
        for thread in threads:
            thread.join()
        process.stdout.close()
        process.stderr.close()
    if code != 0:
        last = "".join([*said[0], *said[1]][-_SHOWN_LINES:]).rstrip()
        raise StepExecutionError(
            f"{masked(name, hidden)} ended with exit code {code}{':' if last else '.'}\n{last}".rstrip()
        )
    return Ran("".join(said[0]), "".join(said[1]))


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text without secrets in it."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _read(pipe: IO[str], lines: list[str], show: IO[str] | None, secrets: list[str]) -> None:
    for line in pipe:
        clean = masked(line, secrets)
        lines.append(clean)
        if show is not None:
            show.write(clean)
            show.flush()
