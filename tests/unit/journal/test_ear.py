"""A process hears at once that there is something to hear, from a server that can tell it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from levada.core.errors import ServerError, ServerUnavailable
from levada.journal import ear as module
from levada.journal.ear import Ear
from levada.testing import eventually


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_SECONDS", "SHORTEST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(module, name, 0.01)


@pytest.fixture
def listening() -> Iterator[Callable[[module.Await], tuple[Ear, threading.Semaphore]]]:
    made: list[Ear] = []

    def begin(await_word: module.Await) -> tuple[Ear, threading.Semaphore]:
        rung = threading.Semaphore(0)
        made.append(Ear(await_word, rung.release))
        made[-1].start()
        return made[-1], rung

    yield begin
    for ear in made:
        ear.stop()
        eventually(lambda ear=ear: not ear.listening)


def test_each_new_word_rings_once_and_is_asked_after_by_its_number(listening) -> None:
    asked: list[int] = []

    def await_word(after: int, seconds: float) -> int:
        asked.append(after)
        return min(after + 5, 10)

    _, rung = listening(await_word)
    eventually(lambda: len(asked) > 4)
    assert asked[:4] == [0, 5, 10, 10]
    assert rung.acquire(timeout=5)
    assert rung.acquire(timeout=5)
    assert not rung.acquire(blocking=False)


def test_a_server_that_is_away_is_asked_again(listening) -> None:
    answers = iter([ServerUnavailable("away"), ServerUnavailable("away"), 7])

    def await_word(after: int, seconds: float) -> int:
        answer = next(answers, after)
        if isinstance(answer, Exception):
            raise answer
        return answer

    _, rung = listening(await_word)
    assert rung.acquire(timeout=5)


def test_a_server_that_knows_no_words_is_not_asked_again(listening) -> None:
    def await_word(after: int, seconds: float) -> int:
        raise ServerError("does not know GET /ingest/words")

    ear, rung = listening(await_word)
    eventually(lambda: not ear.listening)
    assert not rung.acquire(blocking=False)
