from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from levada.core.errors import RunCancelled
from levada.engine.guard import Guard, current_guard, dismiss_guard, interrupt, interrupt_thread, undisturbed

LONG = 30.0


class Guarded:
    """A thread with a guard that runs what a test gives it, step by step."""

    def __init__(self, body: Callable[[Guard], Any]) -> None:
        self.ready = threading.Event()
        self.outcome: Any = None
        self._body = body
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.ready.wait(LONG)

    def _run(self) -> None:
        self.guard = Guard()
        self.ready.set()
        try:
            self.outcome = self._body(self.guard)
        except BaseException as error:
            self.outcome = error

    def result(self) -> Any:
        self.thread.join(LONG)
        return self.outcome


def spin(until: threading.Event) -> str:
    end = time.monotonic() + LONG
    while not until.is_set() and time.monotonic() < end:
        pass
    return "not interrupted"


def test_a_request_reaches_code_that_runs_inside_the_guard() -> None:
    never, inside = threading.Event(), threading.Event()

    def body(guard: Guard) -> str:
        return guard.call(lambda: (inside.set(), spin(never)), (), {})

    thread = Guarded(body)
    assert inside.wait(LONG)
    thread.guard.request(RunCancelled)
    assert isinstance(thread.result(), RunCancelled)


def test_a_request_waits_while_the_engine_works() -> None:
    go, asked = threading.Event(), threading.Event()
    steps: list[str] = []

    def body(guard: Guard) -> str:
        spin(asked)
        steps.append("the engine's work is whole")
        go.wait(LONG)
        return guard.call(lambda: steps.append("never reached"), (), {})

    thread = Guarded(body)
    thread.guard.request(RunCancelled)
    asked.set()
    go.set()
    assert isinstance(thread.result(), RunCancelled)
    assert steps == ["the engine's work is whole"]


def test_a_request_waits_while_the_engine_works_for_code_that_called_it() -> None:
    inside, asked = threading.Event(), threading.Event()
    steps: list[str] = []

    def author() -> None:
        with undisturbed():
            inside.set()
            spin(asked)
            steps.append("the engine's work is whole")
        steps.append("never reached")

    thread = Guarded(lambda guard: guard.call(author, (), {}))
    assert inside.wait(LONG)
    thread.guard.request(RunCancelled)
    asked.set()
    assert isinstance(thread.result(), RunCancelled)
    assert steps == ["the engine's work is whole"]


def test_a_request_is_answered_once() -> None:
    never = threading.Event()
    inside = threading.Event()

    def body(guard: Guard) -> Any:
        with pytest.raises(RunCancelled):
            guard.call(lambda: (inside.set(), spin(never)), (), {})
        return guard.call(lambda: "the next call is untouched", (), {})

    thread = Guarded(body)
    assert inside.wait(LONG)
    thread.guard.request(RunCancelled)
    assert thread.result() == "the next call is untouched"


def test_a_request_that_meets_another_error_stays_for_the_next_call() -> None:
    def body(guard: Guard) -> Any:
        def author() -> None:
            with undisturbed():
                guard.request(RunCancelled)
                raise ValueError("its own")

        with pytest.raises(ValueError, match="its own"):
            guard.call(author, (), {})
        return guard.call(lambda: "never", (), {})

    assert isinstance(Guarded(body).result(), RunCancelled)


def test_a_request_that_came_too_late_can_be_forgotten() -> None:
    def body(guard: Guard) -> str:
        guard.request(RunCancelled)
        guard.reset()
        return guard.call(lambda: "fine", (), {})

    assert Guarded(body).result() == "fine"


def test_guards_nest() -> None:
    def body(guard: Guard) -> list[bool]:
        seen = []

        def outer() -> None:
            seen.append(guard.open)
            guard.open = False  # the engine, for a run inside the outer one
            guard.call(lambda: seen.append(guard.open), (), {})
            seen.append(guard.open)

        guard.call(outer, (), {})
        return [*seen, guard.open]

    assert Guarded(body).result() == [True, True, False, False]


def test_requests_in_the_moment_of_an_end_never_leak_out_of_the_guard() -> None:
    # Given calls that end while they are asked to stop, a thousand times
    over = threading.Event()
    counts = {"completed": 0, "cancelled": 0}

    def body(guard: Guard) -> str:
        while not over.is_set():
            try:
                guard.call(sum, ([1, 2, 3],), {})
                counts["completed"] += 1
            except RunCancelled:
                counts["cancelled"] += 1
            guard.reset()
        return "in order"

    thread = Guarded(body)
    for _ in range(1000):
        thread.guard.request(RunCancelled)
    over.set()
    assert thread.result() == "in order"


def test_a_thread_is_found_by_its_identity() -> None:
    never, inside = threading.Event(), threading.Event()
    thread = Guarded(lambda guard: guard.call(lambda: (inside.set(), spin(never)), (), {}))
    assert inside.wait(LONG)
    assert thread.thread.ident is not None
    assert interrupt(thread.thread.ident, RunCancelled)
    assert isinstance(thread.result(), RunCancelled)


def test_a_thread_without_a_guard_is_interrupted_wherever_it_is() -> None:
    never, inside = threading.Event(), threading.Event()
    caught: list[BaseException] = []

    def body() -> None:
        try:
            inside.set()
            spin(never)
        except RunCancelled as error:
            caught.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    assert inside.wait(LONG)
    assert thread.ident is not None
    assert interrupt(thread.ident, RunCancelled)
    thread.join(LONG)
    assert len(caught) == 1


def test_a_thread_that_is_not_there_is_not_interrupted() -> None:
    assert not interrupt_thread(1, RunCancelled)


def test_a_dismissed_guard_guards_no_more() -> None:
    assert current_guard() is None
    guard = Guard()
    assert current_guard() is guard
    dismiss_guard()
    assert current_guard() is None
    with undisturbed():
        pass
