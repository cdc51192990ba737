"""Who waits for a word hears of it at once, costs nothing while it waits, and misses none between two questions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control.bus import Bus
from levada.core.errors import TooManyRequests
from levada.core.settings import DatabaseSettings
from levada.server.words import Words
from levada.store.base import Store
from levada.store.opening import open_store

WRITER, OTHER = "ab" * 16, "cd" * 16


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    opened = open_store(tmp_path, DatabaseSettings(url=url))
    yield opened
    opened.close()


@pytest.fixture
def words(store: Store) -> Iterator[Words]:
    bus = Bus(store)
    yield Words(bus)
    bus.close()


def say(store: Store, writer: str) -> None:
    store.transact(lambda transaction: transaction.announce("commands", writer))


async def waiting(words: Words, count: int) -> None:
    async with asyncio.timeout(10):
        while words.waiting != count:
            await asyncio.sleep(0.005)


async def test_a_word_answers_who_waits_for_it_and_nobody_else(store: Store, words: Words) -> None:
    mine = asyncio.create_task(words.wait(WRITER, 0, 20))
    others = asyncio.create_task(words.wait(OTHER, 0, 20))
    await waiting(words, 2)
    began = time.monotonic()
    await asyncio.to_thread(say, store, WRITER)
    assert await mine > 0
    assert time.monotonic() - began < 5
    assert not others.done()
    words.close()
    assert await others == 0
    assert words.waiting == 0


async def test_a_word_that_came_between_two_questions_is_heard_once(store: Store, words: Words) -> None:
    assert await words.wait(WRITER, 0, 0) == 0
    first = asyncio.create_task(words.wait(OTHER, 0, 20))
    await waiting(words, 1)
    await asyncio.to_thread(say, store, WRITER)
    await asyncio.to_thread(say, store, OTHER)
    await first
    number = await words.wait(WRITER, 0, 20)
    assert number > 0
    assert await words.wait(WRITER, number, 0.01) == number


async def test_hundreds_wait_without_a_thread_each(store: Store, words: Words) -> None:
    all_of_them = [asyncio.create_task(words.wait(f"{number:032x}", 0, 20)) for number in range(500)]
    await waiting(words, 500)
    words.close()
    assert await asyncio.gather(*all_of_them) == [0] * 500


async def test_no_more_wait_than_is_good(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada.server.words.MOST_WAITING", 1)
    first = asyncio.create_task(words.wait(WRITER, 0, 20))
    await waiting(words, 1)
    with pytest.raises(TooManyRequests, match="come again later"):
        await words.wait(OTHER, 0, 20)
    words.close()
    await first


async def test_old_words_are_forgotten(store: Store, words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada.server.words.MOST_KEPT", 1)
    for writer in (WRITER, OTHER):
        heard = asyncio.create_task(words.wait(writer, 0, 20))
        await waiting(words, 1)
        await asyncio.to_thread(say, store, writer)
        await heard
    assert await words.wait(WRITER, 0, 0) == 0
