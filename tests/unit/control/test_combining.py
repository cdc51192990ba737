"""Wishes that come together are carried out together, and none of them is hurt by another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from levada.control.combining import Combiner
from levada.core.errors import ObjectNotFound, StoreUnavailable, TooManyRequests
from levada.testing import eventually

PATIENCE = 20.0


class Work:
    """Carries wishes out when it is allowed to, and remembers which it got together."""

    def __init__(self) -> None:
        self.rounds: list[list[Any]] = []
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Event()
        self.refuse: Callable[[Sequence[Any]], Exception | None] = lambda _: None

    def __call__(self, wishes: Sequence[Any]) -> list[Any]:
        self.rounds.append(list(wishes))
        self.begun.set()
        assert self.open.wait(PATIENCE)
        if (error := self.refuse(wishes)) is not None:
            raise error
        return [wish if isinstance(wish, Exception) else f"did {wish}" for wish in wishes]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def combiner(work: Work) -> Iterator[Combiner[Any]]:
    made = Combiner(work, most_together=4, longest_line=6)
    yield made
    work.open.set()
    made.close()


def offered(combiner: Combiner[Any], wish: Any) -> Future[Any]:
    """What will become of a wish."""
    future: Future[Any] = Future()
    combiner.offer(wish, future.set_result)
    return future


def held(combiner: Combiner[Any], work: Work, *wishes: Any) -> list[Future[Any]]:
    """Wishes that wait in line behind one that is at work."""
    work.open.clear()
    work.begun.clear()
    futures = [offered(combiner, "first")]
    assert work.begun.wait(PATIENCE)
    return futures + [offered(combiner, wish) for wish in wishes]


def test_a_wish_alone_is_carried_out_by_who_asks(combiner: Combiner[Any], work: Work) -> None:
    threads: list[str] = []
    work.refuse = lambda _: threads.append(threading.current_thread().name)
    assert combiner.do("a") == "did a"
    assert threads == [threading.current_thread().name]
    assert not [one for one in threading.enumerate() if one.name == "levada-wishes"]


def test_what_comes_meanwhile_goes_together_in_its_order(combiner: Combiner[Any], work: Work) -> None:
    futures = held(combiner, work, 1, 2, 3, 4, 5)
    assert combiner.waiting == 5
    work.open.set()
    assert [future.result(PATIENCE) for future in futures] == [f"did {one}" for one in ("first", 1, 2, 3, 4, 5)]
    assert work.rounds == [["first"], [1, 2, 3, 4], [5]]
    assert (combiner.done, combiner.rounds, combiner.waiting) == (6, 3, 0)


def test_threads_that_ask_at_the_same_time_get_their_own_answers(work: Work) -> None:
    combiner: Combiner[Any] = Combiner(work)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(combiner.do, range(500)))
    assert answers == [f"did {number}" for number in range(500)]
    assert sorted(wish for batch in work.rounds for wish in batch) == list(range(500))
    combiner.close()


def test_what_is_refused_is_the_answer_of_its_wish_alone(combiner: Combiner[Any], work: Work) -> None:
    refusal = ObjectNotFound("there is none")
    futures = held(combiner, work, "a", refusal, "b")
    work.open.set()
    assert [future.result(PATIENCE) for future in futures[1:]] == ["did a", refusal, "did b"]
    with pytest.raises(ObjectNotFound, match="there is none"):
        combiner.do(refusal)


def test_one_that_breaks_the_transaction_is_found_and_the_others_are_done(
    combiner: Combiner[Any], work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    work.refuse = lambda wishes: ValueError("broken") if "bad" in wishes else None
    futures = held(combiner, work, "a", "bad", "b")
    work.open.set()
    answers = [future.result(PATIENCE) for future in futures]
    assert answers[1] == "did a"
    assert isinstance(answers[2], ValueError)
    assert answers[3] == "did b"
    assert work.rounds == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]
    assert "each is made by itself" in caplog.text


def test_when_the_database_is_away_all_who_wait_are_told_at_once(combiner: Combiner[Any], work: Work) -> None:
    work.refuse = lambda wishes: None if "first" in wishes else StoreUnavailable("away")
    futures = held(combiner, work, 1, 2, 3, 4, 5, 6)
    work.open.set()
    errors = [future.result(PATIENCE) for future in futures[1:]]
    assert all(isinstance(error, StoreUnavailable) and str(error) == "away" for error in errors)
    assert len({id(error) for error in errors}) == 6
    assert work.rounds == [["first"], [1, 2, 3, 4]]
    work.refuse = lambda _: None
    assert combiner.do("later") == "did later"


def test_a_line_that_is_full_sends_away_who_comes_next(combiner: Combiner[Any], work: Work) -> None:
    futures = held(combiner, work, *range(6))
    with pytest.raises(TooManyRequests, match="6 changes"):
        combiner.do("too many")
    with pytest.raises(TooManyRequests):
        combiner.offer("too many", lambda _: None)
    assert (combiner.refused, combiner.waiting) == (2, 6)
    work.open.set()
    assert [future.result(PATIENCE) for future in futures[1:]] == [f"did {one}" for one in range(6)]
    assert combiner.do("again") == "did again"


def test_who_cannot_be_told_keeps_nobody_else_waiting(
    combiner: Combiner[Any], work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    def deaf(_: Any) -> None:
        raise RuntimeError("the loop is closed")

    futures = held(combiner, work)
    combiner.offer("a", deaf)
    futures.append(offered(combiner, "b"))
    work.open.set()
    assert futures[-1].result(PATIENCE) == "did b"
    assert "cannot be told" in caplog.text


def test_closing_waits_for_what_is_in_line_and_ends_the_thread(combiner: Combiner[Any], work: Work) -> None:
    futures = held(combiner, work, 1, 2)
    with ThreadPoolExecutor(1) as thread:
        closed = thread.submit(combiner.close)
        work.open.set()
        closed.result(PATIENCE)
    assert [future.result(0) for future in futures] == ["did first", "did 1", "did 2"]
    assert not [one for one in threading.enumerate() if one.name == "levada-wishes"]
    assert offered(combiner, "after").result(PATIENCE) == "did after"


def test_the_thread_ends_when_nothing_comes(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada.control.combining.LINGER", 0.01)
    combiner: Combiner[Any] = Combiner(work)
    assert offered(combiner, "a").result(PATIENCE) == "did a"
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "levada-wishes"])
    assert offered(combiner, "b").result(PATIENCE) == "did b"
    combiner.close()


def test_a_forked_child_begins_with_an_empty_line(combiner: Combiner[Any], work: Work) -> None:
    futures = held(combiner, work, 1, 2)
    pid = os.fork()
    if pid == 0:
        work.open.set()
        ok = combiner.do("child") == "did child" and combiner.waiting == 0
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    work.open.set()
    assert [future.result(PATIENCE) for future in futures] == ["did first", "did 1", "did 2"]
