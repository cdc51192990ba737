"""Follows a flow run until it ends: its log lines, and its states if wanted, as they are recorded."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from levada.cli.log_lines import Printer, chosen
from levada.cli.output import clock_time, took
from levada.core.states import FINAL_TYPES, StateType
from levada.wire.filters import LogQuery
from levada.wire.objects import StateView

if TYPE_CHECKING:
    from levada.wire.objects import FlowRun, Log
    from levada.wire.verbs import Plane

_EVERY_SECONDS = 0.25
_ASK_SECONDS = 3.0
"""After which a run that does not begin is asked why; then as often as that."""

_REPEAT_SECONDS = 30.0
"""The same reason is said again after so long."""

_LATE = timedelta(seconds=5)
"""Lines of several processes may arrive a little out of order; so far back they are still looked for."""


class _Follower:
    """Shows each state and each line once."""

    def __init__(self, plane: Plane, run: FlowRun, query: LogQuery | None = None, *, states: bool = True) -> None:
        self._plane = plane
        self._id = run.id
        self._query = query if query is not None else LogQuery(flow_run_ids=[run.id])
        self._states = states
        self._printer = Printer(plane)
        self._states_shown = 0
        self._seen: dict[int, datetime] = {}
        self._newest: datetime | None = None
        self._begin: datetime | None = None

    def step(self, tail: int | None = None) -> FlowRun:
        """Take in what was recorded since the last step, and show it; only the last `tail` lines of it, if given."""
        self._plane.drain()
        run = self._plane.read_flow_run(self._id)
        states = run.states[self._states_shown :] if self._states else []
        self._states_shown = len(run.states)
        events: list[StateView | Log] = [*states, *self._new_lines(tail)]
        for event in sorted(events, key=lambda event: event.timestamp):
            if isinstance(event, StateView):
                message = f": {event.message}" if event.message else ""
                click.echo(f"{clock_time(event.timestamp)} | Flow run {run.name!r} is {event.name}{message}")
            else:
                self._printer.show([event])
        return run

    def _new_lines(self, tail: int | None) -> list[Log]:
        horizon = self._newest - _LATE if self._newest is not None else None
        if horizon is not None and self._begin is not None:
            horizon = max(horizon, self._begin)  # what stood before the tail is not wanted
        found = [
            log
            for log in chosen(self._plane, replace(self._query, after=horizon), None, tail)
            if log.id not in self._seen
        ]
        self._seen.update((log.id, log.timestamp) for log in found)
        if found:
            if tail is not None:
                self._begin = min(log.timestamp for log in found)
            self._newest = max(log.timestamp for log in found)
            floor = self._newest - _LATE
            self._seen = {key: moment for key, moment in self._seen.items() if moment >= floor}
        return found


class _Patience:
    """Says, while a run does not begin, what it waits for and what can be done; whatever changes is said at once."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._began = self._asked = time.monotonic()
        self._said: tuple[str, ...] = ()
        self._said_at = 0.0

    def look(self, run: FlowRun) -> None:
        """Say why, when it is time to."""
        now = time.monotonic()
        if run.state_type not in {StateType.SCHEDULED, StateType.PENDING}:
            self._asked, self._said = now, ()
            return
        if now - self._asked < _ASK_SECONDS:
            return
        self._asked = now
        answer = self._plane.why(run.id)
        said = tuple(answer.reasons or [answer.summary])
        if _gist(said) == _gist(self._said) and now - self._said_at < _REPEAT_SECONDS:
            return
        self._said, self._said_at = said, now
        click.echo(f"Flow run {run.name!r} waits since {now - self._began:.0f} s: {' '.join(said)}")
        for step in answer.next_steps[:2]:
            click.echo(f"    {step}")


def _gist(said: tuple[str, ...]) -> str:
    """What was said without its numbers: that time goes by is no news."""
    return "".join(char for text in said for char in text if not char.isdigit())


def follow_logs(plane: Plane, run: FlowRun, query: LogQuery, tail: int | None) -> None:
    """Print the lines of a run as they come, until it ends.

    Args:
        plane: where they are.
        run: whose lines.
        query: which of them.
        tail: of those that are there already, only so many.
    """
    follower = _Follower(plane, run, query, states=False)
    while follower.step(tail).state_type not in FINAL_TYPES:
        tail = None
        time.sleep(_EVERY_SECONDS)


def watch(plane: Plane, run: FlowRun, timeout: float | None) -> None:
    """Follow a run until it ends, then end this process with what came of it; say meanwhile what it waits for."""
    follower = _Follower(plane, run)
    patience = _Patience(plane)
    deadline = time.monotonic() + timeout if timeout is not None else None
    while True:
        run = follower.step()
        if run.state_type in FINAL_TYPES:
            break
        patience.look(run)
        if deadline is not None and time.monotonic() >= deadline:
            raise click.ClickException(f"Flow run {run.name!r} is still {run.state_name} after {timeout} s.")
        time.sleep(_EVERY_SECONDS)
    duration = took(run.start_time, run.end_time)
    click.echo(f"Flow run {run.name!r} ended {run.state_name}{f' after {duration}' if duration else ''}.")
    if run.state_type is not StateType.COMPLETED:
        sys.exit(1)
