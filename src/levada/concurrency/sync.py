"""Concurrency and rate limits for sync code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from levada.concurrency.asking import complain_if_lost, describe, is_strict, names_of, prepare, slots_here

__all__ = ["concurrency", "rate_limit"]


@contextmanager
def concurrency(
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
) -> Iterator[None]:
    """Hold slots of one or more limits for the length of the block; waits until all of them are free at once.

    Args:
        names: a limit, or several: their slots are had together or not at all.
        occupy: how many slots of each.
        timeout_seconds: how long to wait at most; as long as it takes when it is not given.
        max_retries: how often to ask again at most; without a bound when it is not given.
        lease_duration: seconds after which the slots are free again if this process goes silent; it renews them in the
            background (default: the setting `concurrency.lease_seconds`, 300).
        strict: whether a limit that does not exist is an error (default: the setting `concurrency.strict`, True);
            it bounds nothing otherwise.
        holder: who holds the slots, for people; host and process when it is not given.
        raise_on_lease_renewal_failure: raise at the end of the block when the slots were lost during it; a warning in
            the log otherwise.
        key: bound each key by itself: with `key="acme"`, slots are had of the limits as if each key had its own
            (`api[acme]`). A limit made under that name bounds this key differently.
        priority: whoever waits with a higher one is served first; of the same, whoever came first.

    Raises:
        ConcurrencySlotAcquisitionError: a limit does not exist, or has fewer slots than asked for.
        AcquireConcurrencySlotTimeoutError: the slots did not come free in time.
    """
    listed = names_of(names, key)
    if not listed:
        yield
        return
    slots = slots_here()
    holding = prepare(slots, listed, occupy, lease_duration, describe(holder), priority)
    try:
        slots.take(holding, strict=is_strict(strict), timeout=timeout_seconds, tries=max_retries)
        yield
    finally:
        slots.release(holding)
    complain_if_lost(holding, raise_on_lease_renewal_failure)


def rate_limit(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool | None = None,
    key: str | None = None,
) -> None:
    """Wait until limits with a slot decay let so many slots through.

    A limit of 10 slots that gives back 2 a second lets 10 through at once, and 2 a second from then on.

    Args:
        names: a limit, or several: they let through together or not at all.
        occupy: how many slots of each.
        timeout_seconds: how long to wait at most; as long as it takes when it is not given.
        strict: whether a limit that does not exist is an error (default: the setting `concurrency.strict`, True).

    Raises:
        ConcurrencySlotAcquisitionError: a limit does not exist, gives nothing back, or has fewer slots than asked for.
        AcquireConcurrencySlotTimeoutError: the slots would not come free in time.
    """
    listed = names_of(names, key)
    if listed:
        slots_here().pour(listed, occupy, strict=is_strict(strict), timeout=timeout_seconds)
