"""Waiting for flow runs to end: for those who delayed calls, ran deployments, or follow a run to its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from uuid import UUID

from levada.control.bus import Heard
from levada.control.streaming import Streaming
from levada.control.views import flow_run_view
from levada.core.errors import RequestInvalid
from levada.store.base import FIRST_FINAL_STATE, UNKNOWN_STATE
from levada.wire.objects import EndedRuns

TOPIC = "runs"
"""What is announced, with the runs' ids in hex, when flow runs change."""

MOST_AWAITED = 200
"""Runs that one request may wait for."""

LOOK_SECONDS = 0.25
"""Between two looks at what other processes of a home have recorded, without a server."""


class Awaiting(Streaming):
    """Answers when runs have ended; see `levada.wire.verbs.Runs`."""

    def await_flow_runs(self, runs: Sequence[UUID], wait: float = 0.0) -> EndedRuns:
        """Which of some flow runs have ended; held back while none has.

        Args:
            runs: at most 200.
            wait: seconds; while it waits, it takes in what the journals of the home gain.

        Raises:
            RequestInvalid: there are too many.
        """
        check_number(runs)
        found = self.ended_of(runs)
        if wait <= 0 or found.ended or found.unknown or not runs:
            return found
        deadline = time.monotonic() + wait
        woken = threading.Event()
        subscription = self.bus.subscribe({TOPIC}, woken.set, capacity=0)
        try:
            while not (found.ended or found.unknown) and (left := deadline - time.monotonic()) > 0:
                woken.wait(min(LOOK_SECONDS, left))
                woken.clear()
                self.drain()  # type: ignore[attr-defined]  # of the plane that this is a part of
                found = self.ended_of(runs)
        finally:
            self.bus.unsubscribe(subscription)
        return found

    def ended_of(self, runs: Collection[UUID]) -> EndedRuns:
        """Which of some flow runs have ended, as it stands."""
        with self.store.read() as transaction:
            rows = transaction.flow_runs.load({run.bytes for run in runs})
        ended = [flow_run_view(row) for row in rows.values() if FIRST_FINAL_STATE <= row.state != UNKNOWN_STATE]
        for run in ended:
            run.states = run.states[-1:]  # its history is a request away
        return EndedRuns(ended, [run for run in runs if run.bytes not in rows])


def check_number(runs: Collection[UUID]) -> None:
    """Make sure that a request can wait for so many runs.

    Raises:
        RequestInvalid: it cannot.
    """
    if len(runs) > MOST_AWAITED:
        raise RequestInvalid(
            f"One request waits for at most {MOST_AWAITED} flow runs.", (("$.runs", "has too many values"),)
        )


def concerned(heard: Heard, awaited: Collection[bytes]) -> set[bytes]:
    """Which of the awaited runs an announcement is about; all of them when some may have been missed."""
    if heard.missed:
        return set(awaited)
    said = {bytes.fromhex(run) for _, text in heard.said for run in text.replace(",", " ").split()}
    return said.intersection(awaited)
