"""Where journals lie, and how a lock tells that a writer is alive.

::

    $LEVADA_HOME/journal/
        0190f5…/              one writer: the 32 hex digits of its id
            lock              held with flock by the living process; its pid stands in it
            000001.seg …      segments, read in the order of their numbers; numbers may be skipped
            inbox/            commands to the living process
            destination       address of the server that these records are for; absent when they stay with the home
            shipped           how far the server has them
            shipping          held with flock by the process that ships what a dead one left
        .new-0190f5…/         a writer that is just being made; becomes 0190f5… once its lock is held

When the home cannot be written, the same writer goes on in ``levada-<uid>/<digest of the home>/journal`` below a
temporary directory, under the same name and with the next segment number. A reader takes both as one stream.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

LOCK = "lock"
INBOX = "inbox"
DESTINATION = "destination"
SHIPPED = "shipped"
CLAIM = "shipping"
SUFFIX = ".seg"
UNBORN = ".new-"


def journal_root(home: Path) -> Path:
    """The directory of a home's journals."""
    return Path(os.path.abspath(home)) / "journal"


def fallback_roots(home: Path) -> list[Path]:
    """Where the journals of a home go when it cannot be written, first choice first.

    The same for every process of a user on this machine, so that readers find what writers left there. ``/var/tmp``
    comes before ``/tmp`` because it outlives a restart of the machine.
    """
    from hashlib import blake2b  # lazy: processes whose home is in order never need it

    digest = blake2b(os.fsencode(os.path.realpath(home)), digest_size=8).hexdigest()
    bases = dict.fromkeys(filter(None, (os.environ.get("TMPDIR"), "/var/tmp", "/tmp")))  # noqa: S108 - see is_private
    return [Path(base, f"levada-{os.getuid()}", digest, "journal") for base in bases]


def trusted_roots(home: Path) -> list[Path]:
    """The home's journal directory, and those fallbacks that exist and belong to this user alone.

    Anybody may write to a temporary directory, and journals lead to values that are unpickled.
    """
    return [journal_root(home), *(root for root in fallback_roots(home) if is_private(root.parents[1]))]


def is_private(directory: Path) -> bool:
    """Whether a directory is a real one, of this user, and closed to all others."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def make_private(directory: Path) -> None:
    """Make a directory below a temporary one that only this user can enter.

    Raises:
        OSError: it cannot be made, or somebody else made it first.
    """
    owner = directory.parents[1]
    if not owner.exists():
        owner.mkdir(0o700, parents=False, exist_ok=True)
    if not is_private(owner):
        raise PermissionError(f"{owner} exists and is not private to this user")
    directory.mkdir(0o700, parents=True, exist_ok=True)


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number:06d}{SUFFIX}"


def segment_number(name: str) -> int | None:
    """The number of a segment's file name; None for other files."""
    stem = name.removesuffix(SUFFIX)
    return int(stem) if stem != name and stem.isdecimal() else None


def hold_lock(directory: Path) -> int:
    """Lock a new writer's directory and write the pid into the lock file.

    Returns:
        The descriptor that holds the lock until it is closed, or its process ends in whatever way.
    """
    descriptor = _flock(directory / LOCK)
    try:
        os.write(descriptor, b"%d\n" % os.getpid())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _flock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def claim(directory: Path) -> int | None:
    """Become the one that ships what a dead process left here.

    Returns:
        The descriptor that holds the claim until it is closed; None when another process has it, or all is gone.
    """
    try:
        return _flock(directory / CLAIM)
    except (BlockingIOError, FileNotFoundError):
        return None


def read_destination(directory: Path) -> str | None:
    """The address of the server that a writer's records are for; None when they stay with the home."""
    try:
        return (directory / DESTINATION).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def is_locked(directory: Path) -> bool:
    """Whether a living process holds the directory's lock.

    Asks for a shared lock, so that several readers asking at once do not mistake each other for the owner.
    """
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
