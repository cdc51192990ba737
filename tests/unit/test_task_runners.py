"""The base that all task runners share, on a runner that does the least."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from levada import task_runners
from levada.core.states import State, StateType
from levada.futures import Future
from levada.task_runners import Job, TaskRunner
from tests.unit.task_submissions import LONG, Call, submit


class InlineTaskRunner(TaskRunner):
    """Runs each job at once, where it becomes ready; `hold` keeps jobs for the test to run."""

    options: ClassVar[tuple[str, ...]] = ("hold",)

    def __init__(self, hold: bool = False) -> None:
        super().__init__()
        self.hold = hold
        self.held: list[Job] = []
        self.events: list[str] = []

    def _open(self) -> None:
        self.events.append("opened")

    def _start(self, job: Job) -> None:
        if self.hold:
            self.held.append(job)
        else:
            job.run()

    def _release(self, hasty: bool) -> None:
        self.events.append("released")


def test_a_runner_needs_to_implement_nothing_but_where_jobs_run() -> None:
    with InlineTaskRunner() as runner:
        assert submit(runner, lambda: 1).result() == 1
    assert runner.events == ["opened", "released"]
    assert runner.name == "inline"


def test_a_runner_opens_when_it_is_first_used() -> None:
    runner = InlineTaskRunner()
    assert runner.events == []
    assert submit(runner, lambda: 1).result() == 1
    assert runner.events == ["opened"]
    runner.close()


def test_options_describe_a_runner() -> None:
    runner = InlineTaskRunner(hold=True)
    assert repr(runner) == "InlineTaskRunner(hold=True)"
    assert runner.duplicate() == runner
    assert runner != InlineTaskRunner()
    assert runner != 5


def test_the_base_itself_cannot_run_anything_and_those_who_wait_learn_of_it() -> None:
    call = Call(int)
    with TaskRunner() as runner, pytest.raises(NotImplementedError):
        runner.submit_prepared(call)
    assert call.future.state.is_crashed()
    # Also when the fault comes to light later, in whatever thread ended the upstream.
    upstream: Future[None] = Future(b"u" * 16)
    later = submit(TaskRunner(), int, upstream)
    upstream.finish(State(StateType.COMPLETED))
    assert later.state.is_crashed()


def test_a_job_that_was_taken_back_is_not_run_by_a_late_runner() -> None:
    ran: list[int] = []
    runner = InlineTaskRunner(hold=True)
    future = submit(runner, lambda: ran.append(1))
    assert future.cancel()
    (job,) = runner.held
    job.run()
    assert ran == []
    assert future.state.is_cancelled()
    assert not future.cancel()
    runner.close()


def test_a_running_job_cannot_be_cancelled_where_the_runner_cannot_interrupt() -> None:
    answers: list[bool] = []
    with InlineTaskRunner() as runner:
        call = Call(lambda: answers.append(call.future.cancel()))
        runner.submit_prepared(call)
    assert answers == [False]


def test_closing_waits_until_the_last_job_has_ended() -> None:
    runner = InlineTaskRunner(hold=True)
    future = submit(runner, lambda: 1)
    closing = threading.Thread(target=runner.close)
    closing.start()
    assert future.wait(0.01) is None
    assert closing.is_alive()
    runner.held[0].run()
    closing.join(LONG)
    assert not closing.is_alive()
    assert future.result() == 1


def test_what_does_not_stop_in_time_is_given_up_and_recorded() -> None:
    runner = InlineTaskRunner(hold=True)
    call = Call(lambda: 1)
    future = runner.submit_prepared(call)
    runner.held[0].claim()  # as if it ran
    runner.close(grace=0.01)
    assert future.state.is_cancelled()
    assert "asked to stop and did not" in str(future.state.message)
    assert call.ended is future.state


async def test_what_does_not_stop_in_time_is_given_up_in_coroutines_too() -> None:
    runner = InlineTaskRunner(hold=True)
    future = submit(runner, lambda: 1)
    runner.held[0].claim()  # as if it ran
    await runner.aclose(grace=0.01)
    assert future.state.is_cancelled()


async def test_closing_in_a_coroutine_lets_the_loop_go_on() -> None:
    runner = InlineTaskRunner(hold=True)
    future = submit(runner, lambda: 1)
    runner_thread = threading.Timer(0.01, lambda: runner.held[0].run())
    runner_thread.start()
    await runner.aclose()
    assert future.done()
    assert runner.events == ["opened", "released"]
    runner_thread.join()


def test_a_batch_is_run_one_after_the_other_and_dependents_on_their_own() -> None:
    upstream: Future[None] = Future(b"u" * 16)
    seen: list[int] = []
    with InlineTaskRunner() as runner:
        calls: list[Any] = [
            Call(lambda: seen.append(0)),
            Call(lambda: seen.append(1), (upstream,)),
            Call(lambda: seen.append(2)),
        ]
        futures = runner.submit_batch(calls)
        assert seen == [0, 2]
        upstream.finish(State(StateType.COMPLETED))
    assert seen == [0, 2, 1]
    assert all(future.state.is_completed() for future in futures)


def test_the_module_names_what_authors_import() -> None:
    for name in task_runners.__all__:
        assert getattr(task_runners, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'NoSuchTaskRunner'"):
        task_runners.NoSuchTaskRunner
