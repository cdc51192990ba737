"""Digests of what authors really pass: flags, methods, closures, and objects that answer to any name."""

from __future__ import annotations

import enum
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from levada import flow, task
from levada.core.identity import digest_inputs


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def apply(self, value: int) -> int:
        return value * self.factor


class Hostile:
    """Raises at whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


def digest(value: Any) -> bytes:
    return digest_inputs({"value": value}).data


def test_an_empty_flag_has_no_name_and_is_digested_by_its_value() -> None:
    assert digest(Permission(0)) == digest(Permission(0)) != digest(Permission.READ)


def test_methods_of_different_objects_are_different_inputs() -> None:
    """They once stood only by their name, so the call with one could be answered with the other's result."""
    assert digest(Scale(1).apply) == digest(Scale(1).apply) != digest(Scale(2).apply)


def test_lambdas_with_different_defaults_are_different_inputs() -> None:
    one, two = (lambda x, n=n: x + n for n in (1, 2))
    assert digest(one) != digest(two)


@pytest.mark.parametrize("make", [Hostile, Mock, MagicMock, lambda: MagicMock(spec=dict), lambda: Mock(spec=list)])
def test_objects_that_lie_about_themselves_go_through_a_flow_as_they_are(make: Any, test_home: Any) -> None:
    @task
    def given(value: Any) -> Any:
        return value

    thing = make()

    @flow
    def passes() -> list[bool]:
        return [given(thing) is thing, given.submit(thing).result() is thing]

    assert passes() == [True, True]
