"""What a server asks of a process is done to the runs that execute in it."""

from __future__ import annotations

import threading

import pytest

from levada import flow
from levada.engine.mailbox import carry_out
from levada.engine.signals import executing
from levada.exceptions import CancelledRun
from levada.testing import Harness
from levada.wire.ingest import Command


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("cancel", "Cancelled by ana.", "Cancelled by ana."),
        ("cancel", "", "Cancelled on request."),
        ("suspend", "", "Suspended on request"),
        ("fenced", "Its process is gone.", "Fenced: Its process is gone."),
    ],
)
def test_each_order_stops_the_run_and_says_why(test_home: Harness, kind: str, reason: str, said: str) -> None:
    done = []

    @flow
    def ask_to_stop_myself() -> None:
        ((run, epoch),) = executing()
        assert epoch == 1
        done.append(carry_out(Command(kind, run, reason=reason)))
        threading.Event().wait(10)

    with pytest.raises(CancelledRun):
        ask_to_stop_myself()
    assert done in ([True], [])  # the cancellation may strike before the answer is kept
    assert said in (test_home.flow_runs()[0].state.message or "")
    assert executing() == []


def test_an_order_about_a_run_that_is_not_here_changes_nothing(test_home: Harness) -> None:
    assert carry_out(Command("cancel", b"r" * 16)) is False


def test_an_order_of_a_newer_server_is_passed_over(test_home: Harness) -> None:
    assert carry_out(Command("teleport", b"r" * 16)) is True
