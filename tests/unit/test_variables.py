"""Variables: explicit pairs for sync and async code, checked names and sizes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levada.core.errors import InvalidNameError
from levada.testing import harness
from levada.variables import Variable


@pytest.fixture(autouse=True)
def home(levada_home: Path) -> Iterator[Path]:
    """A home and a session of this test's own."""
    with harness() as test:
        yield test.home


VALUES = [None, True, 0, -3.5, "text", "", "ünï", [1, [2]], {"a": {"b": [None]}}, [], {}]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    Variable.set("answer", value)
    assert Variable.get("answer", default="nothing") == value
    assert type(Variable.get("answer")) is type(value)


def test_a_variable_that_is_not_there_gives_the_default() -> None:
    assert Variable.get("nowhere") is None
    assert Variable.get("nowhere", default=7) == 7


def test_setting_returns_the_variable() -> None:
    assert Variable.set("answer", 42, tags=["a"]) == Variable("answer", 42, ["a"])


def test_a_variable_is_replaced_only_when_that_is_said() -> None:
    Variable.set("answer", 1, tags=["first"])
    with pytest.raises(ValueError, match=r"'answer' exists already.*overwrite=True"):
        Variable.set("answer", 2)
    assert Variable.get("answer") == 1
    assert Variable.set("answer", 2, overwrite=True).tags == ["first"]
    assert Variable.set("answer", 3, tags=[], overwrite=True).tags == []
    assert Variable.get("answer") == 3


def test_overwriting_makes_one_that_is_not_there() -> None:
    Variable.set("answer", 2, overwrite=True)
    assert Variable.get("answer") == 2


def test_unsetting_says_whether_there_was_one() -> None:
    Variable.set("answer", 1)
    assert Variable.unset("answer") is True
    assert Variable.unset("answer") is False
    assert Variable.get("answer") is None


async def test_async_code_has_verbs_of_its_own() -> None:
    assert await Variable.aget("answer", default=0) == 0
    assert (await Variable.aset("answer", 1)).value == 1
    with pytest.raises(ValueError, match="exists already"):
        await Variable.aset("answer", 2)
    await Variable.aset("answer", 2, overwrite=True)
    assert await Variable.aget("answer") == 2
    assert await Variable.aunset("answer") is True
    assert await Variable.aunset("answer") is False


def test_sync_verbs_stay_sync_inside_a_running_loop() -> None:
    import asyncio  # lazy: one test needs it

    async def look() -> object:
        Variable.set("answer", 1)
        return Variable.get("answer")

    assert asyncio.run(look()) == 1


@pytest.mark.parametrize("name", ["", "Upper", "with space", "a/b", "é", "a" * 256])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="Variable name"):
        Variable.set(name, 1)


@pytest.mark.parametrize("name", ["a", "a-b_c-9", "a" * 255])
def test_a_name_may_have_lowercase_letters_digits_dashes_and_underscores(name: str) -> None:
    assert Variable.set(name, 1).name == name


def test_a_value_of_five_thousand_characters_is_the_largest() -> None:
    Variable.set("largest", "x" * 4998)
    with pytest.raises(ValueError, match="5001 characters"):
        Variable.set("larger", "x" * 4999)
    assert Variable.get("larger") is None


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", datetime(2026, 1, 1, tzinfo=UTC), float("nan"), 1 << 70])
def test_a_value_that_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="'answer' cannot hold"):
        Variable.set("answer", value)


def test_another_process_reads_what_this_one_set() -> None:
    Variable.set("answer", {"n": 42})
    program = "from levada.variables import Variable; print(Variable.get('answer')['n'])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "42\n"
