"""Generator flows and tasks, as their callers iterate them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from levada import flow, task

ended: list[tuple[str, str]] = []
cleaned: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ended.clear()
    cleaned.clear()


def note(subject: Any, _run: Any, state: Any) -> None:
    ended.append((subject.name, state.name))


HOOKS = {name: [note] for name in ("on_completion", "on_failure", "on_cancellation", "on_crashed")}


def items() -> Any:
    try:
        yield 1
        yield 2
    finally:
        cleaned.append("sync")


async def async_items() -> Any:
    try:
        yield 1
        yield 2
    finally:
        cleaned.append("async")


def failing() -> Any:
    yield 1
    raise ValueError("after one")


async def async_failing() -> Any:
    yield 1
    raise ValueError("after one")


def catching() -> Any:
    try:
        yield 1
    except KeyError:
        yield "caught"


@pytest.mark.parametrize("kind", [flow, task])
def test_a_generator_closed_early_is_completed_and_cleaned_up(kind: Any) -> None:
    run = kind(items, name="run", **HOOKS)()
    assert next(run) == 1
    run.close()
    assert cleaned == ["sync"]
    assert ended == [("run", "Completed")]


@pytest.mark.parametrize("kind", [flow, task])
def test_an_async_generator_closed_early_is_completed_and_cleaned_up(kind: Any) -> None:
    async def main() -> None:
        run = kind(async_items, name="run", **HOOKS)()
        assert await run.__anext__() == 1
        await run.aclose()

    asyncio.run(main())
    assert cleaned == ["async"]
    assert ended == [("run", "Completed")]


@pytest.mark.parametrize("kind", [flow, task])
def test_a_generator_that_fails_raises_at_its_caller(kind: Any) -> None:
    seen = []
    with pytest.raises(ValueError, match="after one"):
        seen.extend(item for item in kind(failing, name="run", **HOOKS)())
    assert ended == [("run", "Failed")]


@pytest.mark.parametrize("kind", [flow, task])
def test_an_async_generator_that_fails_raises_at_its_caller(kind: Any) -> None:
    # A regression: the run was recorded as Failed, and its caller saw a loop that simply ended.
    seen = []

    async def main() -> None:
        async for item in kind(async_failing, name="run", **HOOKS)():
            seen.append(item)

    with pytest.raises(ValueError, match="after one"):
        asyncio.run(main())
    assert seen == [1]
    assert ended == [("run", "Failed")]


@pytest.mark.parametrize("kind", [flow, task])
def test_what_a_caller_throws_in_goes_to_the_generator(kind: Any) -> None:
    run = kind(catching, name="run", **HOOKS)()
    assert next(run) == 1
    assert run.throw(KeyError()) == "caught"
    assert list(run) == []
    assert ended == [("run", "Completed")]


@pytest.mark.parametrize("kind", [flow, task])
def test_what_a_caller_sends_goes_to_the_generator(kind: Any) -> None:
    def echo() -> Any:
        got = yield "ready"
        while got is not None:
            got = yield f"got {got}"

    run = kind(echo, name="run", **HOOKS)()
    assert next(run) == "ready"
    assert run.send("this") == "got this"
    assert list(run) == []


@pytest.mark.parametrize("kind", [flow, task])
def test_a_generator_run_to_its_end_gives_all_items(kind: Any) -> None:
    assert list(kind(items, name="run", **HOOKS)()) == [1, 2]
    assert ended == [("run", "Completed")]
