"""Progress bars for submitted work, on a terminal.

`show` makes the bars of this process watch the engine. Counting costs well under a microsecond a call; drawing, and
loading what draws, happens in a thread of its own, and only for work that has gone on for half a second. The bars
vanish when their work is done; what flows print and log appears above them.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

from levada.engine import observers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from levada.core.settings import Settings
    from levada.core.states import State

PATIENCE_SECONDS = 0.5
"""Work that is done sooner gets no bar."""

REDRAW_SECONDS = 0.1


class Tally:
    """How far the submitted calls of one task are.

    Attributes:
        announced: how many calls maps said they would submit.
        submitted: how many were submitted.
        done: how many ended.
        failed: how many of those did not complete.
    """

    __slots__ = ("announced", "done", "failed", "submitted")

    def __init__(self) -> None:
        self.announced = 0
        self.submitted = 0
        self.done = 0
        self.failed = 0

    @property
    def total(self) -> int:
        """How many calls are known of."""
        return max(self.announced, self.submitted)

    @property
    def is_open(self) -> bool:
        """Whether something is still under way."""
        return self.done < self.total


class Bars:
    """Counts submitted work, and draws it while it takes its time.

    Args:
        console: where to draw; made for standard error when there is something to draw.
        patience: seconds before a bar appears.
    """

    def __init__(self, console: Console | None = None, patience: float = PATIENCE_SECONDS) -> None:
        self._console = console
        self._patience = patience
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def on_submitted(self, task: str, total: int | None) -> None:
        """Count work that was announced or submitted."""
        with self._lock:
            tally = self._tallies.get(task)
            if tally is None:
                tally = self._tallies[task] = Tally()
            if total is None:
                tally.submitted += 1
            else:
                tally.announced += total
            if self._thread is None and tally.total > 1 and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._draw_when_slow, name="levada-progress", daemon=True)
                self._thread.start()

    def on_finished(self, task: str, state: State) -> None:
        """Count a call that ended; calls that were never submitted are not work of ours."""
        with self._lock:
            tally = self._tallies.get(task)
            if tally is not None and tally.done < tally.total:
                tally.done += 1
                tally.failed += not state.is_completed()

    def tally(self, task: str) -> Tally | None:
        """The count of a task that has something under way, or had until everything was done."""
        return self._tallies.get(task)

    def stop(self) -> None:
        """Draw no more, and wait until the terminal is as it was."""
        self._stopped.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=2)

    def _draw_when_slow(self) -> None:
        if not self._stopped.wait(self._patience) and self._worth_showing():
            try:
                with _drawing(self._console) as progress:
                    self._draw(progress)
            except Exception:  # a terminal that went away is no reason to trouble the flow
                logging.getLogger("levada.progress").debug("Progress bars cannot be drawn.", exc_info=True)
                self._stopped.set()
        with self._lock:
            # Done, or too short to show: the next map starts counting anew, with a thread of its own.
            self._tallies = {name: tally for name, tally in self._tallies.items() if tally.is_open}
            self._thread = None

    def _draw(self, progress: Progress) -> None:
        lines: dict[str, TaskID] = {}
        while True:
            open_now = self._worth_showing()
            for name, (total, done, failed) in open_now.items():
                if name not in lines:
                    lines[name] = progress.add_task(name, total=total, failed="")
                trouble = f"[red]{failed} failed[/red]" if failed else ""
                progress.update(lines[name], total=total, completed=done, failed=trouble)
            for name in lines.keys() - open_now.keys():
                progress.remove_task(lines.pop(name))
            if not open_now or self._stopped.wait(REDRAW_SECONDS):
                return

    def _worth_showing(self) -> dict[str, tuple[int, int, int]]:
        with self._lock:
            return {
                name: (tally.total, tally.done, tally.failed)
                for name, tally in self._tallies.items()
                if tally.is_open and tally.total > 1
            }


def _drawing(console: Console | None) -> Progress:
    from rich.console import Console  # lazy: 100 ms that only slow work on a terminal pays, in its own thread
    from rich.progress import (  # lazy: as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        console=console or Console(stderr=True),
        transient=True,
        refresh_per_second=1 / REDRAW_SECONDS,
    )


_bars: Bars | None = None


def clear() -> None:
    """Take the bars off the terminal for good, before something else is written there that they know nothing of."""
    if _bars is not None:
        _bars.stop()


def show(settings: Settings) -> None:
    """Let bars watch the work of this process, if there is a terminal to draw on and nobody switched them off."""
    global _bars  # noqa: PLW0603 - one terminal, one set of bars
    wanted = settings.cli.progress and sys.stdout.isatty() and sys.stderr.isatty()
    if wanted and _bars is None:
        _bars = Bars()
        observers.add(_bars)
        atexit.register(_bars.stop)
        # The terminal is the parent's; what a forked child does is counted where its results arrive.
        os.register_at_fork(after_in_child=observers.active.clear)
    elif not wanted and _bars is not None:
        observers.remove(_bars)
        _bars = None
