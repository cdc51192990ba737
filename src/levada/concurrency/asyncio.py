"""Concurrency and rate limits for async code: the same as in `sync`, but waiting lets the event loop go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from levada.concurrency.asking import complain_if_lost, describe, is_strict, names_of, prepare, slots_here

__all__ = ["concurrency", "rate_limit"]


@asynccontextmanager
async def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float | None = None,
    strict: bool | None = None,
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,
    key: str | None = None,
    priority: int = 0,
) -> AsyncIterator[None]:
    """Hold slots of one or more limits for the length of the block; arguments and errors as in `sync.concurrency`."""
    listed = names_of(names, key)
    if not listed:
        yield
        return
    slots = slots_here()
    holding = prepare(slots, listed, occupy, lease_duration, describe(holder), priority)
    try:
        await slots.atake(holding, strict=is_strict(strict), timeout=timeout_seconds, tries=max_retries)
        yield
    finally:
        await slots.arelease(holding)
    complain_if_lost(holding, raise_on_lease_renewal_failure)


async def rate_limit(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool | None = None,
    key: str | None = None,
) -> None:
    """Wait until limits with a slot decay let so many slots through; arguments and errors as in `sync.rate_limit`."""
    listed = names_of(names, key)
    if listed:
        await slots_here().apour(listed, occupy, strict=is_strict(strict), timeout=timeout_seconds)
