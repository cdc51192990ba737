"""Commands to a living process: empty files in the inbox of its journal.

A command is a name: the hex digits of a run or task run, a dot, and what to do (``0190….cancel``). Posting the same
command twice is posting it once. Nothing is promised to a process that does not look.
"""

from __future__ import annotations

import os
from pathlib import Path

from levada.journal.layout import INBOX, is_locked, trusted_roots


def post_command(home: Path, writer: bytes, name: str) -> bool:
    """Leave a command for the process that writes a journal.

    Returns:
        Whether there is such a process to find it.

    Raises:
        ValueError: the command's name is no plain file name.
        OSError: the inbox cannot be written.
    """
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of a command.")
    problem: OSError | None = None
    for root in trusted_roots(home):
        directory = root / writer.hex()
        if not is_locked(directory):
            continue
        try:
            (directory / INBOX).mkdir(0o700, exist_ok=True)
            (directory / INBOX / name).touch(0o600)
            return True
        except OSError as found:
            problem = found
    if problem is not None:
        raise problem
    return False


def take_commands(directory: Path) -> list[str]:
    """Take the commands out of the inbox of a writer's directory, oldest first."""
    inbox = directory / INBOX
    try:
        with os.scandir(inbox) as entries:
            found = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries)
    except FileNotFoundError:
        return []
    for _, name in found:
        (inbox / name).unlink(missing_ok=True)
    return [name for _, name in found]
