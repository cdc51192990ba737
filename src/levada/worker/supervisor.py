"""The supervisor of one run: a small process that starts the run's process, and outlives the worker that wanted it.

It is started as a script, with nothing but the standard library (a hundredth of a second), or forked by a warm
launcher. Everything it is told and everything it finds out stands in the run's job folder; `levada.worker.jobs` has the
list. It

* starts the run in a session of its own, with its output in pipes;
* keeps what comes out of them as log lines of the run, in a journal of its own, which is begun with the first line;
* stops the run when the file ``stop`` says so: it waits for half of the grace period, asks with SIGTERM, and kills
  every process of the tree when the period is over, also those that left the session;
* ends what the run leaves behind, and goes only when no process of it is left;
* writes into ``exit`` how the run's process ended and what it used.

Nobody needs to listen: it survives the worker, and the next worker of the home finds its record.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # as `typing` has it, which takes as long to load as the rest of this file
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Begin = Callable[[dict[str, Any]], Any]
    """Becomes the run, in the forked child: replaces the process, or runs in it; gives the exit code if it returns."""

SUPERVISOR, STARTED, STOP, EXIT, OUTPUT = "supervisor", "started", "stop", "exit", "output"
"""Files in the job folder: pid of the supervisor, and of the run's process; what to do to that; how it ended; the
writer of its output."""

LEFT_BEHIND_SECONDS = 5.0
"""How long processes that a run leaves behind have between SIGTERM and SIGKILL."""

_GIVE_UP_SECONDS = 10.0
"""After SIGKILL: a process that is still there then waits for a device that does not answer."""

_LONGEST_LINE = 64 * 1024
_MOST_OUTPUT = 64 * 1024 * 1024
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_INFO, _WARNING = 20, 30


def main(folder: str, alive: int) -> int:
    """Supervise the job in a folder to its end; `alive` is the descriptor that tells others that we live."""
    os.set_inheritable(alive, False)
    supervise(folder, alive, become)
    return 0


def supervise(folder: str, alive: int, begin: Begin) -> None:
    """Supervise the job in a folder to its end, in this process.

    Args:
        folder: the job folder.
        alive: descriptor of the lock that tells others that a supervisor lives.
        begin: becomes the run, in the child.
    """
    with open(os.path.join(folder, "job"), "rb") as file:
        job = json.load(file)
    Supervisor(folder, job, alive, begin).run()


def become(job: dict[str, Any]) -> Any:
    """Replace this process by the command of a job."""
    command = job["command"]
    os.execvpe(command[0], command, dict(os.environ))


class Supervisor:
    """Supervises one run.

    Args:
        folder: its job folder.
        job: what stands there in ``job``.
        alive: descriptor that only the supervisor may have.
        begin: becomes the run, in the child.
    """

    def __init__(self, folder: str, job: dict[str, Any], alive: int, begin: Begin) -> None:
        self._folder = folder
        self._job = job
        self._alive = alive
        self._begin = begin
        self._pid = 0
        self._status: int | None = None
        self._alone = False
        self._stop: dict[str, Any] = {}
        self._stop_at = 0.0
        self._ended_at = 0.0
        self._killed_at = 0.0
        self._asked = self._asked_left = False
        self._left: set[int] = set()
        self._cpu = 0.0
        self._peak = 0
        self._oom = 0

    def run(self) -> None:
        """Start the run, stay until nothing of it is left, and say how it ended."""
        libc = _libc()
        if libc is not None:
            libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        wake = self._listen()
        _put(self._folder, SUPERVISOR, {"pid": os.getpid()})
        self._oom = _oom_kills()
        began = time.time()
        poll = select.poll()
        streams = self._start(libc)
        output = _Output(self._folder, self._job)
        for descriptor in (wake, *streams):
            poll.register(descriptor, select.POLLIN)
        open_streams = dict(streams)
        self._obey()  # what was asked for while nobody listened
        while not self._done(open_streams):
            for descriptor, _ in poll.poll(self._pause()):
                if descriptor == wake:
                    os.read(wake, 4096)
                    continue
                data = os.read(descriptor, 65536)
                output.take(open_streams[descriptor], data)
                if not data:
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    del open_streams[descriptor]
            self._reap()
            self._obey()
            self._press()
        output.close()
        self._say(began)

    def _listen(self) -> int:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return reading

    def _on_signal(self, number: int, _: Any) -> None:
        if number == signal.SIGTERM and not self._stop:  # the machine is shut down
            self._stop = {"kind": "interrupt", "reason": "The supervisor of the run was told to end.", "grace": 5.0}
            self._stop_at = time.monotonic()

    def _start(self, libc: Any) -> dict[int, str]:
        """Fork the run's process; the reading ends of its output, each with the name of the stream."""
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 127
            try:
                signal.set_wakeup_fd(-1)
                _as_at_first()
                os.setsid()
                if libc is not None:
                    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                os.close(self._alive)
                _connect(out_end, err_end)
                os.environ.update(self._job["env"], _LEVADA_SUPERVISOR=str(supervisor))
                os.chdir(self._job["cwd"])
                code = self._begin(self._job)
            except OSError as error:
                os.write(2, f"The process of the run could not be started: {error}\n".encode())
            finally:
                os._exit(code)
        os.close(out_end)
        os.close(err_end)
        self._pid = pid
        _put(self._folder, STARTED, {"pid": pid, "at": time.time()})
        return {out: "stdout", err: "stderr"}

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._alone = True
                return
            if pid == 0:
                self._alone = False
                return
            self._cpu += used.ru_utime + used.ru_stime
            self._peak = max(self._peak, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
            if pid == self._pid:
                self._status = os.waitstatus_to_exitcode(status)
                self._ended_at = time.monotonic()

    def _obey(self) -> None:
        if self._stop.get("kind") == "kill":
            return
        try:
            with open(os.path.join(self._folder, STOP), "rb") as file:
                found = json.load(file)
        except (FileNotFoundError, ValueError):
            return
        if found.get("kind") != self._stop.get("kind"):
            self._stop = found
            self._stop_at = time.monotonic()
            self._asked = False

    def _press(self) -> None:
        """Do what is due to make the run, or what it left behind, end."""
        now = time.monotonic()
        if self._killed_at or (self._stop and now >= self._stop_at + self._grace()):
            self._kill()
        elif self._status is not None and not self._is_alone():
            if not self._asked_left:
                self._asked_left = True
                self._left = set(self._tree())
                _signal_all(self._left, signal.SIGTERM)
            elif now >= self._ended_at + LEFT_BEHIND_SECONDS:
                self._kill()
        elif self._stop and not self._asked and now >= self._stop_at + self._patience():
            self._asked = True
            _signal_all(self._tree(), signal.SIGTERM)

    def _grace(self) -> float:
        return 0.0 if self._stop["kind"] == "kill" else float(self._stop.get("grace", self._job["grace"]))

    def _patience(self) -> float:
        """Seconds before SIGTERM: a run that is cancelled was asked in another way already."""
        return self._grace() / 2 if self._stop["kind"] == "cancel" else 0.0

    def _kill(self) -> None:
        self._killed_at = self._killed_at or time.monotonic()
        # Stopped first, so that none of them makes another one meanwhile.
        found = list(self._tree())
        _signal_all(found, signal.SIGSTOP)
        _signal_all(found, signal.SIGKILL)

    def _is_alone(self) -> bool:
        # With a subreaper every orphan of the tree becomes our child; elsewhere the session is looked through.
        return self._alone and (sys.platform == "linux" or not any(True for _ in self._tree()))

    def _tree(self) -> Iterator[int]:
        """Every process of the run that is alive: what descends from this one, or is in the run's session."""
        found = {os.getpid()}
        table = list(_processes())
        grown = True
        while grown:
            grown = False
            for pid, parent, session in table:
                if pid not in found and (parent in found or session == self._pid):
                    found.add(pid)
                    grown = True
                    yield pid

    def _pause(self) -> int:
        """Milliseconds until there is something to do by the clock."""
        if self._killed_at or (self._status is not None and not self._is_alone()):
            return 50
        if self._status is not None:
            return 20
        if not self._stop:
            return 60_000
        due = self._stop_at + (self._grace() if self._asked else self._patience())
        return max(1, int((due - time.monotonic()) * 1000) + 1)

    def _done(self, streams: dict[int, str]) -> bool:
        if self._status is None:
            return bool(self._killed_at) and time.monotonic() > self._killed_at + _GIVE_UP_SECONDS
        if self._is_alone():
            return not streams or time.monotonic() > self._ended_at + 1.0
        return bool(self._killed_at) and time.monotonic() > self._killed_at + _GIVE_UP_SECONDS

    def _say(self, began: float) -> None:
        record = {
            "pid": self._pid,
            "began": began,
            "ended": time.time(),
            "exit_code": self._status,
            "cpu_seconds": self._cpu,
            "memory_peak": self._peak,
            "stop": self._stop,
            "asked": self._asked,
            "killed": bool(self._killed_at) and self._status == -signal.SIGKILL,
            "oom": _oom_kills() > self._oom,
            "left_behind": len(self._left),
            "survivors": [] if self._is_alone() else list(self._tree()),
        }
        _put(self._folder, EXIT, record)


class _Output:
    """What a run prints, line by line, as log lines in a journal of its own."""

    def __init__(self, folder: str, job: dict[str, Any]) -> None:
        self._folder = folder
        self._job = job
        self._rests: dict[str, bytes] = {}
        self._journal: Any = None
        self._line: Any = None
        self._size = 0

    def take(self, stream: str, data: bytes) -> None:
        """Take what a stream gave; nothing: it has ended."""
        text = self._rests.pop(stream, b"") + data
        lines = text.split(b"\n")
        rest = lines.pop()
        if rest and (not data or len(rest) > _LONGEST_LINE):
            lines.append(rest)
        elif rest:
            self._rests[stream] = rest
        for line in lines:
            self._keep(stream, line[:_LONGEST_LINE])

    def _keep(self, stream: str, line: bytes) -> None:
        if self._size > _MOST_OUTPUT:
            return
        self._size += len(line)
        text = line.decode("utf-8", "replace").rstrip("\r")
        if self._size > _MOST_OUTPUT:
            text = f"The run has printed more than {_MOST_OUTPUT >> 20} MiB; the rest is not kept."
        if self._journal is None:
            self._open()
        now = time.time_ns() // 1000
        level = _WARNING if stream == "stderr" else _INFO
        self._journal.append(self._line(bytes.fromhex(self._job["run"]), None, now, level, stream, text))

    def _open(self) -> None:
        sys.path[:0] = [place for place in self._job["path"] if place not in sys.path]
        from pathlib import Path  # lazy: most runs print nothing, and loading these takes longer than all the rest

        from levada.core.ids import uuid7_bytes  # lazy: as above
        from levada.journal.writer import JournalWriter  # lazy: as above
        from levada.wire.records import LogLine  # lazy: as above

        writer = uuid7_bytes(time.time_ns() // 1000, os.urandom(8))
        destination = self._job["destination"]
        self._journal = JournalWriter(
            Path(self._job["home"]), writer=writer, durability="buffered", destination=destination
        )
        self._line = LogLine
        _put(self._folder, OUTPUT, {"writer": writer.hex()})

    def close(self) -> None:
        """Keep what is left of unfinished lines, and end the journal."""
        for stream in list(self._rests):
            self.take(stream, b"")
        if self._journal is not None:
            self._journal.close()


def _put(folder: str, name: str, record: dict[str, Any]) -> None:
    """Write a file of the job folder so that nobody sees half of it."""
    place = os.path.join(folder, name)
    descriptor = os.open(f"{place}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(record).encode())
    finally:
        os.close(descriptor)
    os.rename(f"{place}.new", place)


def _as_at_first() -> None:
    """Give the signals back the meaning that a new process expects."""
    for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _connect(out: int, err: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (nothing, out, err):
        if descriptor > 2:
            os.close(descriptor)


def _signal_all(pids: Any, number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or became another user's by itself: nothing that we could do


def _processes() -> Iterator[tuple[int, int, int]]:
    """Every process that has not ended: pid, parent, session."""
    if sys.platform != "linux":
        with os.popen("ps -axo pid=,ppid=,sess=,stat=") as table:  # noqa: S605 - a constant
            for line in table:
                words = line.split()
                if len(words) == 4 and not words[3].startswith("Z"):
                    yield int(words[0]), int(words[1]), int(words[2], 0)
        return
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
            except (OSError, ValueError):
                continue  # it ended meanwhile
            if state != b"Z":
                yield int(name), int(parent), int(session)


def _oom_kills() -> int:
    """How often the kernel has killed a process of this group of processes for want of memory."""
    try:
        with open("/proc/self/cgroup") as file:
            groups = [line.strip().split(":", 2) for line in file]
        for number, controllers, path in groups:
            if number == "0":
                place = f"/sys/fs/cgroup{path.rstrip('/')}/memory.events"
            elif "memory" in controllers.split(","):
                place = f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control"
            else:
                continue
            if not os.path.exists(place):
                continue
            with open(place) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    except (OSError, ValueError):
        return 0  # no such kernel: how a process ended is guessed from its signal alone
    return 0


def _libc() -> Any:
    if sys.platform != "linux":
        return None
    import ctypes  # lazy: only Linux has what is asked of it

    return ctypes.CDLL(None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
