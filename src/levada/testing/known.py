"""The test helpers that Prefect authors know, by their names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from levada.testing.harness import Harness, harness


@contextmanager
def prefect_test_harness(server_startup_timeout: int | None = 30) -> Iterator[Harness]:
    """`harness`, under the name Prefect authors know; there is no server to wait for."""
    with harness() as test:
        yield test


@contextmanager
def assert_does_not_warn(ignore_warnings: list[type[Warning]] | None = None) -> Iterator[None]:
    """Check that nothing inside the block warns.

    Raises:
        AssertionError: something did.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ignore_warnings or []:
            warnings.filterwarnings("ignore", category=kind)
        try:
            yield
        except Warning as warning:
            raise AssertionError(f"Warning was raised. {warning!r}") from warning


def exceptions_equal(a: BaseException | None, b: BaseException | None) -> bool:
    """Whether two exceptions are of one type and have the same arguments."""
    if a is None or b is None:
        return a is b
    return type(a) is type(b) and a.args == b.args
